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


def test_a_raspberry_pi_5_has_an_address_in_its_firmware_s_name(tmp_path: Path) -> None:
    name = "sys/devices/platform/soc@107c000000/soc@107c000000:firmware/get_throttled"
    assert board(tmp_path, **{name: "50002\n"}).throttled() == ["frequency capped"]


def test_what_was_and_is_over_limits_nothing_now(tmp_path: Path) -> None:
    name = "sys/devices/platform/soc/soc:firmware/get_throttled"
    assert board(tmp_path, **{name: "f0000\n"}).throttled() == []


def test_without_the_firmware_s_file_the_kernel_s_alarm_counts(tmp_path: Path) -> None:
    alarm = {"sys/class/hwmon/hwmon1/name": "rpi_volt\n", "sys/class/hwmon/hwmon1/in0_lcrit_alarm": "1\n"}
    assert board(tmp_path, **alarm).throttled() == ["under-voltage"]
    assert board(tmp_path, **{"sys/class/hwmon/hwmon1/in0_lcrit_alarm": "0\n"}).throttled() == []


def test_a_processor_slowed_down_to_cool_is_capped_and_a_fan_that_turns_is_not(tmp_path: Path) -> None:
    devices = {
        "sys/class/thermal/cooling_device0/type": "pwm-fan\n",
        "sys/class/thermal/cooling_device0/cur_state": "3\n",
        "sys/class/thermal/cooling_device1/type": "cpufreq-cpu0\n",
        "sys/class/thermal/cooling_device1/cur_state": "0\n",
    }
    assert board(tmp_path, **devices).throttled() == []
    assert board(tmp_path, **{"sys/class/thermal/cooling_device1/cur_state": "2\n"}).throttled() == ["frequency capped"]


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
