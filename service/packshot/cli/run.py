"""``packshot run``: the daemon."""

import argparse

from packshot.cli.common import add_config


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """SIGTERM finishes the capture in hand and stops, SIGHUP reads the configuration again."""
    add_config(parser)


def run(args: argparse.Namespace) -> int:
    """Serve until told to stop."""
    from packshot.lives import main

    return main(args.config)
