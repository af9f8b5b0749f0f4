"""Processes that start fast: forked from a server that has everything imported, then on their own.

What runs in them is ``packshot.cli.main`` with the arguments of the command line. Starting Python and its libraries
takes a second each time, which is spared here, so that an hour of torture has thousands of lives instead of hundreds.
"""

import multiprocessing
import os
import sys
from collections.abc import Sequence
from multiprocessing.process import BaseProcess
from pathlib import Path

PRELOADED = [
    "tools.torturing.nursery",
    "packshot.cli.run",
    "packshot.cli.uploader",
    "packshot.lives",
    "packshot.uploader",
    "packshot.bus.mqtt",
    "packshot.spool.sqlite_spool",
    "packshot.storefront.ledger",
    "packshot.encode.photo",
    "packshot.encode.picture",
    "ai_edge_litert.interpreter",
]


class Nursery:
    """Starts ``packshot`` processes."""

    def __init__(self) -> None:
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(PRELOADED)

    def start(self, arguments: Sequence[str], log: Path) -> BaseProcess:
        """``packshot ARGUMENTS`` as a process of its own; what it says is appended to ``log``."""
        process = self._context.Process(target=live, args=(list(arguments), str(log)))
        process.start()
        return process


def live(arguments: list[str], log: str) -> None:
    """What such a process does with its life."""
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    from packshot.cli import main

    sys.exit(main(arguments))
