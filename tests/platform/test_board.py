"""Readings of the board, from a folder that looks like one."""

from pathlib import Path

from packshot.platform.board import Board
from packshot.platform.procfs import HostFiles


def board(folder: Path, **files: str) -> Board:
    for name, text in files.items():
        path = folder / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return Board(HostFiles(folder))


def test_a_raspberry_pi_names_itself_and_its_trouble(tmp_path: Path) -> None:
    pi = board(
        tmp_path,
        **{
            "proc/device-tree/model": "Raspberry Pi 5 Model B Rev 1.0\0",
            "sys/class/thermal/thermal_zone0/temp": "61350\n",
            "sys/class/thermal/thermal_zone1/temp": "58000\n",
            "sys/devices/platform/soc/soc:firmware/get_throttled": "50005\n",
            "proc/meminfo": "MemTotal: 8000000 kB\nMemAvailable:    4000000 kB\n",
        },
    )
    assert pi.model() == "Raspberry Pi 5 Model B Rev 1.0"
    assert pi.temperature_c() == 61.35
    assert pi.throttled() == ["under-voltage", "throttled"]
    assert pi.memory_available_bytes() == 4_000_000 * 1024


def test_a_machine_without_sensors_has_no_readings(tmp_path: Path) -> None:
    bare = board(tmp_path)
    assert bare.temperature_c() is None
    assert bare.throttled() == []
    assert bare.memory_available_bytes() is None
    assert bare.model()


def test_this_process_holds_some_memory() -> None:
    held = Board().resident_bytes()
    assert held is not None
    assert held > 2**20
