"""Signs of life: a worker beats as it makes progress, the watchdog is fed only while all of them do."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Pulse:
    """The heartbeat of one worker; it is late when nothing was heard for longer than it allowed itself.

    ``idle_limit_s`` is the longest pause between two turns of the worker's loop. Inside ``busy(limit_s)`` a single
    step may take ``limit_s`` instead.
    """

    def __init__(self, name: str, idle_limit_s: float = 10.0, now: Callable[[], float] = time.monotonic) -> None:
        self.name = name
        self._idle_limit_s = idle_limit_s
        self._now = now
        self._lock = threading.Lock()
        self._due = now() + idle_limit_s

    def beat(self) -> None:
        """Progress was made."""
        with self._lock:
            self._due = self._now() + self._idle_limit_s

    @contextmanager
    def busy(self, limit_s: float) -> Iterator[None]:
        """A step that may take up to ``limit_s`` seconds."""
        with self._lock:
            self._due = self._now() + limit_s
        try:
            yield
        finally:
            self.beat()

    def late_s(self) -> float:
        """Seconds overdue; 0 or less while all is well."""
        with self._lock:
            return self._now() - self._due


class Vitals:
    """All pulses of the process."""

    def __init__(self) -> None:
        self._pulses: list[Pulse] = []

    def pulse(self, name: str, idle_limit_s: float = 10.0) -> Pulse:
        """A new pulse that counts from now on."""
        pulse = Pulse(name, idle_limit_s)
        self._pulses.append(pulse)
        return pulse

    def stuck(self) -> list[str]:
        """Names of the workers that are overdue."""
        return [pulse.name for pulse in self._pulses if pulse.late_s() > 0]
