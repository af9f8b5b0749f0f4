"""The whole appliance over a real mosquitto, seen from outside."""

import hashlib
import json
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from packshot.platform.resources import package_path
from tests.support.appliance import Appliance, Ear, NotifySocket
from tests.support.mosquitto import Broker

pytestmark = pytest.mark.e2e
ROOT = Appliance.root


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    with Broker(tmp_path) as running:
        yield running


@pytest.fixture
def ear(broker: Broker) -> Iterator[Ear]:
    with Ear(broker.port) as listening:
        yield listening


@pytest.fixture
def box(tmp_path: Path, broker: Broker) -> Iterator[Appliance]:
    with Appliance(tmp_path, broker.port, package_path("samples")) as appliance:
        yield appliance


def stages(ear: Ear, capture_id: str) -> list[str]:
    return [message.json["stage"] for message in ear.find(f"{ROOT}/job/{capture_id}")]


def online(ear: Ear, count: int = 1) -> None:
    ear.wait(f"{ROOT}/status", lambda message: message.payload == b"online", count)


def order(ear: Ear, payload: bytes, count: int = 1) -> dict:
    ear.publish(f"{ROOT}/cmd/capture", payload)
    return ear.wait(f"{ROOT}/response/capture", count=count).json


def test_one_message_becomes_one_picture_in_the_storefront(box: Appliance, ear: Ear) -> None:
    box.start("run")
    box.start("uploader")
    online(ear)
    response = order(ear, b'{"request_id": "r1", "sku": "A-1"}')
    assert response["status"] == "ok"
    capture_id = response["data"]["capture_id"]
    receipt = ear.wait(f"{ROOT}/receipt/{capture_id}").json
    ear.wait(f"{ROOT}/job/{capture_id}", lambda message: message.json["stage"] == "receipted")
    assert stages(ear, capture_id) == ["captured", "accepted", "cut", "offered", "claimed", "receipted"]
    offer = ear.find(f"{ROOT}/offer/{capture_id}")[-1].json
    stored = {hashlib.sha256((box.shop / name).read_bytes()).hexdigest() for name in box.shop_files()}
    assert {artefact["sha256"] for artefact in offer["artefacts"]} == set(receipt["sha256s"].values()) <= stored
    assert (box.shop / "A-1" / "A-1_0.webp").exists()

    again = order(ear, b'{"request_id": "r1", "sku": "A-1"}', count=2)
    assert again["data"]["capture_id"] == capture_id
    assert again["data"]["repeat"] is True
    bare = order(ear, b"", count=3)
    assert bare["status"] == "ok"
    assert bare["data"]["capture_id"] != capture_id
    listed = box.call("spool", "ls", "--json")
    assert len(listed.stdout.splitlines()) == 2


def test_bad_commands_are_answered_and_the_daemon_lives_on(box: Appliance, ear: Ear) -> None:
    box.start("run")
    online(ear)
    bad = [
        (b"not json", "JSON"),
        (b'{"request_id": "x1", "angle": "left"}', "angle"),
        (b'{"request_id": "x2", "sku": "../../etc"}', "SKU"),
        (b'{"request_id": "x3", "preset": "nope"}', "preset"),
        (b'{"request_id": "x4", "expires_at": "2020-01-01T00:00:00Z"}', "expired"),
        (b'{"request_id": "x5", "expires_at": "tomorrow"}', "expires_at"),
        (b'{"a": "' + b"x" * 70_000 + b'"}', "limit"),
    ]
    for number, (payload, word) in enumerate(bad, 1):
        response = order(ear, payload, count=number)
        assert response["status"] == "error"
        assert word in response["error"]
    ear.publish(f"{ROOT}/cmd/nonsense", b"")
    assert "no command" in ear.wait(f"{ROOT}/response/nonsense").json["error"]
    assert order(ear, b'{"request_id": "good"}', count=len(bad) + 1)["status"] == "ok"


def test_a_retained_command_takes_no_picture(box: Appliance, ear: Ear) -> None:
    ear.publish(f"{ROOT}/cmd/capture", b'{"request_id": "old"}', retain=True)
    box.start("run")
    online(ear)
    assert order(ear, b'{"request_id": "new"}')["request_id"] == "new"
    assert [message.json["request_id"] for message in ear.find(f"{ROOT}/response/capture")] == ["new"]


