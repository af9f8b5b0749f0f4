"""The topic ``preview``: every now and then a small JPEG of what the camera sees, for panels and dashboards."""

import time
from collections.abc import Callable
from contextlib import suppress

from packshot.bus.port import Bus
from packshot.errors import BrokerError
from packshot.preview import LivePreview, PreviewMode, Subscription

PATIENCE_S = 5.0


class Glimpses:
    """Looks on for one picture, publishes it retained, and looks away until the next is due."""

    def __init__(
        self,
        bus: Bus,
        root: str,
        preview: LivePreview,
        every_s: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``every_s`` 0 means no ``preview`` topic."""
        self._bus = bus
        self._topic = f"{root}/preview"
        self._preview = preview
        self._every_s = every_s
        self._clock = clock
        self._due = clock() + every_s
        self._onlooker: Subscription | None = None

    def tick(self) -> None:
        """Ask for a picture if one is due, publish one that has come; called about once a second, never waits."""
        now = self._clock()
        if self._onlooker is not None:
            self._look(self._onlooker, now)
        elif self._every_s and now >= self._due and self._bus.connected:
            self._due = now + self._every_s
            self._onlooker = self._preview.subscribe(PreviewMode.PLAIN)

    def close(self) -> None:
        """Look away."""
        if self._onlooker is not None:
            self._onlooker.close()
            self._onlooker = None

    def _look(self, onlooker: Subscription, now: float) -> None:
        frame = onlooker.next(0)
        if frame is not None:
            with suppress(BrokerError):
                self._bus.publish(self._topic, frame.data, qos=0, retain=True)
        if frame is not None or now >= self._due - self._every_s + PATIENCE_S:
            self.close()
