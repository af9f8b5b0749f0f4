"""The V4L2 camera on the kernel's own test camera (vivid), through the daemon's sandbox; pulled out and put back."""

import base64
import io
import json
from collections.abc import Iterator

import pytest
from PIL import Image

from tests.support.appliance import Ear
from tests.support.guest import ask, configure, order, stage_of, topic
from tests.support.waiting import eventually
from tests.vm.machine import Machine

STABLE_NAME = "/dev/v4l/by-path/platform-vivid.0-video-index0"
CAMERA = {
    "kind": "opencv",
    "source": STABLE_NAME,
    "width": 1280,
    "height": 720,
    "timeout_s": 60.0,
    "controls": {"brightness": 140.0},
}
DONE = ("receipted", "held", "empty")


@pytest.fixture
def filmed(machine: Machine) -> Iterator[Machine]:
    """With vivid as its camera."""
    plug_in(machine)
    configure(machine, camera=CAMERA)
    yield machine
    machine.run("systemctl", "stop", "holder", check=False)


def plug_in(machine: Machine) -> None:
    machine.run("modprobe", "vivid", "n_devs=1", "node_types=0x1")
    eventually(lambda: machine.run("test", "-e", STABLE_NAME, check=False).returncode == 0, "udev's stable name")


def pull_out(machine: Machine) -> None:
    """The running stream fails, and no new one can be had: vivid comes back only when its last user has gone."""
    machine.run("systemd-run", "-q", "--unit=holder", "sh", "-c", f"exec sleep infinity <{STABLE_NAME}")
    eventually(lambda: machine.property("holder", "ActiveState") == "active", "somebody who holds the node")
    machine.run("v4l2-ctl", "-d", STABLE_NAME, "-c", "disconnect=1")


def degraded(ear: Ear, machine: Machine) -> str:
    """Why the box is not well, as last heard."""
    return str(ear.find(topic(machine, "state"))[-1].json["degraded"])


def photo_of(machine: Machine, capture_id: str) -> Image.Image:
    """The original as it lies in the spool."""
    path = machine.out("find", "/var/lib/packshot/spool", "-path", f"*{capture_id}*", "-name", "*.jpg")
    encoded = machine.out("base64", path.splitlines()[0])
    return Image.open(io.BytesIO(base64.b64decode(encoded)))


def test_a_photo_has_the_size_the_colours_and_the_control_that_were_asked_for(filmed: Machine, ear: Ear) -> None:
    capture_id = order(filmed, ear, "first", sku="V-1")
    assert stage_of(filmed, ear, capture_id, DONE)
    photo = photo_of(filmed, capture_id)
    assert photo.size == (1280, 720)
    across = photo.convert("RGB").resize((8, 1))  # vivid shows colour bars
    assert len({pixel for _, pixel in across.getcolors()}) == 8
    assert "brightness: 140" in filmed.out("v4l2-ctl", "-d", STABLE_NAME, "-C", "brightness")


def test_a_frame_was_exposed_after_the_trigger(filmed: Machine, ear: Ear) -> None:
    capture_id = order(filmed, ear, "shutter")
    stage_of(filmed, ear, capture_id, DONE)
    sidecar = filmed.out("find", "/var/lib/packshot/spool", "-path", f"*{capture_id}*", "-name", "*.json")
    shutter = json.loads(filmed.out("cat", sidecar.splitlines()[0]))["record"]["frames"][0]["shutter"]
    assert shutter["proof"] == "bounded"
    assert shutter["lag_s"] > 0


def test_a_camera_whose_driver_was_never_loaded_before_is_taken_when_it_comes(machine: Machine, ear: Ear) -> None:
    """The device controller knows classes of drivers by what the kernel had when the unit started."""
    machine.run("systemctl", "stop", "packshotd")
    # Layer by layer: modprobe leaves some of what vivid came with, and that holds videodev.
    unused = "lsmod | awk '$3 == 0 && /^(vivid|video|v4l2)/ {print $1}' | xargs -r rmmod"
    unload = f"modprobe -r vivid; {unused}; ! grep -q video4linux /proc/devices"
    eventually(lambda: machine.run("sh", "-c", unload, check=False).returncode == 0, "a kernel without V4L2")
    configure(machine, camera=CAMERA)
    ear.wait(topic(machine, "state"), lambda message: "cannot be opened" in str(message.json["degraded"]))
    plug_in(machine)
    eventually(lambda: degraded(ear, machine) == "[]", "a state without a problem")
    stage_of(machine, ear, order(machine, ear, "came-late"), DONE)


def test_a_camera_pulled_out_in_mid_run_degrades_the_box_and_comes_back_by_itself(filmed: Machine, ear: Ear) -> None:
    stage_of(filmed, ear, order(filmed, ear, "before"), DONE)
    pid = filmed.property("packshotd", "MainPID")
    pull_out(filmed)
    eventually(lambda: "camera" in degraded(ear, filmed), "a state that names the camera")
    answer = ask(filmed, ear, "while-out")
    assert answer["status"] == "error"
    assert "camera" in str(answer["error"])

    filmed.run("systemctl", "stop", "holder")
    eventually(lambda: filmed.run("rmmod", "vivid", check=False).returncode == 0, "the node going away")
    assert filmed.run("test", "-e", "/dev/video0", check=False).returncode == 1
    assert ask(filmed, ear, "while-away")["status"] == "error"
    assert "cannot be opened" in degraded(ear, filmed)

    plug_in(filmed)
    eventually(lambda: degraded(ear, filmed) == "[]", "a state without a problem")
    stage_of(filmed, ear, order(filmed, ear, "after"), DONE)
    assert filmed.property("packshotd", "MainPID") == pid
    assert filmed.property("packshotd", "NRestarts") == "0"
