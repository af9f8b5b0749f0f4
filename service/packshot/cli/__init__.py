"""The command line: one thin module per group of commands, loaded only when its command is called."""

import errno
import importlib
import os
import sys
from types import ModuleType

from packshot import __version__
from packshot.errors import EXIT_OTHER, EXIT_SPOOL, EXIT_USAGE, PackshotError

TYPE_CHECKING = False  # as typing.TYPE_CHECKING, without the cost of importing typing
if TYPE_CHECKING:
    import argparse

DISK_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO)
# command -> (module, one line of help)
COMMANDS = {
    "demo": ("demo", "the whole appliance on this machine: broker, sample photos, daemon, uploader, contact sheet"),
    "cut": ("cut", "cut out photos or folders of photos"),
    "id-photo": ("id_photo", "measured, cropped, checked ID photos and print sheets"),
    "lint": ("lint", "what in a picture breaks a marketplace's rules"),
    "run": ("run", "the daemon: camera to spool to MQTT"),
    "uploader": ("uploader", "the storefront side: takes offers from MQTT and uploads them"),
    "capture": ("capture", "ask a running daemon for a capture, over MQTT"),
    "plate": ("plate", "photograph the empty scene, so that cutouts are made from the difference to it"),
    "spool": ("spool", "look at and mend the spool"),
    "selftest": ("selftest", "golden photo through camera, accelerator and spool"),
    "info": ("info", "version, board, model, engine, runtimes"),
    "config": ("config", "check, dump or diff the configuration"),
    "provision": ("provision", "first boot: device id, key and certificate request"),
    "update": ("update", "check, install, roll back: fleet updates, the box's side"),
    "support-bundle": ("support_bundle", "pack state, logs and configuration without secrets"),
    "bench": ("bench", "stage by stage time, bytes and memory on this machine"),
}


def main(argv: list[str] | None = None) -> int:
    """``packshot``: returns the exit code; every expected error is one line on stderr."""
    arguments = sys.argv[1:] if argv is None else argv
    first = arguments[0] if arguments else ""
    if first in ("", "-h", "--help", "help"):
        print(_overview())
        return 0 if first else EXIT_USAGE
    if first == "--version":
        print(f"packshot {__version__}")
        return 0
    if first not in COMMANDS:
        return _report(f"no command {first!r}; `packshot --help` lists them", EXIT_USAGE, verbose=False)
    return _run(first, arguments[1:])


def daemon_main() -> int:
    """``packshotd``: ``packshot run``."""
    return main(["run", *sys.argv[1:]])


def uploader_main() -> int:
    """``packshot-uploader``: ``packshot uploader``."""
    return main(["uploader", *sys.argv[1:]])


def _overview() -> str:
    # Written here and not by argparse, whose import alone would double the cost of `packshot --help`.
    width = max(map(len, COMMANDS))
    lines = [f"  {name.ljust(width)}  {text}" for name, (_, text) in COMMANDS.items()]
    head = ["usage: packshot COMMAND [...]", "", "A photo goes in at the shutter, a publishable cutout comes out.", ""]
    tail = "`packshot COMMAND --help` explains each; `packshot --version`."
    return "\n".join([*head, "commands:", *lines, "", tail])


def _run(name: str, arguments: list[str]) -> int:
    verbose = "--verbose" in arguments
    try:
        command = _load(name)
        return int(command.run(_parser(name, command).parse_args(arguments)))
    except PackshotError as error:
        return _report(str(error), error.exit_code, verbose)
    except KeyboardInterrupt:
        return _report("interrupted", 130, verbose=False)
    except BrokenPipeError:
        # The reader of our output went away (`packshot ... | head`): nothing to say, and nowhere to say it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_OTHER
    except OSError as error:
        code = EXIT_SPOOL if error.errno in DISK_ERRORS else EXIT_OTHER
        return _report(f"{error.filename or 'system'}: {error.strerror or error}", code, verbose)


def _parser(name: str, command: ModuleType) -> "argparse.ArgumentParser":
    import argparse

    text = COMMANDS[name][1]
    parser = argparse.ArgumentParser(prog=f"packshot {name}", description=text[0].upper() + text[1:] + ".")
    command.add_arguments(parser)
    parser.add_argument("--verbose", action="store_true", help="show the traceback of an error")
    return parser


def _load(name: str) -> ModuleType:
    return importlib.import_module(f"packshot.cli.{COMMANDS[name][0]}")


def _report(text: str, code: int, verbose: bool) -> int:
    if verbose:
        import traceback  # costs milliseconds that `packshot --help` should not pay

        traceback.print_exc()
    first_line = " ".join(text.split())
    print(f"packshot: {first_line}", file=sys.stderr)
    return code
