"""Pulses, the watchdog's interval, notices to systemd."""

import os
import socket
from pathlib import Path

import pytest

from packshot.platform.pulse import Pulse, Vitals
from packshot.platform.sd_notify import notify, watchdog_interval_s


class Time:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_worker_that_does_not_beat_is_late() -> None:
    time = Time()
    pulse = Pulse("outbox", idle_limit_s=10, now=time)
    time.now += 9
    assert pulse.late_s() < 0
    time.now += 2
    assert pulse.late_s() == pytest.approx(1)
    pulse.beat()
    assert pulse.late_s() < 0


def test_a_long_step_may_take_as_long_as_it_said_and_no_longer() -> None:
    time = Time()
    pulse = Pulse("capture", idle_limit_s=10, now=time)
    with pulse.busy(60):
        time.now += 59
        assert pulse.late_s() < 0
        time.now += 2
        assert pulse.late_s() > 0
    assert pulse.late_s() < 0


def test_vitals_name_only_the_stuck_worker() -> None:
    vitals = Vitals()
    vitals.pulse("fine", idle_limit_s=60)
    vitals.pulse("stuck", idle_limit_s=0)
    assert vitals.stuck() == ["stuck"]


@pytest.mark.parametrize("abstract", [False, True])
def test_systemd_hears_every_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, abstract: bool) -> None:
    name = f"\0packshot-{os.getpid()}" if abstract else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(name)
        manager.settimeout(5)
        monkeypatch.setenv("NOTIFY_SOCKET", name.replace("\0", "@"))
        assert notify("READY=1", "STATUS=serving")
        assert manager.recv(100) == b"READY=1\nSTATUS=serving"


def test_without_systemd_nothing_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    assert not notify("READY=1")
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "gone"))
    assert not notify("READY=1")


def test_the_watchdog_is_due_at_half_its_period_and_only_for_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WATCHDOG_USEC", raising=False)
    assert watchdog_interval_s() is None
    monkeypatch.setenv("WATCHDOG_USEC", "20000000")
    assert watchdog_interval_s() == 10
    monkeypatch.setenv("WATCHDOG_PID", "1")
    assert watchdog_interval_s() is None
