"""Numbers over time: captures by stage, how long cutting takes, and the readings of ``state``.

The same numbers go out twice: as ``stats`` over MQTT, for whoever listens, and to ``exporter`` as Prometheus metrics.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import msgspec

from packshot.bus.port import Bus
from packshot.domain import Stage
from packshot.errors import BrokerError
from packshot.platform.exporter import Metric

State = Callable[[], Mapping[str, Any]]


@dataclass
class Durations:
    """Milliseconds of one stage of the cutout: how often it ran, all of them together, the longest, the last."""

    count: int = 0
    total_ms: float = 0.0
    max_ms: float = 0.0
    last_ms: float = 0.0

    def add(self, ms: float) -> None:
        """One more."""
        self.count += 1
        self.total_ms += ms
        self.max_ms = max(self.max_ms, ms)
        self.last_ms = ms


@dataclass
class _Counted:
    stages: Counter[str] = field(default_factory=Counter)
    engines: Counter[str] = field(default_factory=Counter)
    durations: dict[str, Durations] = field(default_factory=dict)


class Stats:
    """Counts from the start of the daemon; safe to feed from any thread."""

    def __init__(self, bus: Bus, root: str, state: State, every_s: float) -> None:
        """``state`` is ``Health.state``; ``every_s`` 0 means no ``stats`` topic."""
        self._bus = bus
        self._root = root
        self._state = state
        self._every_s = every_s
        self._began = time.monotonic()
        self._due = self._began + every_s
        self._counted = _Counted()
        self._lock = threading.Lock()

    def hear(self, _capture_id: str, stage: Stage) -> None:
        """A capture reached a stage; see ``JobAnnouncer.listen``."""
        with self._lock:
            self._counted.stages[stage.value] += 1

    def cut(self, engine: str, stage_ms: Mapping[str, float]) -> None:
        """A cutout was made."""
        with self._lock:
            self._counted.engines[engine] += 1
            for stage, ms in stage_ms.items():
                self._counted.durations.setdefault(stage, Durations()).add(ms)

    def tick(self) -> None:
        """Publish ``stats`` if it is due; called about once a second."""
        now = time.monotonic()
        if self._every_s and now >= self._due and self._bus.connected:
            self._due = now + self._every_s
            with suppress(BrokerError):
                self._bus.publish(f"{self._root}/stats", msgspec.json.encode(self.numbers()), qos=0)

    def numbers(self) -> dict[str, Any]:
        """The payload of ``stats``: what was counted since the start, and ``state``'s readings as they are now."""
        state = self._state()
        with self._lock:
            counted = {
                "captures": dict(self._counted.stages),
                "engines": dict(self._counted.engines),
                "cut_ms": {
                    stage: {
                        "count": one.count,
                        "mean": round(one.total_ms / one.count, 2),
                        "max": one.max_ms,
                        "last": one.last_ms,
                    }
                    for stage, one in self._counted.durations.items()
                },
            }
        readings = ("spool", "memory_bytes", "memory_available_bytes", "temperature_c", "throttled", "under_voltage")
        return {
            "v": 1,
            "ts": state["ts"],
            "uptime_s": round(time.monotonic() - self._began, 1),
            **counted,
            **{name: state[name] for name in readings},
            "degraded": len(state["degraded"]),
        }

    def metrics(self) -> list[Metric]:
        """The same for Prometheus, in base units (prometheus.io/docs/practices/naming)."""
        state = self._state()
        with self._lock:
            return [*self._counters(), *_gauges(state)]

    def _counters(self) -> list[Metric]:
        stages, engines, durations = self._counted.stages, self._counted.engines, self._counted.durations
        return [
            Metric("captures_total", "Captures that reached a stage.", "counter", "stage", dict(stages)),
            Metric("cutouts_total", "Cutouts by the engine that made them.", "counter", "engine", dict(engines)),
            Metric(
                "cut_seconds_total",
                "Time spent cutting out, by stage; stages on two threads overlap.",
                "counter",
                "stage",
                {stage: one.total_ms / 1000 for stage, one in durations.items()},
            ),
            Metric(
                "cut_last_seconds",
                "The same for the last cutout.",
                "gauge",
                "stage",
                {stage: one.last_ms / 1000 for stage, one in durations.items()},
            ),
            Metric("uptime_seconds", "Since the daemon began.", "gauge", values={"": time.monotonic() - self._began}),
        ]


def _gauges(state: Mapping[str, Any]) -> list[Metric]:
    spool = state["spool"]
    single = (
        ("spool_waiting", "Captures that wait for their receipt.", spool.get("waiting")),
        ("spool_oldest_seconds", "Age of the oldest of them.", spool.get("oldest_s")),
        ("spool_used_bytes", "Held by the spool.", spool.get("used_bytes")),
        ("disk_free_bytes", "Free where the spool lies.", spool.get("free_bytes")),
        ("memory_resident_bytes", "Held by the daemon.", state["memory_bytes"]),
        ("memory_available_bytes", "What programs can still get.", state["memory_available_bytes"]),
        ("temperature_celsius", "The hottest zone of the board.", state["temperature_c"]),
        ("under_voltage", "1 while the supply is too weak.", float(state["under_voltage"])),
        ("busy", "1 while a photo is taken.", float(state["busy"])),
    )
    reasons = [text.partition(": ")[0] for text in state["degraded"]]
    return [
        *(Metric(name, text, "gauge", values={"": value}) for name, text, value in single if value is not None),
        Metric("spool_captures", "Captures in the spool by stage.", "gauge", "stage", dict(spool.get("stages", {}))),
        Metric("degraded", "1 for each part that has a problem.", "gauge", "part", dict.fromkeys(reasons, 1)),
        Metric("throttled", "1 for each limit of the board.", "gauge", "limit", dict.fromkeys(state["throttled"], 1)),
        Metric("engine", "1 for the engine that made the last result.", "gauge", "engine", {state["engine"]: 1}),
    ]
