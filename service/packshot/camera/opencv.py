"""Any camera OpenCV can read: V4L2 devices by number or stable path, HTTP MJPEG, RTSP."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from packshot.camera.port import CameraInfo
from packshot.camera.source import public_source
from packshot.camera.stills import encode_jpeg
from packshot.camera.stream import FreshFrames
from packshot.domain import Frame, Shutter, ShutterProof
from packshot.errors import CameraError, ConfigError

OPEN_TIMEOUT_MS = 5000
READ_TIMEOUT_MS = 5000
LARGEST_SIDE = 10_000  # V4L2 drivers round a size they do not have down to the nearest one they have
CONTROLS = MappingProxyType(
    {
        "auto_exposure": cv2.CAP_PROP_AUTO_EXPOSURE,
        "auto_white_balance": cv2.CAP_PROP_AUTO_WB,
        "autofocus": cv2.CAP_PROP_AUTOFOCUS,
        "backlight": cv2.CAP_PROP_BACKLIGHT,
        "brightness": cv2.CAP_PROP_BRIGHTNESS,
        "contrast": cv2.CAP_PROP_CONTRAST,
        "exposure": cv2.CAP_PROP_EXPOSURE,
        "focus": cv2.CAP_PROP_FOCUS,
        "fps": cv2.CAP_PROP_FPS,
        "gain": cv2.CAP_PROP_GAIN,
        "gamma": cv2.CAP_PROP_GAMMA,
        "saturation": cv2.CAP_PROP_SATURATION,
        "sharpness": cv2.CAP_PROP_SHARPNESS,
        "white_balance": cv2.CAP_PROP_WB_TEMPERATURE,
        "zoom": cv2.CAP_PROP_ZOOM,
    }
)


class OpenCVCamera:
    """A camera that streams; its frames become JPEG (quality 95) once.

    ``source`` is a number ("0"), a device path (best /dev/v4l/by-id/..., which survives re-plugging) or an http or
    rtsp address. ``width`` and ``height`` 0 mean the largest the device has. ``controls`` are set in the order given
    once the device is open, by the names in ``CONTROLS`` with the driver's own numbers.

    The shutter is bounded for local devices: the frame arrived two frame periods or more after the trigger, and the lag
    is at most the time until it had arrived. What happens inside a network camera cannot be seen from here, so there
    the shutter is unknown, unless ``stream_delay_s`` says how far its pictures lag at most; then frames are refused
    for that long and the shutter is bounded.
    """

    def __init__(
        self,
        source: str,
        *,
        width: int = 0,
        height: int = 0,
        controls: Mapping[str, float] = MappingProxyType({}),
        stream_delay_s: float | None = None,
    ) -> None:
        """Touches no device. Raises ConfigError for an unknown control or an empty source."""
        unknown = sorted(controls.keys() - CONTROLS.keys())
        if unknown or not source:
            wrong = f"has no control {unknown[0]!r}; known: {', '.join(CONTROLS)}" if unknown else "needs camera.source"
            raise ConfigError(f"the opencv camera {wrong}")
        self._source = source
        self._size = (width, height)
        self._controls = dict(controls)
        self._proof = ShutterProof.UNKNOWN if _is_remote(source) and stream_delay_s is None else ShutterProof.BOUNDED
        self._frames = FreshFrames(f"camera {public_source(source)}", self._open, stream_delay_s)
        self._seen = (0, 0)

    @property
    def info(self) -> CameraInfo:
        """Kind "opencv"; the source without user name, password and query; the size of the last capture."""
        return CameraInfo("opencv", public_source(self._source), *self._seen)

    @property
    def problem(self) -> str:
        """Why the last try failed, empty once a picture came."""
        return self._frames.problem

    def capture(self, triggered_at: float, timeout_s: float) -> Frame:
        """See ``Camera.capture``."""
        taken = self._frames.frame_after(triggered_at, timeout_s)
        height, width = taken.bgr.shape[:2]
        self._seen = (width, height)
        return Frame(
            data=encode_jpeg(taken.bgr),
            media_type="image/jpeg",
            shutter=Shutter(self._proof, taken.arrived_at - triggered_at),
            source=public_source(self._source),
        )

    def preview(self) -> NDArray[np.uint8] | None:
        """See ``Camera.preview``; at most sixteen new ones a second, fewer where frames are large."""
        return self._frames.newest()

    def close(self) -> None:
        """Stop streaming."""
        self._frames.close()

    def _open(self) -> "_Device":
        return _Device(self._source, self._size, self._controls)


class _Device:
    """An open ``cv2.VideoCapture``."""

    def __init__(self, source: str, size: tuple[int, int], controls: Mapping[str, float]) -> None:
        cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_ERROR)  # its warnings are our one line
        self._name = public_source(source)
        self._capture = _open_remote(source) if _is_remote(source) else _open_local(source, size)
        if not self._capture.isOpened():
            raise CameraError(f"camera {self._name} cannot be opened; is it plugged in, and not in use?")
        for control, value in controls.items():
            self._capture.set(CONTROLS[control], value)

    def grab(self) -> None:
        if not self._capture.grab():
            raise CameraError(f"camera {self._name} stopped sending; check cable and power")

    def retrieve(self) -> NDArray[np.uint8]:
        try:
            done, bgr = self._capture.retrieve()
        except cv2.error as error:
            raise CameraError(f"camera {self._name} sent a frame that cannot be decoded ({error.err})") from error
        if not done or bgr is None or bgr.ndim != 3:
            raise CameraError(f"camera {self._name} sent a frame that cannot be decoded")
        return np.array(bgr, np.uint8)

    def close(self) -> None:
        self._capture.release()


def _open_local(source: str, size: tuple[int, int]) -> Any:
    device = int(source) if source.isdecimal() else source
    capture = cv2.VideoCapture(device, cv2.CAP_V4L2)
    if capture.isOpened():
        capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG"))  # raw formats do not fit USB 2 at full size
        capture.set(cv2.CAP_PROP_FRAME_WIDTH, size[0] or LARGEST_SIDE)
        capture.set(cv2.CAP_PROP_FRAME_HEIGHT, size[1] or LARGEST_SIDE)
        capture.set(cv2.CAP_PROP_BUFFERSIZE, 2)  # fewer buffers: less contiguous memory, fewer old frames
    return capture


def _open_remote(source: str) -> Any:
    # One thread: FFmpeg's frame threads would hold each frame back until as many later ones have come.
    settings = [
        cv2.CAP_PROP_OPEN_TIMEOUT_MSEC,
        OPEN_TIMEOUT_MS,
        cv2.CAP_PROP_READ_TIMEOUT_MSEC,
        READ_TIMEOUT_MS,
        cv2.CAP_PROP_N_THREADS,
        1,
    ]
    return cv2.VideoCapture(source, cv2.CAP_FFMPEG, settings)


def _is_remote(source: str) -> bool:
    return "://" in source
