"""Numbers over time, as a listener on MQTT and as Prometheus sees them."""

import json
import socket
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from packshot.domain import Stage
from packshot.platform.exporter import Exporter
from packshot.stats import Stats

STATE: dict[str, Any] = {
    "ts": "2026-01-01T00:00:00Z",
    "engine": "litert-xnnpack",
    "busy": False,
    "spool": {"waiting": 2, "stages": {"cut": 2}, "oldest_s": 3.5, "used_bytes": 10, "free_bytes": 1000},
    "memory_bytes": 5,
    "memory_available_bytes": 7,
    "temperature_c": 61.5,
    "throttled": ["under-voltage"],
    "under_voltage": True,
    "degraded": ["camera: it is gone: look at the cable", "power: weak"],
}


class Listener:
    """The part of a bus that is published to."""

    connected = True

    def __init__(self) -> None:
        self.heard: list[tuple[str, dict[str, Any], int, bool]] = []

    def publish(self, topic: str, payload: bytes, *, qos: int = 1, retain: bool = False) -> None:
        self.heard.append((topic, json.loads(payload), qos, retain))


def stats(every_s: float = 0.0, state: dict[str, Any] = STATE) -> tuple[Stats, Listener]:
    listener = Listener()
    return Stats(listener, "packshot/box", lambda: state, every_s), listener  # type: ignore[arg-type]


def scrape(counted: Stats) -> dict[tuple[str, str], float]:
    """What Prometheus reads: (name, value of the label) -> number."""
    exporter = Exporter(0, counted.metrics)
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{exporter.port}/metrics", timeout=10) as answer:
            assert answer.headers["Content-Type"].startswith("text/plain; version=")
            text = answer.read().decode()
    finally:
        exporter.close()
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    return {(sample.name, "".join(sample.labels.values())): sample.value for sample in samples}


def test_captures_and_cutouts_are_counted() -> None:
    counted, _ = stats()
    for stage in (Stage.ACCEPTED, Stage.CUT, Stage.ACCEPTED, Stage.HELD):
        counted.hear("01x", stage)
    counted.cut("edgetpu", {"network": 20.0, "total": 300.0})
    counted.cut("litert-xnnpack", {"network": 60.0, "total": 500.0})
    numbers = counted.numbers()
    assert numbers["captures"] == {"accepted": 2, "cut": 1, "held": 1}
    assert numbers["engines"] == {"edgetpu": 1, "litert-xnnpack": 1}
    assert numbers["cut_ms"]["network"] == {"count": 2, "mean": 40.0, "max": 60.0, "last": 60.0}
    assert numbers["degraded"] == 2
    assert numbers["temperature_c"] == 61.5


def test_a_scrape_has_the_same_numbers_in_base_units() -> None:
    counted, _ = stats()
    counted.hear("01x", Stage.ACCEPTED)
    counted.cut("edgetpu", {"total": 250.0})
    read = scrape(counted)
    assert read[("packshot_captures_total", "accepted")] == 1
    assert read[("packshot_cutouts_total", "edgetpu")] == 1
    assert read[("packshot_cut_seconds_total", "total")] == 0.25
    assert read[("packshot_temperature_celsius", "")] == 61.5
    assert read[("packshot_under_voltage", "")] == 1
    assert read[("packshot_spool_waiting", "")] == 2
    assert read[("packshot_degraded", "camera")] == 1
    assert read[("packshot_engine", "litert-xnnpack")] == 1


def test_a_scrape_shows_nothing_of_the_process_that_was_not_asked_for() -> None:
    assert all(name.startswith("packshot_") for name, _ in scrape(stats()[0]))


def test_what_a_board_cannot_measure_is_left_out() -> None:
    bare = STATE | {
        "temperature_c": None,
        "throttled": [],
        "under_voltage": False,
        "degraded": [],
        "spool": {"waiting": 0},
    }
    read = scrape(stats(state=bare)[0])
    assert not any("celsius" in name for name, _ in read)
    assert read[("packshot_under_voltage", "")] == 0
    assert not any(name == "packshot_degraded" for name, _ in read)


def test_the_topic_is_told_without_retain_and_only_when_due(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    counted, listener = stats(every_s=60.0)
    counted.tick()
    assert listener.heard == []
    now = 160.0
    counted.tick()
    counted.tick()
    ((topic, numbers, qos, retain),) = listener.heard
    assert (topic, qos, retain) == ("packshot/box/stats", 0, False)
    assert numbers["v"] == 1


def test_every_zero_seconds_means_never() -> None:
    counted, listener = stats(every_s=0.0)
    counted.tick()
    assert listener.heard == []


def test_a_port_that_is_taken_is_said_and_does_no_harm() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        exporter = Exporter(taken.getsockname()[1], list)
        assert "stats.prometheus_port" in exporter.problem
        exporter.close()


def test_only_this_machine_can_ask() -> None:
    exporter = Exporter(0, list)
    try:
        listening = [
            line.split()[1] for line in Path("/proc/net/tcp").read_text().splitlines() if line.split()[3] == "0A"
        ]
        assert f"0100007F:{exporter.port:04X}" in listening
    finally:
        exporter.close()
