"""The units under a real systemd, with a program in the updater's place that only writes down how it was called."""

import subprocess
from collections.abc import Iterator

import pytest

from tests.container.device import REPOSITORY, Device, base_root, what_is_missing
from tests.support.waiting import eventually

MISSING = what_is_missing()
pytestmark = [pytest.mark.container, pytest.mark.skipif(bool(MISSING), reason=f"container tests: {MISSING}")]

UNITS = "/usr/local/lib/systemd/system"
LOG = "/var/log/calls"
RUN = f"""#!/bin/sh
echo "$@" >>{LOG}
case "$2$4" in
  guard) exit $(cat /root/guard-fails 2>/dev/null || echo 0) ;;
  watch) rm /var/lib/packshot-updater/pending ;;
  install--no-wait) rm /run/packshot/update-request 2>/dev/null ;;
esac
"""
DAEMON = (
    "[Service]\nType=exec\nUser=\nGroup=\nLoadCredential=\nExecStart=\nExecStart=/bin/sleep infinity\nRestartSec=0.2\n"
)


@pytest.fixture(scope="module")
def device(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Device]:
    folder, wheels = tmp_path_factory.mktemp("units"), tmp_path_factory.mktemp("none")
    try:
        root = base_root()
    except subprocess.CalledProcessError as error:
        pytest.skip(f"container tests: no Debian root, is there a network? {str(error.stderr)[-300:]}")
    with Device(folder, root, wheels, name="upd") as device:
        device.boot()
        for unit in (REPOSITORY / "deploy/update").glob("packshot*"):
            device.write(f"{UNITS}/{unit.name}", unit.read_text())
        for name in ("packshotd.service", "packshot.target"):
            device.write(f"{UNITS}/{name}", (REPOSITORY / "deploy/systemd" / name).read_text())
        device.write(f"{UNITS}/packshotd.service.d/test.conf", DAEMON)
        device.write("/opt/packshot/updater/run", RUN)
        device.run("chmod", "+x", "/opt/packshot/updater/run")
        device.run("mkdir", "-p", "/var/lib/packshot-updater")
        device.run("touch", LOG)
        device.run("systemctl", "daemon-reload")
        units = ("packshot.target", "packshotd.service", "packshot-update-watch.path", "packshot-update-request.path")
        device.run("systemctl", "enable", "--now", *units)
        device.until_active("packshotd.service")
        yield device


@pytest.fixture(autouse=True)
def clean(device: Device) -> None:
    device.run("sh", "-c", f"rm -f /var/lib/packshot-updater/* /root/guard-fails; : >{LOG}")


def calls(device: Device) -> list[str]:
    return device.out("cat", LOG).splitlines()


def test_without_a_probation_a_start_costs_nothing(device: Device) -> None:
    device.run("systemctl", "restart", "packshotd")
    assert calls(device) == []


def test_every_start_in_a_probation_is_counted_before_the_daemon_runs(device: Device) -> None:
    device.run("touch", "/var/lib/packshot-updater/guarded")
    device.run("systemctl", "restart", "packshotd")
    assert calls(device) == ["update guard"]


def test_a_start_after_a_crash_is_counted_too(device: Device) -> None:
    device.run("touch", "/var/lib/packshot-updater/guarded")
    for count in (1, 2, 3):
        device.run("systemctl", "kill", "-s", "KILL", "packshotd")
        eventually(lambda wanted=count: len(calls(device)) == wanted, "the count")  # type: ignore[misc]
        device.until_active("packshotd.service")


def test_a_guard_that_fails_does_not_keep_the_daemon_from_starting(device: Device) -> None:
    device.write("/root/guard-fails", "1")
    device.run("touch", "/var/lib/packshot-updater/guarded")
    device.run("systemctl", "restart", "packshotd")
    assert device.out("systemctl", "is-active", "packshotd") == "active"


def test_a_request_is_handed_to_the_updater_once_also_after_the_daemon_was_restarted(device: Device) -> None:
    for _ in range(2):
        device.run("touch", "/run/packshot/update-request")
        eventually(lambda: calls(device) == ["update install --requested --no-wait"], "the request being heard")
        eventually(lambda: device.out("ls", "/run/packshot") == "", "the request being taken")
        device.run("systemctl", "restart", "packshotd")
        device.run("sh", "-c", f": >{LOG}")


def test_a_probation_is_watched_at_once_and_after_a_boot(device: Device) -> None:
    device.run("touch", "/var/lib/packshot-updater/pending")
    eventually(lambda: calls(device) == ["update watch"], "the watch")
    device.run("systemctl", "stop", "packshot-update-watch.path")
    device.run("touch", "/var/lib/packshot-updater/pending", "/var/lib/packshot-updater/guarded")
    device.run("sync")
    device.cut_power()
    device.boot()
    eventually(lambda: sorted(calls(device))[-2:] == ["update watch", "update watch"], "the watch after the boot")
    assert "update guard" in calls(device)


def test_the_timer_asks_at_its_hour(device: Device) -> None:
    device.run("systemctl", "start", "packshot-update.timer")
    assert device.property("packshot-update.timer", "NextElapseUSecRealtime") != ""
    device.run("systemctl", "start", "packshot-update.service")
    eventually(lambda: calls(device) == ["update install --automatic --no-wait"], "the look")
