"""What every camera must do: the adapters with a real device at the other end, and the fake that stands for them."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest

from packshot.camera.absent import AbsentCamera
from packshot.camera.folder import FolderCamera
from packshot.camera.opencv import OpenCVCamera
from packshot.camera.picamera import PiCamera
from packshot.camera.port import Camera, CameraInfo
from packshot.camera.scenes import ScenesCamera
from packshot.camera.stills import encode_jpeg, media_type_of
from packshot.camera.worker import WorkerCamera
from packshot.domain import ShutterProof
from packshot.errors import CameraError
from tests.fakes.camera import FakeCamera, FaultyCamera
from tests.fakes.mjpeg import CELL, MjpegServer, number_in, stamped
from tests.fakes.picamera2 import FakePicamera2


@dataclass
class Rig:
    """A camera and the hands that pull its cable."""

    camera: Camera
    unplug: Callable[[], None]
    plug: Callable[[], None]


@contextmanager
def _fake(_: Path) -> Iterator[Rig]:
    camera = FakeCamera()
    yield Rig(camera, camera.unplug, camera.plug)


@contextmanager
def _folder(tmp_path: Path) -> Iterator[Rig]:
    here, away = tmp_path / "photos", tmp_path / "away"
    here.mkdir()
    for number in range(1, 4):
        (here / f"{number}.jpg").write_bytes(encode_jpeg(stamped(number)))
    yield Rig(FolderCamera(here), lambda: _ignore(here.rename(away)), lambda: _ignore(away.rename(here)))


@contextmanager
def _scenes(tmp_path: Path) -> Iterator[Rig]:
    here, away = tmp_path / "stage", tmp_path / "away"
    for number in range(1, 6):
        scene = here / f"scene-{number}"
        scene.mkdir(parents=True)
        (scene / "frame.jpg").write_bytes(encode_jpeg(stamped(number)))
    yield Rig(ScenesCamera(here), lambda: _ignore(here.rename(away)), lambda: _ignore(away.rename(here)))


@contextmanager
def _opencv(_: Path) -> Iterator[Rig]:
    with MjpegServer() as server:
        yield Rig(OpenCVCamera(server.url), server.stop, server.start)


@contextmanager
def _worker(tmp_path: Path) -> Iterator[Rig]:
    camera = WorkerCamera(partial(FaultyCamera, tmp_path), CameraInfo("fake", "memory"))
    yield Rig(camera, (tmp_path / "pull").touch, (tmp_path / "pull").unlink)


@contextmanager
def _picamera(_: Path) -> Iterator[Rig]:
    plugged = [True]
    sensors: list[FakePicamera2] = []

    def open_camera(_: int) -> FakePicamera2:
        if not plugged[0]:
            raise IndexError("list index out of range")
        sensors.append(FakePicamera2())
        return sensors[-1]

    def unplug() -> None:
        plugged[0] = False
        for sensor in sensors:
            sensor.stalled = True

    def plug() -> None:
        plugged[0] = True

    yield Rig(PiCamera(width=320, height=160, open_camera=open_camera), unplug, plug)


RIGS: dict[str, Callable[[Path], AbstractContextManager[Rig]]] = {
    "fake": _fake,
    "folder": _folder,
    "opencv": _opencv,
    "picamera": _picamera,
    "scenes": _scenes,
    "worker": _worker,
}


def _ignore(_: object) -> None:
    pass


@pytest.fixture(params=list(RIGS))
def rig(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Rig]:
    with RIGS[request.param](tmp_path) as rig:
        yield rig
        rig.camera.close()


def _capture(camera: Camera) -> np.ndarray:
    frame = camera.capture(time.monotonic(), 10.0)
    return cv2.imdecode(np.frombuffer(frame.data, np.uint8), cv2.IMREAD_COLOR)


def test_nothing_is_opened_before_it_is_asked_for(rig: Rig) -> None:
    assert rig.camera.problem == ""
    assert rig.camera.info.kind


def test_a_frame_is_a_picture_of_the_type_it_says(rig: Rig) -> None:
    frame = rig.camera.capture(time.monotonic(), 10.0)

    assert media_type_of(frame.data) == frame.media_type == "image/jpeg"
    assert cv2.imdecode(np.frombuffer(frame.data, np.uint8), cv2.IMREAD_COLOR).shape == (160, 320, 3)
    assert frame.source


def test_frames_follow_each_other(rig: Rig) -> None:
    numbers = [number_in(_capture(rig.camera)) for _ in range(3)]

    assert numbers == sorted(set(numbers))


def test_the_lag_ends_before_the_frame_is_there(rig: Rig) -> None:
    triggered_at = time.monotonic()
    shutter = rig.camera.capture(triggered_at, 10.0).shutter
    elapsed = time.monotonic() - triggered_at

    assert shutter.proof in ShutterProof
    assert shutter.lag_s is not None
    assert 0.0 <= shutter.lag_s <= elapsed


def test_an_unplugged_camera_fails_with_one_line_and_comes_back(rig: Rig) -> None:
    _capture(rig.camera)
    rig.unplug()
    for _ in range(2):
        with pytest.raises(CameraError) as caught:
            rig.camera.capture(time.monotonic(), 5.0)
        assert "\n" not in str(caught.value)
    assert rig.camera.problem

    rig.plug()
    assert _capture(rig.camera).shape == (160, 320, 3)
    assert rig.camera.problem == ""


def test_a_camera_that_is_missing_at_the_start_is_used_once_it_is_there(rig: Rig) -> None:
    rig.unplug()
    assert rig.camera.preview() is None
    with pytest.raises(CameraError):
        rig.camera.capture(time.monotonic(), 5.0)

    rig.plug()
    assert _capture(rig.camera).shape == (160, 320, 3)


def test_preview_is_a_small_picture_and_takes_no_frame_away(rig: Rig) -> None:
    deadline = time.monotonic() + 10.0
    while (small := rig.camera.preview()) is None and time.monotonic() < deadline:
        time.sleep(0.02)

    assert small is not None
    assert small.dtype == np.uint8
    assert small.ndim == 3
    assert max(small.shape[:2]) <= 640
    assert number_in(_capture(rig.camera)) >= number_in(small)


def test_preview_colours_are_rgb(rig: Rig) -> None:
    deadline = time.monotonic() + 10.0
    while (small := rig.camera.preview()) is None and time.monotonic() < deadline:
        time.sleep(0.02)

    assert small is not None
    red, _, blue = small[CELL + CELL // 2, -5].astype(int)
    assert red > blue + 60


def test_closing_twice_is_closing_once(rig: Rig) -> None:
    _capture(rig.camera)
    rig.camera.close()
    rig.camera.close()


def test_absent_camera_says_what_to_set() -> None:
    camera = AbsentCamera()

    assert camera.info.kind == "absent"
    assert camera.preview() is None
    with pytest.raises(CameraError, match=r"set camera\.kind"):
        camera.capture(time.monotonic(), 1.0)
    assert "camera.kind" in camera.problem
    camera.close()
