"""A clock as the trigger: one capture every so many seconds."""

import math
import threading
import time

from packshot.errors import ConfigError
from packshot.trigger.port import Fire, TriggerAction


class TimerTrigger:
    """Fires every ``interval_s`` seconds, first after one interval; beats that were missed are left out."""

    def __init__(self, interval_s: float) -> None:
        """Raises ConfigError unless ``interval_s`` > 0."""
        if not interval_s > 0:
            raise ConfigError(f"trigger.interval_s is {interval_s}; it must be more than 0 seconds")
        self._interval_s = interval_s
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def problem(self) -> str:
        """A clock lacks nothing."""
        return ""

    def start(self, fire: Fire) -> None:
        """Begin to beat."""
        self._thread = threading.Thread(target=self._beat, args=(fire,), name="trigger timer", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop beating."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def _beat(self, fire: Fire) -> None:
        began, beat = time.monotonic(), 0
        while True:
            elapsed_s = time.monotonic() - began
            beat = _next_beat(beat, elapsed_s, self._interval_s)
            if self._stop.wait(beat * self._interval_s - elapsed_s):
                return
            fire(TriggerAction.CAPTURE, "")


def _next_beat(last: int, elapsed_s: float, interval_s: float) -> int:
    """The number of the next beat: the one after ``last``, or the first that is not in the past."""
    return max(last + 1, math.ceil(elapsed_s / interval_s))
