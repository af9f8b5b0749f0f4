"""``packshot demo``."""

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Exits 0 only if every capture was receipted and lies in the storefront folder as the receipt says."""
    parser.add_argument("-o", "--output", type=Path, default=Path("demo"), metavar="FOLDER", help="default ./demo")
    parser.add_argument("--kiosk", action="store_true", help="serve the pages to a browser until Ctrl-C")
    parser.add_argument("--port", type=int, default=8480, help="of the pages; default 8480, or a free one if taken")
    parser.add_argument("--preset", default="web", help="a marketplace's rules; default web")


def run(args: argparse.Namespace) -> int:
    """Run it."""
    if args.kiosk:
        from packshot.demo.kiosk import run_kiosk

        return run_kiosk(args.output.resolve(), args.preset, args.port)
    from packshot.demo.show import run_demo

    return run_demo(args.output.resolve(), args.preset)
