"""What ends a long-running command: signals of the system, and whoever else may ask."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from types import FrameType


class Ending(Enum):
    """Why serving ended."""

    STOP = "stop"
    RELOAD = "reload"
    RESTART = "restart"


class Control:
    """What signals and commands ask of the main loop."""

    def __init__(self) -> None:
        self.ending: Ending | None = None
        self._event = threading.Event()

    def ask(self, ending: Ending) -> None:
        """End serving; the first to ask wins, except that a stop is always a stop."""
        if self.ending is None or ending is Ending.STOP:
            self.ending = ending
        self._event.set()

    def wait(self, timeout_s: float) -> bool:
        """True once somebody asked."""
        return self._event.wait(timeout_s)


@contextmanager
def signals(control: Control) -> Iterator[None]:
    """SIGTERM and SIGINT stop, SIGHUP reloads; the former handlers come back afterwards."""
    wanted = {signal.SIGTERM: Ending.STOP, signal.SIGINT: Ending.STOP, signal.SIGHUP: Ending.RELOAD}

    def handle(number: int, _frame: FrameType | None) -> None:
        control.ask(wanted[signal.Signals(number)])

    before = {number: signal.signal(number, handle) for number in wanted}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
