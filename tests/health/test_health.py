"""What ``state`` says of a box that is well, and of one that is not."""

import json
from pathlib import Path
from typing import Any

import pytest

from packshot.domain import Stage
from packshot.errors import SpoolError, SpoolFull
from packshot.health import Health
from packshot.platform.board import Board
from packshot.platform.procfs import HostFiles
from packshot.spool.port import SpoolDepth
from packshot.spool.trouble import SpoolBusy

WELL = {
    "sys/class/thermal/thermal_zone0/temp": "50000",
    "sys/devices/platform/soc/soc:firmware/get_throttled": "0",
    "proc/meminfo": "MemAvailable: 4000000 kB",
    "proc/self/status": "VmRSS:    100 kB",
}


class Store:
    """The part of a spool that health looks at."""

    def __init__(self) -> None:
        self.trouble: Exception | None = None

    def depth(self) -> SpoolDepth:
        if isinstance(self.trouble, SpoolError):
            raise self.trouble
        return SpoolDepth({Stage.CUT: 2, Stage.RECEIPTED: 5}, used_bytes=10, free_bytes=1000, oldest_s=3.25)

    def check_room(self) -> None:
        if self.trouble:
            raise self.trouble


class Listener:
    """The part of a bus that is published to."""

    connected = True

    def __init__(self) -> None:
        self.heard: list[tuple[str, dict[str, Any]]] = []

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        assert retain, topic
        self.heard.append((topic, json.loads(payload)))


class Box:
    """A health that can be made ill."""

    def __init__(self, folder: Path, **files: str) -> None:
        for name, text in {**WELL, **files}.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text)
        self.store, self.bus = Store(), Listener()
        self.problems: dict[str, str] = {"camera": "", "engine": ""}
        self.engine = "litert-xnnpack"
        self.health = Health(
            self.bus,  # type: ignore[arg-type]
            "packshot/box",
            self.store,  # type: ignore[arg-type]
            {"version": "1"},
            lambda: self.problems,
            lambda: self.engine,
            lambda: False,
            lambda: "2026-01-01T00:00:00Z",
            Board(HostFiles(folder)),
        )


def test_a_box_that_is_well_says_all_that_it_measures(tmp_path: Path) -> None:
    state = Box(tmp_path).health.state()
    assert state["degraded"] == []
    assert state["camera"] == "ok"
    assert state["engine"] == "litert-xnnpack"
    assert state["temperature_c"] == 50.0
    assert state["throttled"] == []
    assert state["under_voltage"] is False
    assert state["memory_bytes"] == 100 * 1024
    assert state["memory_available_bytes"] == 4_000_000 * 1024
    spool = {"waiting": 2, "stages": {"cut": 2, "receipted": 5}, "oldest_s": 3.2, "used_bytes": 10, "free_bytes": 1000}
    assert state["spool"] == spool


@pytest.mark.parametrize(
    ("name", "text", "part"),
    [
        ("sys/class/thermal/thermal_zone0/temp", "81000", "temperature"),
        ("sys/devices/platform/soc/soc:firmware/get_throttled", "1", "power"),
        ("proc/meminfo", "MemAvailable: 60000 kB", "memory"),
    ],
)
def test_a_board_in_trouble_is_degraded(tmp_path: Path, name: str, text: str, part: str) -> None:
    (reason,) = Box(tmp_path, **{name: text}).health.state()["degraded"]
    assert reason.startswith(f"{part}: ")


def test_under_voltage_has_a_field_of_its_own(tmp_path: Path) -> None:
    state = Box(tmp_path, **{"sys/devices/platform/soc/soc:firmware/get_throttled": "1"}).health.state()
    assert state["under_voltage"] is True
    assert state["throttled"] == ["under-voltage"]


def test_a_full_disk_is_said_before_a_shutter_is_refused(tmp_path: Path) -> None:
    box = Box(tmp_path)
    box.store.trouble = SpoolFull("the spool has no room")
    assert box.health.state()["degraded"] == ["disk: the spool has no room"]


def test_an_index_that_is_held_while_room_is_looked_for_is_a_reason_and_no_crash(tmp_path: Path) -> None:
    box = Box(tmp_path)
    box.store.trouble = SpoolBusy("another process holds the index")
    assert box.health.state()["degraded"] == ["disk: another process holds the index"]


def test_a_spool_that_cannot_be_read_is_a_reason_and_no_crash(tmp_path: Path) -> None:
    box = Box(tmp_path)
    box.store.trouble = SpoolError("the index is damaged")
    state = box.health.state()
    assert state["degraded"] == ["spool: the index is damaged"]
    assert state["spool"] == {"waiting": 0}


def test_the_engine_is_the_one_that_worked_last_and_a_change_is_told_at_once(tmp_path: Path) -> None:
    box = Box(tmp_path)
    box.health.tick()
    box.health.tick()
    box.engine = "edgetpu"
    box.health.tick()
    assert [state["engine"] for _, state in box.bus.heard] == ["litert-xnnpack", "edgetpu"]


def test_a_camera_that_goes_is_told_at_once(tmp_path: Path) -> None:
    box = Box(tmp_path)
    box.health.tick()
    box.problems["camera"] = "it was unplugged"
    box.health.tick()
    topic, state = box.bus.heard[-1]
    assert topic == "packshot/box/state"
    assert (state["camera"], state["degraded"]) == ("problem", ["camera: it was unplugged"])
