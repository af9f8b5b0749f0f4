"""Random, capped, growing waits between attempts."""

import random
from collections.abc import Callable


class Backoff:
    """Waits with full jitter: each is random between half and all of a ceiling that doubles up to ``cap_s``.

    Jitter keeps a fleet that lost its broker at one moment from coming back at one moment.
    """

    def __init__(self, first_s: float, cap_s: float, uniform: Callable[[float, float], float] = random.uniform) -> None:
        self._first_s = first_s
        self._cap_s = cap_s
        self._uniform = uniform
        self.attempts = 0

    def next_s(self) -> float:
        """Seconds to wait before the next attempt."""
        ceiling = min(self._cap_s, self._first_s * 2.0 ** min(self.attempts, 32))
        self.attempts += 1
        return self._uniform(ceiling / 2, ceiling)

    def reset(self) -> None:
        """The last attempt succeeded; begin again with the shortest wait."""
        self.attempts = 0
