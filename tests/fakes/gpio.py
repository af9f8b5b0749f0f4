"""A GPIO line without a chip: the finger is a method."""

import queue
import time
from collections.abc import Sequence
from typing import Self

from packshot.trigger.button import Edge


class FakeLine:
    """Implements ``packshot.trigger.button.Line``; ``pull`` makes it fail as a chip that is unbound does."""

    def __init__(self) -> None:
        self._edges: queue.Queue[Edge | OSError] = queue.Queue()
        self.released = 0

    def press(self, seconds: float = 0.1) -> None:
        """Down and up again, without waiting: the time stamps say how long."""
        now = time.monotonic()
        self._edges.put(Edge(True, now - seconds))
        self._edges.put(Edge(False, now))

    def hold(self, seconds: float) -> None:
        """Down since some seconds, and not let go."""
        self._edges.put(Edge(True, time.monotonic() - seconds))

    def pull(self) -> None:
        """Fail the next wait."""
        self._edges.put(OSError(19, "No such device"))

    def wait(self, timeout_s: float) -> Sequence[Edge]:
        """One edge at a time."""
        try:
            edge = self._edges.get(timeout=min(timeout_s, 0.02))
        except queue.Empty:
            return ()
        if isinstance(edge, OSError):
            raise edge
        return (edge,)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.released += 1


class FakeOutputs:
    """Implements ``packshot.lamp.gpio.Outputs``; keeps what burns and all that was switched."""

    def __init__(self) -> None:
        self.on: set[int] = set()
        self.switched: list[tuple[int, bool]] = []
        self.released = 0
        self.fault: OSError | None = None

    def set(self, line: int, on: bool) -> None:
        """Switch a line."""
        if self.fault is not None:
            raise self.fault
        self.switched.append((line, on))
        (self.on.add if on else self.on.discard)(line)

    def release(self) -> None:
        """Count the calls."""
        self.released += 1
