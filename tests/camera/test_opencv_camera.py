"""OpenCV on a real HTTP stream: fresh pictures, stalls, and what its settings refuse."""

import time

import cv2
import numpy as np
import pytest

from packshot.camera.opencv import OpenCVCamera
from packshot.domain import ShutterProof
from packshot.errors import CameraError, ConfigError
from tests.fakes.mjpeg import MjpegServer, number_in


def _number(data: bytes) -> int:
    return number_in(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR))


@pytest.mark.parametrize("fps", [10, 25, 60])
def test_no_frame_was_made_before_the_trigger(fps: int) -> None:
    with MjpegServer(fps) as server:
        camera = OpenCVCamera(server.url)
        for _ in range(5):
            triggered_at = time.monotonic()
            frame = camera.capture(triggered_at, 10.0)
            assert server.produced_at[_number(frame.data)] > triggered_at
            assert frame.shutter.proof is ShutterProof.UNKNOWN
        camera.close()


def test_pictures_that_the_camera_holds_back_are_waited_for() -> None:
    with MjpegServer(fps=20, delay_s=0.4) as server:
        camera = OpenCVCamera(server.url, stream_delay_s=0.5)
        camera.capture(time.monotonic(), 10.0)
        for _ in range(3):
            triggered_at = time.monotonic()
            frame = camera.capture(triggered_at, 10.0)
            assert server.produced_at[_number(frame.data)] > triggered_at
            assert frame.shutter.proof is ShutterProof.BOUNDED
        camera.close()


def test_a_capture_after_a_long_pause_is_no_older() -> None:
    with MjpegServer(fps=50) as server:
        camera = OpenCVCamera(server.url)
        camera.capture(time.monotonic(), 10.0)
        time.sleep(1.0)
        triggered_at = time.monotonic()
        number = _number(camera.capture(triggered_at, 10.0).data)
        camera.close()

    assert server.produced_at[number] > triggered_at


def test_a_stalled_stream_ends_at_the_deadline_and_comes_back() -> None:
    with MjpegServer() as server:
        camera = OpenCVCamera(server.url)
        camera.capture(time.monotonic(), 10.0)
        server.freeze()
        with pytest.raises(CameraError, match="no fresh frame within"):
            camera.capture(time.monotonic(), 0.5)
        server.stop()
        server.start()
        deadline = time.monotonic() + 20
        while camera.preview() is None and time.monotonic() < deadline:
            time.sleep(0.05)
        assert _number(camera.capture(time.monotonic(), 10.0).data) > 0
        camera.close()


@pytest.mark.parametrize(
    "source",
    [
        "rtsp://user:secret@127.0.0.1:9/stream",
        "rtsp://user:p@secret@127.0.0.1:9/stream",
        "rtsp://user:p#secret@127.0.0.1:9/stream",
        "http://127.0.0.1:9/video.cgi?user=admin&pwd=secret",
    ],
)
def test_user_name_and_password_stay_out_of_all_texts(source: str) -> None:
    camera = OpenCVCamera(source)
    with pytest.raises(CameraError) as caught:
        camera.capture(time.monotonic(), 5.0)
    camera.close()

    assert "secret" not in str(caught.value) + camera.info.source + camera.problem
    assert "127.0.0.1" in str(caught.value)


@pytest.mark.parametrize("source", ["63", "/dev/v4l/by-id/usb-nothing-video-index0"])
def test_a_device_that_is_not_there(source: str) -> None:
    camera = OpenCVCamera(source)
    with pytest.raises(CameraError, match="cannot be opened; is it plugged in"):
        camera.capture(time.monotonic(), 5.0)
    camera.close()


def test_an_unknown_control_names_those_that_exist() -> None:
    with pytest.raises(ConfigError, match=r"'exposition'; known: .*exposure"):
        OpenCVCamera("0", controls={"exposition": 1.0})


def test_an_empty_source() -> None:
    with pytest.raises(ConfigError, match=r"camera\.source"):
        OpenCVCamera("")
