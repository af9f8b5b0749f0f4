"""The curtain: while a person sits before the camera, only the browser that serves them sees its picture."""

import threading
import time
from collections.abc import Callable

from packshot.errors import RetryLater
from packshot.kiosk.darkroom import owner_of
from packshot.kiosk.door import Caller, Refusal

HOLD_S = 6.0
OCCUPIED = "somebody is being photographed; wait a moment"


class Curtain:
    """Closed by one browser, which keeps it closed by looking; it opens by itself once nobody looks. Thread-safe."""

    def __init__(self, on_change: Callable[[bool], None], now: Callable[[], float] = time.monotonic) -> None:
        self._on_change = on_change
        self._now = now
        self._holder = ""
        self._until = 0.0
        self._lock = threading.Lock()

    @property
    def closed(self) -> bool:
        """Whether somebody is being photographed."""
        with self._lock:
            return self._now() < self._until

    def check_open(self) -> None:
        """Raises RetryLater while somebody is being photographed."""
        if self.closed:
            raise RetryLater(OCCUPIED)

    def close(self, caller: Caller) -> None:
        """Close it for this caller; raises Refusal while it is closed by another."""
        with self._lock:
            name, now = owner_of(caller), self._now()
            if self._holder != name and now < self._until:
                raise Refusal(409, "occupied", "somebody is being photographed at another screen; wait a moment")
            before = now < self._until
            self._holder, self._until = name, now + HOLD_S
        if not before:
            self._on_change(True)

    def keep(self, caller: Caller) -> bool:
        """Keep it closed while looking; False if it is not this caller's any more."""
        with self._lock:
            if self._holder != owner_of(caller) or self._until == 0.0:
                return False
            self._until = self._now() + HOLD_S
            return True

    def held_by(self, caller: Caller) -> bool:
        """Whether this caller may look behind it."""
        with self._lock:
            return self._holder == owner_of(caller) and self._now() < self._until

    def open(self, caller: Caller) -> None:
        """Open it, if it is this caller's."""
        with self._lock:
            if self._holder != owner_of(caller):
                return
            self._holder, self._until = "", 0.0
        self._on_change(False)
