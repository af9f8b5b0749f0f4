"""GStreamer pipelines, for real where its Python bindings are (apt: python3-gi, gstreamer1.0-plugins-base)."""

import importlib.util
import time

import cv2
import numpy as np
import pytest

from packshot.camera.gstreamer import GStreamerCamera, pipeline_description
from packshot.domain import ShutterProof
from packshot.errors import CameraError, ConfigError

HAS_GI = importlib.util.find_spec("gi") is not None
needs_gstreamer = pytest.mark.skipif(not HAS_GI, reason="GStreamer's Python bindings are not installed here")
LIVE = "videotestsrc is-live=true pattern=red ! video/x-raw,width=322,height=160,framerate=30/1"


@needs_gstreamer
def test_a_live_pipeline_gives_fresh_pictures_of_its_size_and_colour() -> None:
    camera = GStreamerCamera(LIVE)
    for _ in range(3):
        triggered_at = time.monotonic()
        frame = camera.capture(triggered_at, 10.0)
        photo = cv2.imdecode(np.frombuffer(frame.data, np.uint8), cv2.IMREAD_COLOR)
        assert photo.shape == (160, 322, 3)
        assert np.abs(photo.astype(int) - (0, 0, 255)).max() < 6
        assert frame.shutter.proof is ShutterProof.BOUNDED
    assert camera.info.width == 322
    camera.close()


@needs_gstreamer
def test_preview_is_rgb() -> None:
    camera = GStreamerCamera(LIVE)
    deadline = time.monotonic() + 10
    while (small := camera.preview()) is None and time.monotonic() < deadline:
        time.sleep(0.02)
    camera.close()

    assert small is not None
    assert small[10, 10, 0] > 200


@needs_gstreamer
@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("v4l2src device=/dev/video-of-nobody", "cannot be opened|cannot build"),
        ("no-such-element", "cannot build its pipeline"),
        ("csi:0", "cannot build its pipeline|cannot be opened"),
        ("videotestsrc num-buffers=1", "stopped sending"),
    ],
)
def test_a_pipeline_that_does_not_run_says_why(source: str, said: str) -> None:
    camera = GStreamerCamera(source)
    with pytest.raises(CameraError, match=said) as caught:
        camera.capture(time.monotonic(), 10.0)
    camera.close()

    assert "\n" not in str(caught.value)


@pytest.mark.skipif(HAS_GI, reason="GStreamer's Python bindings are installed here")
def test_without_gstreamer_it_says_how_to_get_it() -> None:
    camera = GStreamerCamera("csi:0")
    with pytest.raises(CameraError, match="apt install python3-gi"):
        camera.capture(time.monotonic(), 5.0)
    camera.close()


def test_csi_is_spelled_out_for_argus() -> None:
    description = pipeline_description("csi:1", 3840, 2160, {"wbmode": 1, "exposuretimerange": "8000000 8000000"})

    assert description.startswith('nvarguscamerasrc sensor-id=1 wbmode="1" exposuretimerange="8000000 8000000" ! ')
    assert "width=3840,height=2160" in description
    assert description.endswith("appsink name=sink max-buffers=1 drop=true sync=false")


def test_without_a_size_argus_chooses() -> None:
    assert "width" not in pipeline_description("csi:0", 0, 0, {})


def test_controls_of_a_pipeline_belong_into_it() -> None:
    with pytest.raises(ConfigError, match="csi:N only"):
        GStreamerCamera("v4l2src", controls={"gain": 1.0})
    with pytest.raises(ConfigError, match="needs"):
        GStreamerCamera("")


def test_user_name_and_password_stay_out_of_all_texts() -> None:
    camera = GStreamerCamera(
        'rtspsrc location="rtsp://user:secret@127.0.0.1:9/a?key=secret" user-id=user user-pw="a secret" ! decodebin'
    )
    with pytest.raises(CameraError) as caught:
        camera.capture(time.monotonic(), 10.0)
    camera.close()

    assert "secret" not in str(caught.value) + camera.info.source + camera.problem
    assert camera.info.source == ('rtspsrc location="rtsp://127.0.0.1:9/a" user-id=user user-pw=... ! decodebin')
