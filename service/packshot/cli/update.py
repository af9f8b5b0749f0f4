"""``packshot update``: the box's side of fleet updates, done by the updater in an environment of its own."""

import argparse
import importlib.util
import os
import sys
from pathlib import Path

from packshot.errors import UsageError

UPDATER = Path("/opt/packshot/updater/run")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """See ``packshot update COMMAND --help``."""
    if not _is_updater():
        _hand_over()
    from packshot.update import main

    main.add_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Check, install, roll back, tell."""
    from packshot.update import main

    return main.run(args)


def _is_updater() -> bool:
    """The releases themselves come without python-tuf: whoever is updated does not judge updates."""
    return importlib.util.find_spec("tuf") is not None


def _hand_over() -> None:
    """Become the updater; raises UsageError where none is installed."""
    if not UPDATER.exists():
        raise UsageError(f"there is no updater in {UPDATER.parent}; install it: sudo deploy/install.sh")
    os.execv(UPDATER, [str(UPDATER), *sys.argv[1:]])  # noqa: S606 - the same command, by the program made for it
