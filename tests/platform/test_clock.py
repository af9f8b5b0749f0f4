"""A clock that says whether it can be believed."""

import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from packshot.platform import clock
from packshot.platform.clock import SystemClock, parse_rfc3339, rfc3339
from packshot.platform.procfs import HostFiles

IN_1970 = 5_000
IN_2026 = 1_790_000_000_000


@pytest.fixture
def board(tmp_path: Path) -> Path:
    """The files of a Raspberry Pi that has just started."""
    model = tmp_path / "proc" / "device-tree" / "model"
    model.parent.mkdir(parents=True)
    model.write_bytes(b"Raspberry Pi 5 Model B Rev 1.0\0")
    return tmp_path


def clock_at(
    now_ms: int, prefix: Path, monkeypatch: pytest.MonkeyPatch, kernel: bool = False, trusted: bool = False
) -> SystemClock:
    monkeypatch.setattr(time, "time_ns", lambda: now_ms * 1_000_000)
    monkeypatch.setattr(clock, "kernel_clock_in_step", lambda: kernel)
    return SystemClock(HostFiles(prefix), trusted)


def test_board_without_network_time_is_not_believed(board: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not clock_at(IN_2026, board, monkeypatch).synchronised()


def test_board_is_believed_once_timesyncd_has_set_it(board: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mark = board / "run" / "systemd" / "timesync" / "synchronized"
    mark.parent.mkdir(parents=True)
    mark.touch()
    assert clock_at(IN_2026, board, monkeypatch).synchronised()


def test_board_is_believed_when_the_kernel_says_some_daemon_keeps_it(
    board: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert clock_at(IN_2026, board, monkeypatch, kernel=True).synchronised()


def test_board_with_a_battery_is_believed_by_order(board: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert clock_at(IN_2026, board, monkeypatch, trusted=True).synchronised()


def test_pc_or_virtual_machine_is_believed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert clock_at(IN_2026, tmp_path, monkeypatch).synchronised()


def test_1970_is_never_believed(board: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not clock_at(IN_1970, board, monkeypatch, kernel=True, trusted=True).synchronised()


def test_kernel_answers_without_being_asked_to_change_anything() -> None:
    assert clock.kernel_clock_in_step() in (True, False)


def test_monotonic_time_does_not_go_back() -> None:
    moments = [SystemClock().monotonic_ms() for _ in range(1000)]
    assert moments == sorted(moments)


@given(st.integers(0, 253_402_300_799_999))
def test_time_reads_back_to_the_millisecond(ms: int) -> None:
    assert parse_rfc3339(rfc3339(ms)) == ms


@pytest.mark.parametrize(
    "text, ms",
    [
        ("1970-01-01T00:00:00Z", 0),
        ("2024-02-29T12:00:00.5+01:00", 1_709_204_400_500),
        ("2024-02-29t11:00:00z", 1_709_204_400_000),
        ("2024-02-29 11:00:00Z", 1_709_204_400_000),
    ],
)
def test_ok__rfc3339_forms(text: str, ms: int) -> None:
    assert parse_rfc3339(text) == ms


@pytest.mark.parametrize(
    "text",
    [
        "",
        "now",
        "2024-02-29",
        "2024-02-29T11:00:00",
        "2023-02-29T11:00:00Z",
        "2024-W09-4T11:00:00Z",
        "20240229T110000Z",
        "2024-02-29T11:00Z",
    ],
)
def test_fail__not_rfc3339(text: str) -> None:
    with pytest.raises(ValueError, match=r"RFC 3339|day is out of range"):
        parse_rfc3339(text)
