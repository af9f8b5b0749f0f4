"""The button on the kernel's own test chip (gpio-sim) and a scanner made by uinput, through the daemon's sandbox."""

import time
from collections.abc import Iterator

import pytest

from tests.support.appliance import Ear
from tests.support.guest import FOLDER_CAMERA, configure, topic
from tests.support.waiting import PATIENCE, eventually
from tests.vm.machine import INSIDE, Machine

CHIP = "/sys/kernel/config/gpio-sim/box"
LINE = 17
QUIET_S = 2.0 * PATIENCE
REAL_CONTACT_MS = 10.0  # half of the debounce
TRIES = 8


@pytest.fixture
def button(machine: Machine) -> Iterator["Button"]:
    """A chip with a button on line 17, and a daemon that listens to it."""
    machine.run("modprobe", "gpio-sim")
    machine.run("mkdir", "-p", f"{CHIP}/bank0")
    machine.run("sh", "-c", f"echo 32 >{CHIP}/bank0/num_lines && echo 1 >{CHIP}/live")
    chip, device = (machine.out("cat", f"{CHIP}/{name}") for name in ("bank0/chip_name", "dev_name"))
    pull = f"/sys/devices/platform/{device}/{chip}/sim_gpio{LINE}/pull"
    machine.run("sh", "-c", f"echo pull-up >{pull}; udevadm settle")
    trigger = {"kind": "button", "chip": f"/dev/{chip}", "line": LINE, "long_press_s": 1.5}
    configure(machine, camera=FOLDER_CAMERA, trigger=trigger)
    yield Button(machine, pull)
    configure(machine)
    machine.run("sh", "-c", f"echo 0 >{CHIP}/live; rmdir {CHIP}/bank0 {CHIP}")


class Button:
    """What a finger does."""

    def __init__(self, machine: Machine, pull: str) -> None:
        self.machine = machine
        self._pull = pull

    def play(self, deed: str) -> bool:
        """Whether it went as fast as contacts do; where the host paused in between, the kernel saw something else."""
        longest_ms = float(self.machine.out("/usr/bin/python3", f"{INSIDE}/press.py", self._pull, deed))
        return longest_ms < REAL_CONTACT_MS


def accepted(machine: Machine, ear: Ear) -> int:
    """How many captures there were since the ear listens."""
    return len(ear.find(topic(machine, "job/+"), lambda message: message.json["stage"] == "accepted"))


def captures_of(button: Button, ear: Ear, deed: str) -> int:
    """How many captures came of a deed that went as fast as it should."""
    for _ in range(TRIES):
        before = accepted(button.machine, ear)
        went_well = button.play(deed)
        time.sleep(QUIET_S)
        if went_well:
            return accepted(button.machine, ear) - before
    pytest.skip("emulated PC: the host is too busy to play a contact that bounces")


def test_a_press_that_bounces_is_one_capture(button: Button, ear: Ear) -> None:
    assert captures_of(button, ear, "short") == 1


def test_a_spike_shorter_than_the_debounce_is_nothing(button: Button, ear: Ear) -> None:
    assert captures_of(button, ear, "spike") == 0
    assert ear.find(topic(button.machine, "state"))[-1].json["degraded"] == []


def test_a_long_press_photographs_the_empty_scene_and_captures_nothing(button: Button, ear: Ear) -> None:
    plate = "/var/lib/packshot/plate"
    button.machine.run("sh", "-c", f"rm -rf {plate}*")
    assert captures_of(button, ear, "long") == 0
    eventually(lambda: button.machine.out("sh", "-c", f"ls {plate}*") != "", "the plate")
    button.machine.run("sh", "-c", f"rm -rf {plate}*")


def test_a_chip_that_is_not_there_is_a_problem_that_is_said(machine: Machine, ear: Ear) -> None:
    configure(machine, trigger={"kind": "button", "chip": "/dev/gpiochip9", "line": 3})
    reason = ear.wait(topic(machine, "state"), lambda message: "trigger" in str(message.json["degraded"]))
    assert "/dev/gpiochip9" in str(reason.json["degraded"])
    assert machine.out("systemctl", "is-active", "packshotd") == "active"


def test_a_scanned_code_is_the_sku_and_no_console_sees_its_keys(machine: Machine, ear: Ear) -> None:
    machine.run("modprobe", "uinput")
    machine.run("mkfifo", "/run/scan")
    script = f"exec 3<>/run/scan; exec /usr/bin/python3 {INSIDE}/scanner.py AB-42 <&3 >/run/scanner"
    machine.run("systemd-run", "-q", "--unit=scanner", "sh", "-c", script)
    eventually(lambda: machine.out("cat", "/run/scanner") != "", "the scanner's node")
    node = machine.out("cat", "/run/scanner")
    configure(machine, camera=FOLDER_CAMERA, trigger={"scanner": node})
    eventually(
        lambda: machine.out("sh", "-c", "ls -l /proc/$(systemctl show -p MainPID --value packshotd)/fd").find(node) > 0,
        "the grab",
    )
    machine.run("systemd-run", "-q", "--unit=console", "sh", "-c", f"exec cat {node} >/run/overheard")
    machine.run("sh", "-c", "echo >/run/scan")
    offer = ear.wait(topic(machine, "offer/+"), lambda message: message.json["sku"] == "AB-42")
    assert offer.json["sku"] == "AB-42"
    assert machine.out("stat", "-c", "%s", "/run/overheard") == "0"
    machine.run("systemctl", "stop", "console", "scanner", check=False)
