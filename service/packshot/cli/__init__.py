"""The command line: one thin module per group of commands, loaded only when its command is called."""

import argparse
import importlib
import os
import sys
from typing import Protocol, cast

from packshot import __version__
from packshot.errors import EXIT_OTHER, EXIT_USAGE, PackshotError

# command -> (module, one line of help)
COMMANDS = {
    "demo": ("demo", "the whole appliance on this machine: broker, sample photos, daemon, uploader, contact sheet"),
    "cut": ("cut", "cut out photos or folders of photos"),
    "run": ("run", "the daemon: camera to spool to MQTT"),
    "uploader": ("uploader", "the storefront side: takes offers from MQTT and uploads them"),
    "capture": ("capture", "ask a running daemon for a capture, over MQTT"),
    "spool": ("spool", "look at and mend the spool"),
    "selftest": ("selftest", "golden photo through camera, accelerator and spool"),
    "info": ("info", "version, board, model, engine, runtimes"),
    "config": ("config", "check, dump or diff the configuration"),
    "bench": ("bench", "stage by stage time, bytes and memory on this machine"),
}


class Command(Protocol):
    """What a module of this package offers."""

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare options."""

    def run(self, args: argparse.Namespace) -> int:
        """Do it; returns the exit code."""


def main(argv: list[str] | None = None) -> int:
    """``packshot``: returns the exit code; every expected error is one line on stderr."""
    arguments = sys.argv[1:] if argv is None else argv
    parser, verbose = _parser(arguments), "--verbose" in arguments
    args = parser.parse_args(arguments)
    if args.command is None:
        parser.print_help()
        return EXIT_USAGE
    try:
        return _load(args.command).run(args)
    except PackshotError as error:
        return _report(str(error), error.exit_code, verbose)
    except KeyboardInterrupt:
        return _report("interrupted", 130, verbose=False)
    except BrokenPipeError:
        # The reader of our output went away (`packshot ... | head`): nothing to say, and nowhere to say it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_OTHER
    except OSError as error:
        return _report(f"{error.filename or 'system'}: {error.strerror or error}", EXIT_OTHER, verbose)


def daemon_main() -> int:
    """``packshotd``: ``packshot run``."""
    return main(["run", *sys.argv[1:]])


def uploader_main() -> int:
    """``packshot-uploader``: ``packshot uploader``."""
    return main(["uploader", *sys.argv[1:]])


def _parser(arguments: list[str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="packshot", description="A photo goes in at the shutter, a publishable cutout comes out at the storefront."
    )
    parser.add_argument("--version", action="version", version=f"packshot {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    called = next((word for word in arguments if not word.startswith("-")), None)
    for name, (_, text) in COMMANDS.items():
        command = commands.add_parser(name, help=text, description=text)
        if name == called:
            _load(name).add_arguments(command)
            command.add_argument("--verbose", action="store_true", help="show the traceback of an error")
    return parser


def _load(name: str) -> Command:
    return cast("Command", importlib.import_module(f"packshot.cli.{COMMANDS[name][0]}"))


def _report(text: str, code: int, verbose: bool) -> int:
    if verbose:
        import traceback  # costs milliseconds that `packshot --help` should not pay

        traceback.print_exc()
    first_line = " ".join(text.split())
    print(f"packshot: {first_line}", file=sys.stderr)
    return code
