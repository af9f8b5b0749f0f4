"""How much one caller may ask: a bucket of requests, and a few tries at the PIN."""

import time
from collections import OrderedDict, deque
from collections.abc import Callable

MAX_CALLERS = 2000


class Buckets:
    """A token bucket per caller: ``burst`` requests at once, ``per_s`` a second over time. For one thread."""

    def __init__(self, per_s: float, burst: float, now: Callable[[], float] = time.monotonic) -> None:
        self._per_s = per_s
        self._burst = burst
        self._now = now
        self._levels: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, caller: str) -> float:
        """0 if the request may pass, else the seconds after which it may."""
        now = self._now()
        level, seen = self._levels.pop(caller, (self._burst, now))
        level = min(self._burst, level + (now - seen) * self._per_s)
        wait_s = 0.0 if level >= 1 else (1 - level) / self._per_s
        self._levels[caller] = (level - 1 if level >= 1 else level, now)
        if len(self._levels) > MAX_CALLERS:
            self._levels.popitem(last=False)
        return wait_s


class Tries:
    """Wrong PINs: ``each`` per caller and ``together`` by all callers within ``window_s``. For one thread."""

    def __init__(
        self, each: int = 5, together: int = 30, window_s: float = 300.0, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._each = each
        self._window_s = window_s
        self._now = now
        self._wrong: deque[tuple[float, str]] = deque(maxlen=together)

    def wait_s(self, caller: str) -> float:
        """0 if the caller may try, else the seconds after which it may."""
        now = self._now()
        while self._wrong and self._wrong[0][0] <= now - self._window_s:
            self._wrong.popleft()
        own = [at for at, who in self._wrong if who == caller]
        if len(own) >= self._each:
            return own[-self._each] + self._window_s - now
        if len(self._wrong) == self._wrong.maxlen:
            return self._wrong[0][0] + self._window_s - now
        return 0.0

    def failed(self, caller: str) -> None:
        """One try more."""
        self._wrong.append((self._now(), caller))