def test_no_camera_is_a_state_and_it_comes_back(box: Appliance, ear: Ear, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    box.configure(camera={"kind": "folder", "source": str(photos)})
    process = box.start("run")
    online(ear)
    response = order(ear, b'{"request_id": "r1"}')
    assert response["status"] == "error"
    assert "photos" in response["error"]
    ear.wait(f"{ROOT}/state", lambda message: any("camera" in reason for reason in message.json["degraded"]))
    photos.mkdir()
    (photos / "one.jpg").write_bytes(next(package_path("samples").glob("*.jpg")).read_bytes())
    assert order(ear, b'{"request_id": "r1"}', count=2)["status"] == "ok"
    ear.wait(f"{ROOT}/state", lambda message: message.json["degraded"] == [], count=2)
    assert process.poll() is None


def test_no_broker_is_a_state_and_the_daemon_finds_it_later(tmp_path: Path) -> None:
    broker = Broker(tmp_path)
    with Appliance(tmp_path, broker.port, package_path("samples")) as box:
        process = box.start("run")
        time.sleep(2)
        assert process.poll() is None
        with broker, Ear(broker.port) as ear:
            online(ear)
            assert order(ear, b'{"request_id": "r1"}')["status"] == "ok"


def test_a_refused_password_is_said_once_in_plain_words(tmp_path: Path) -> None:
    with Broker(tmp_path, users={"box": "secret"}) as broker:
        password = tmp_path / "password"
        password.write_text("wrong\n")
        settings = {"username": "box", "password_file": str(password)}
        with Appliance(tmp_path, broker.port, package_path("samples"), mqtt=settings) as box:
            process = box.start("run")
            asked = box.call("capture")
            assert asked.returncode == 4
            assert len(asked.stderr.strip().splitlines()) == 1
            assert "password" in asked.stderr
            assert "wrong" not in box.log("run")
            assert process.poll() is None


def test_a_picture_taken_while_the_uploader_is_away_arrives_afterwards(box: Appliance, ear: Ear) -> None:
    box.start("run")
    online(ear)
    capture_id = order(ear, b'{"request_id": "r1", "sku": "A-1"}')["data"]["capture_id"]
    ear.wait(f"{ROOT}/job/{capture_id}", lambda message: message.json["stage"] == "cut")
    box.start("uploader")
    ear.wait(f"{ROOT}/job/{capture_id}", lambda message: message.json["stage"] == "receipted")
    assert "A-1/A-1_0.webp" in box.shop_files()


def test_kill_nine_after_the_acknowledgement_loses_nothing(box: Appliance, ear: Ear) -> None:
    box.start("run")
    online(ear)
    capture_id = order(ear, b'{"request_id": "r1", "sku": "A-1"}')["data"]["capture_id"]
    box.stop("run", signal.SIGKILL)
    box.start("uploader")
    box.start("run")
    ear.wait(f"{ROOT}/job/{capture_id}", lambda message: message.json["stage"] == "receipted")
    assert "A-1/A-1_0.webp" in box.shop_files()


def test_sigterm_finishes_the_capture_in_hand_and_says_goodbye(box: Appliance, ear: Ear) -> None:
    box.start("run")
    online(ear)
    capture_id = order(ear, b'{"request_id": "r1"}')["data"]["capture_id"]
    assert box.stop("run") == 0
    ear.wait(f"{ROOT}/status", lambda message: message.payload == b"offline")
    assert box.call("spool", "check").returncode == 0
    shown = json.loads(box.call("spool", "show", capture_id).stdout)
    assert shown["stage"] in ("accepted", "cut", "offered")


def test_reload_refuses_a_broken_configuration_and_takes_a_good_one(box: Appliance, ear: Ear) -> None:
    process = box.start("run")
    online(ear)
    good = box.config.read_text()
    box.config.write_text(good.replace("port =", "prot ="))
    ear.publish(f"{ROOT}/cmd/reload", b"")
    assert "mqtt.prot" in ear.wait(f"{ROOT}/response/reload").json["error"]
    assert order(ear, b'{"request_id": "r1"}')["status"] == "ok"
    box.configure(cut={"preset": "amazon-main"})
    ear.publish(f"{ROOT}/cmd/reload", b"")
    assert ear.wait(f"{ROOT}/response/reload", count=2).json["status"] == "ok"
    ear.wait(f"{ROOT}/state/preset", lambda message: message.payload == b"amazon-main")
    assert process.poll() is None


def test_a_reload_by_signal_of_a_broken_configuration_leaves_the_former(box: Appliance, ear: Ear) -> None:
    process = box.start("run")
    online(ear)
    box.config.write_text(box.config.read_text() + "\n[cut]\npreset = \n")
    process.send_signal(signal.SIGHUP)
    online(ear, count=2)
    assert order(ear, b'{"request_id": "r1"}')["status"] == "ok"
    assert "not reloaded" in box.log("run")
    assert process.poll() is None


def test_a_scanned_code_that_the_catalogue_lacks_is_said_and_the_next_one_is_photographed(
    box: Appliance, ear: Ear, tmp_path: Path
) -> None:
    (tmp_path / "skus.csv").write_text("sku\nA-1\n")
    box.configure(trigger={"kind": "stdin"}, catalogue={"skus_file": str(tmp_path / "skus.csv")})
    process = box.start("run", stdin=subprocess.PIPE)
    online(ear)
    with process.stdin as scanner:
        scanner.write(b"B-2\nA-1\n")
        scanner.flush()
        job = ear.wait(f"{ROOT}/job/+", lambda message: message.json["stage"] == "cut")
    assert json.loads(box.call("spool", "show", job.topic.rpartition("/")[2]).stdout)["sku"] == "A-1"
    assert "'B-2' is not in the catalogue" in box.log("run")


def test_a_choice_over_mqtt_changes_what_later_captures_become(box: Appliance, ear: Ear) -> None:
    box.start("run")
    online(ear)
    ear.publish(f"{ROOT}/set/preset", b"amazon-main")
    ear.wait(f"{ROOT}/state/preset", lambda message: message.payload == b"amazon-main")
    ear.publish(f"{ROOT}/set/preset", b"../../etc")
    ear.wait(f"{ROOT}/state/preset", lambda message: message.payload == b"amazon-main", count=2)
    capture_id = order(ear, b'{"request_id": "r1"}')["data"]["capture_id"]
    ear.wait(f"{ROOT}/job/{capture_id}", lambda message: message.json["stage"] in ("cut", "held"))
    shown = json.loads(box.call("spool", "show", capture_id).stdout)
    assert "amazon-main.jpg" in [artefact["name"] for artefact in shown["artefacts"]]


def test_systemd_hears_ready_watchdog_and_stopping(box: Appliance, tmp_path: Path) -> None:
    heard = NotifySocket(tmp_path)
    box.start("run", NOTIFY_SOCKET=str(heard.path))
    assert "STATUS=" in heard.wait("READY=1")
    heard.wait("WATCHDOG=1")
    assert box.stop("run") == 0
    heard.wait("STOPPING=1")
    heard.close()


def test_a_held_capture_waits_until_a_person_releases_it(box: Appliance, ear: Ear) -> None:
    box.configure(cut={"verdict": {"rim_contrast_below": 2.0}})  # nothing has such contrast: everything is held
    box.start("run")
    box.start("uploader")
    online(ear)
    capture_id = order(ear, b'{"request_id": "r1", "sku": "A-1"}')["data"]["capture_id"]
    ear.wait(f"{ROOT}/job/{capture_id}", lambda message: message.json["stage"] == "held")
    assert box.shop_files() == []
    released = box.call("spool", "release", capture_id)
    assert released.returncode == 0, released.stderr
    ear.wait(f"{ROOT}/job/{capture_id}", lambda message: message.json["stage"] == "receipted")
    assert "A-1/A-1_0.webp" in box.shop_files()
    assert box.call("spool", "refuse", capture_id).returncode == 1


def test_home_assistant_is_told_again_when_it_comes_online(box: Appliance, broker: Broker, ear: Ear) -> None:
    box.start("run")
    online(ear)
    with Ear(broker.port, "homeassistant/#") as home:
        first = home.wait("homeassistant/device/box/config")
        assert first.json["components"]["capture"]["command_topic"] == f"{ROOT}/cmd/capture"
        home.publish("homeassistant/status", b"online")
        home.wait("homeassistant/device/box/config", lambda message: not message.retain)
    box.stop("run")
    box.configure(homeassistant={"discovery": False})
    box.start("run")
    ear.wait(f"{ROOT}/status", lambda message: message.payload == b"online", count=2)
    with Ear(broker.port, "homeassistant/#") as home:
        assert home.find("homeassistant/device/box/config") == []


def test_a_plate_taken_over_mqtt_is_used_by_later_captures_until_forgotten(
    box: Appliance, ear: Ear, tmp_path: Path
) -> None:
    photos = tmp_path / "stage"
    photos.mkdir()
    stage = np.full((600, 800, 3), 200, np.uint8) + np.linspace(0, 30, 800).astype(np.uint8)[None, :, None]
    filled = stage.copy()
    cv2.circle(filled, (400, 320), 150, (40, 90, 200), -1)
    noise = np.random.default_rng(1)
    for name, picture in (("1-empty.jpg", stage), ("2-product.jpg", filled)):
        grain = noise.normal(0, 2, picture.shape)
        cv2.imwrite(str(photos / name), np.clip(picture + grain, 0, 255).astype(np.uint8))
    box.configure(camera={"source": str(photos)})
    box.start("run")
    online(ear)
    ear.publish(f"{ROOT}/cmd/plate", b'{"request_id": "p1"}')
    assert ear.wait(f"{ROOT}/response/plate").json == {
        "request_id": "p1", "status": "ok", "data": {}, "error": "", "v": 1
    }  # fmt: skip
    capture_id = order(ear, b'{"request_id": "r1"}')["data"]["capture_id"]
    offer = ear.wait(f"{ROOT}/offer/{capture_id}").json
    assert "plate" in offer["ms"]
    assert offer["bbox"] == pytest.approx([250, 170, 301, 301], abs=6)
    assert box.call("plate", "--forget").returncode == 0


def test_a_selftest_over_mqtt_names_every_part(box: Appliance, ear: Ear) -> None:
    box.start("run")
    online(ear)
    ear.publish(f"{ROOT}/cmd/selftest", b"")
    data = ear.wait(f"{ROOT}/response/selftest").json["data"]
    assert data["passed"] is True
    assert [part["part"] for part in data["parts"]] == ["accelerator", "camera", "spool"]
