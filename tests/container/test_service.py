"""The units at work: captures from another machine, reload, restart, sandbox."""

import json
import os
import stat
from pathlib import Path
from typing import Any

from tests.container.conftest import INSIDE, device_id, order, receipted, topic
from tests.container.device import Device
from tests.support.appliance import Ear
from tests.support.waiting import eventually

UNIT = "/usr/local/lib/systemd/system/packshotd.service"
REFUSED = {"EPERM", "EACCES", "EROFS", "ENOENT", "ENOSYS", "EAFNOSUPPORT"}
INPUT_MAJOR = 13


def test_a_capture_ordered_from_another_machine_ends_in_the_storefront(device: Device, ear: Ear) -> None:
    capture_id = order(device, ear, "first", sku="B-7")
    receipted(device, ear, capture_id)
    assert device.out("ls", "/srv/packshot/B-7/B-7_0.webp")
    assert device.out("stat", "-c", "%U", "/srv/packshot/B-7/B-7_0.webp") == "packshot-uploader"


def test_one_capture_can_be_followed_through_the_journal(device: Device, ear: Ear) -> None:
    capture_id = order(device, ear, "followed")
    receipted(device, ear, capture_id)
    lines = device.out("journalctl", "-o", "json", "--no-pager", f"PACKSHOT_CAPTURE={capture_id}").splitlines()
    entries = [json.loads(line) for line in lines]
    assert any(entry["MESSAGE"].startswith("info capture cut") for entry in entries)
    assert {entry["PRIORITY"] for entry in entries} == {"6"}


def test_reload_and_restart_keep_the_unit_up(device: Device, ear: Ear) -> None:
    pid, lives = device.property("packshotd", "MainPID"), lives_of(device)
    device.run("systemctl", "reload", "packshotd")
    eventually(lambda: lives_of(device) == lives + 1, "serving after the reload")
    ear.publish(topic(device, "cmd/restart"), b"")
    eventually(lambda: lives_of(device) == lives + 2, "serving after the restart")
    receipted(device, ear, order(device, ear, "after-the-restart"))
    assert device.property("packshotd", "MainPID") == pid
    assert device.property("packshotd", "NRestarts") == "0"


def lives_of(device: Device) -> int:
    """How often the daemon has begun to serve."""
    return device.journal("packshotd").count("info serving")


def test_a_killed_daemon_is_back_and_finishes_what_it_had_accepted(device: Device, ear: Ear) -> None:
    capture_id = order(device, ear, "killed")
    device.run("systemctl", "kill", "-s", "KILL", "packshotd")
    receipted(device, ear, capture_id)
    assert device.property("packshotd", "NRestarts") == "1"


def test_a_mistake_in_the_configuration_is_tried_again_until_it_is_mended(device: Device) -> None:
    device.write("/etc/packshot/conf.d/90-mistake.toml", "[camera]\nkindd = 'folder'\n")
    device.run("systemctl", "restart", "packshotd", check=False)
    eventually(lambda: int(device.property("packshotd", "NRestarts")) >= 1, "a second try")
    assert "did you mean camera.kind" in device.journal("packshotd")
    device.run("rm", "/etc/packshot/conf.d/90-mistake.toml")
    device.until_active("packshotd")


def test_systemd_rates_the_running_units_as_safe(device: Device) -> None:
    for unit in ("packshotd.service", "packshot-uploader.service"):
        done = device.run("systemd-analyze", "security", "--threshold=15", "--no-pager", unit, check=False)
        assert done.returncode == 0, done.stdout[-500:]


def test_an_intruder_in_the_daemon_can_do_nothing_and_the_daemon_all_it_needs(device: Device) -> None:
    found = probe(device)
    assert found["foreign_processes"] == "0"
    assert {name: outcome for name, outcome in found["forbidden"].items() if outcome not in REFUSED} == {}
    needed = dict(found["needed"])
    assert needed.pop("password") == "secret-of-the-test"
    outcomes = {name: outcome for name, outcome in needed.items() if outcome not in ("done", "ENXIO", "ENODEV")}
    assert outcomes == {}


def probe(device: Device) -> dict[str, Any]:
    """The probe's outcomes from the very sandbox of packshotd: its unit, with another program to start.

    The node stands for the camera's: of the classes that the unit allows, "input" is the one that any kernel has, and
    ENXIO or ENODEV say that the kernel let us through to a device that is not there. That other classes are refused
    cannot be seen here, because a container's systemd has no device controller.
    """
    node = Path(f"/proc/{device.leader}/root/dev/input/event9")
    node.parent.mkdir(exist_ok=True)
    if not node.exists():
        os.mknod(node, stat.S_IFCHR | 0o660, os.makedev(INPUT_MAJOR, 73))
        device.run("chgrp", "input", "/dev/input/event9")
    unit = device.out("cat", UNIT)
    lines = [
        line for line in unit.splitlines() if not line.startswith(("Type=", "ExecReload=", "WatchdogSec=", "Restart="))
    ]
    text = "\n".join(lines).replace("/opt/packshot/current/bin/packshotd", f"/usr/bin/python3 {INSIDE}/probe.py")
    device.write("/run/systemd/system/packshot-probe.service", text.replace("[Service]", "[Service]\nType=oneshot"))
    device.run("systemctl", "daemon-reload")
    device.run("systemctl", "start", "packshot-probe", check=False)
    printed = device.journal("packshot-probe")
    lines = [line for line in printed.splitlines() if line.startswith("{")]
    assert lines, printed
    return dict(json.loads(lines[-1]))


def test_two_daemons_do_not_share_a_spool(device: Device) -> None:
    done = device.run("runuser", "-u", "packshot", "--", "packshot", "run", check=False)
    assert done.returncode == 5
    assert device_id(device)
    assert device.out("systemctl", "is-active", "packshotd") == "active"
