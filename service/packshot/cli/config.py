"""``packshot config check|dump|diff``."""

import argparse
import sys

from packshot.cli.common import add_config, config_of, loaded
from packshot.config import differences, dump


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """``check`` exits 2 with the reason when the configuration is wrong; ``diff`` shows what is not the default."""
    parser.add_argument("action", choices=["check", "dump", "diff"])
    add_config(parser)


def run(args: argparse.Namespace) -> int:
    """Print what was asked."""
    if args.action == "dump":
        sys.stdout.write(dump(config_of(args)))
    elif args.action == "diff":
        _print_differences(args)
    else:
        _check(args)
    return 0


def _check(args: argparse.Namespace) -> None:
    from packshot.kiosk.check import check_kiosk
    from packshot.wiring import check_config  # the parts' own checks; heavier than `dump` and `diff` need

    read = loaded(args)
    check_config(read.config)
    check_kiosk(read.config.kiosk)
    sources = sorted(set(read.origins.values()))
    print(f"configuration is valid ({', '.join(sources) or 'built-in defaults only'})")


def _print_differences(args: argparse.Namespace) -> None:
    read = loaded(args)
    for key, (default, value) in differences(read.config).items():
        origin = read.origins.get(key) or read.origins.get(key.rsplit(".", 1)[0], "")
        print(f"{key} = {value!r}  # default {default!r}, from {origin}")
