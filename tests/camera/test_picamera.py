"""The picamera2 adapter on a faithful stand-in: proof of exposure, locks, one configuration, faults."""

import time

import cv2
import numpy as np
import pytest

from packshot.camera.picamera import PiCamera
from packshot.domain import ShutterProof
from packshot.errors import CameraError
from tests.fakes.mjpeg import number_in
from tests.fakes.picamera2 import FakePicamera2


@pytest.fixture
def sensor() -> FakePicamera2:
    return FakePicamera2()


@pytest.fixture
def camera(sensor: FakePicamera2) -> PiCamera:
    return PiCamera(open_camera=lambda _: sensor)


def test_every_exposure_is_proven_to_begin_after_the_trigger(camera: PiCamera) -> None:
    camera.capture(time.monotonic(), 5.0)
    for pause_s in (0.0, 0.013, 0.1):
        time.sleep(pause_s)  # requests go stale in the queue meanwhile
        shutter = camera.capture(time.monotonic(), 5.0).shutter
        assert shutter.proof is ShutterProof.PROVEN
        assert shutter.lag_s is not None
        assert shutter.lag_s >= 0.0


def test_the_photo_is_the_sensors_size_and_was_copied_before_its_buffer_was_given_back(camera: PiCamera) -> None:
    photo = cv2.imdecode(np.frombuffer(camera.capture(time.monotonic(), 5.0).data, np.uint8), cv2.IMREAD_COLOR)

    assert photo.shape == (640, 1280, 3)
    assert number_in(cv2.resize(photo, (320, 160))) > 0
    assert camera.info.width == 1280
    assert "imx-fake" in camera.info.source


def test_still_and_preview_share_one_configuration(camera: PiCamera, sensor: FakePicamera2) -> None:
    camera.capture(time.monotonic(), 5.0)
    assert camera.preview() is not None
    camera.capture(time.monotonic(), 5.0)

    (configuration,) = sensor.configured
    assert configuration["main"]["size"] == (1280, 640)
    assert configuration["lores"]["size"] == (640, 320)
    assert configuration["buffer_count"] == 2


def test_preview_is_rgb_and_made_only_now_and_then(camera: PiCamera) -> None:
    first = camera.preview()

    assert first is not None
    assert first.shape == (320, 640, 3)
    assert first[120, -10, 0] > first[120, -10, 2] + 60
    assert camera.preview() is first


def test_exposure_gain_white_balance_and_focus_are_measured_once_and_locked(
    camera: PiCamera, sensor: FakePicamera2
) -> None:
    camera.capture(time.monotonic(), 5.0)

    assert sensor.frames_to_rest <= 0
    assert sensor.controls == {
        "AfMode": 0,
        "LensPosition": 3.25,
        "AeEnable": False,
        "AwbEnable": False,
        "ExposureTime": 8000,
        "AnalogueGain": 1.5,
        "ColourGains": (1.9, 1.6),
    }


def test_given_controls_win_over_measured_ones(sensor: FakePicamera2) -> None:
    camera = PiCamera(open_camera=lambda _: sensor, controls={"ExposureTime": 20000.0, "LensPosition": 2.0})
    camera.capture(time.monotonic(), 5.0)

    assert sensor.controls["ExposureTime"] == 20000.0
    assert sensor.controls["LensPosition"] == 2.0
    assert sensor.controls["AnalogueGain"] == 1.5


def test_a_focus_that_never_settles_does_not_stop_the_capture(camera: PiCamera, sensor: FakePicamera2) -> None:
    sensor.focus_s = 60.0

    assert camera.capture(time.monotonic(), 5.0).data
    assert sensor.controls["LensPosition"] == 3.25


def test_a_camera_without_autofocus_is_not_asked_to_focus() -> None:
    sensor = FakePicamera2(autofocus=False)
    PiCamera(open_camera=lambda _: sensor).capture(time.monotonic(), 5.0)

    assert "AfMode" not in sensor.controls


def test_a_stalled_sensor_is_let_go_at_the_deadline_and_opened_anew() -> None:
    sensors = [FakePicamera2(), FakePicamera2()]
    remaining = iter(sensors)
    camera = PiCamera(open_camera=lambda _: next(remaining))
    camera.capture(time.monotonic(), 5.0)
    sensors[0].stalled = True
    with pytest.raises(CameraError, match="no fresh frame in time"):
        camera.capture(time.monotonic(), 0.1)
    assert sensors[0].closed

    assert camera.capture(time.monotonic(), 5.0).data
    assert camera.problem == ""
    camera.close()
    assert sensors[1].closed


def test_a_camera_that_cannot_stop_is_let_go_all_the_same(camera: PiCamera, sensor: FakePicamera2) -> None:
    camera.capture(time.monotonic(), 5.0)
    sensor.stop_fault = RuntimeError("Failed to stop camera: Broken pipe")
    camera.close()

    assert sensor.closed


def test_no_camera_on_the_ribbon() -> None:
    def nothing_there(_: int) -> FakePicamera2:
        raise IndexError("list index out of range")

    camera = PiCamera(open_camera=nothing_there)
    assert camera.preview() is None
    with pytest.raises(CameraError, match="check its ribbon cable"):
        camera.capture(time.monotonic(), 1.0)
    camera.close()


def test_without_picamera2_it_says_how_to_get_it() -> None:
    camera = PiCamera()
    with pytest.raises(CameraError, match="apt install python3-picamera2"):
        camera.capture(time.monotonic(), 1.0)

    assert "system-site-packages" in camera.problem
