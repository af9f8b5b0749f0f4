"""Notices to whoever listens: ``job/<capture_id>`` and ``last/image``. Without a broker they are dropped."""

import threading
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress

from packshot.bus.port import Bus
from packshot.composer import Composer
from packshot.cut_result import CutResult
from packshot.domain import Stage
from packshot.errors import BrokerError
from packshot.messages import JobEvent, encode
from packshot.platform.clock import Clock, rfc3339
from packshot.presets import Preset

REMEMBERED = 1000
LAST_IMAGE = Preset(format="jpg", background="#ffffff", frame="square", fill=0.85, target_side=480, quality=80)


class JobAnnouncer:
    """Publishes every step with the milliseconds since the step before; the spool knows the truth."""

    def __init__(self, bus: Bus, root: str, clock: Clock) -> None:
        self._bus = bus
        self._root = root
        self._clock = clock
        self._last: OrderedDict[str, int] = OrderedDict()
        self._listeners: list[Callable[[str, Stage], None]] = []
        self._lock = threading.Lock()

    def listen(self, hear: Callable[[str, Stage], None]) -> None:
        """Also tell ``hear(capture_id, stage)``, at once and in the announcing thread: it must not block or raise."""
        self._listeners.append(hear)

    def __call__(self, capture_id: str, stage: Stage, request_id: str = "", reason: str = "") -> None:
        """See ``capture.Announce``."""
        now = self._clock.monotonic_ms()
        job = JobEvent(
            stage=stage.value,
            ts=rfc3339(self._clock.now_ms()),
            ms=self._since_last(capture_id, now),
            monotonic_ms=now,
            request_id=request_id,
            reason=reason,
        )
        with suppress(BrokerError):
            self._bus.publish(f"{self._root}/job/{capture_id}", encode(job))
        for hear in self._listeners:
            hear(capture_id, stage)

    def _since_last(self, capture_id: str, now: int) -> float:
        with self._lock:
            before = self._last.pop(capture_id, now)
            self._last[capture_id] = now
            if len(self._last) > REMEMBERED:
                self._last.popitem(last=False)
        return float(now - before)


def publish_last_image(bus: Bus, root: str, composer: Composer, result: CutResult) -> None:
    """``last/image``: a small JPEG of the last cutout on white, for panels and dashboards."""
    if result.bbox is None or not bus.connected:
        return
    with suppress(BrokerError):
        bus.publish(f"{root}/last/image", composer.picture(result, LAST_IMAGE).data, qos=0, retain=True)
