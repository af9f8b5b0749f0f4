"""The kernel's files below a prefix."""

from pathlib import Path

from packshot.platform.procfs import HostFiles


def test_text_and_numbers_are_read_below_the_prefix(tmp_path: Path) -> None:
    zone = tmp_path / "sys" / "class" / "thermal" / "thermal_zone0"
    zone.mkdir(parents=True)
    (zone / "temp").write_text("48312\n")
    (zone / "flags").write_text("0x50005\n")
    (zone / "type").write_bytes(b"cpu\xff-thermal\n")
    host = HostFiles(tmp_path)
    folder = "sys/class/thermal/thermal_zone0"
    assert host.number(f"{folder}/temp") == 48312
    assert host.number(f"{folder}/flags") == 0x50005
    assert host.text(f"{folder}/type") == "cpu\N{REPLACEMENT CHARACTER}-thermal"
    assert host.exists(f"{folder}/temp")


def test_what_this_board_does_not_have_is_none(tmp_path: Path) -> None:
    host = HostFiles(tmp_path)
    assert host.text("sys/nothing") is None
    assert host.number("sys/nothing") is None
    assert not host.exists("sys/nothing")
    (tmp_path / "word").write_text("unknown")
    (tmp_path / "empty").write_text("")
    assert host.number("word") is None
    assert host.number("empty") is None


def test_real_proc_is_there() -> None:
    uptime = HostFiles().text("proc/uptime")
    assert uptime is not None and float(uptime.split()[0]) > 0
