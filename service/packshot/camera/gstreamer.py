"""Cameras behind GStreamer: the CSI cameras of a Jetson, and any pipeline that ends in raw video."""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from packshot.camera.port import CameraInfo
from packshot.camera.source import public_source
from packshot.camera.stills import encode_jpeg
from packshot.camera.stream import FreshFrames
from packshot.domain import Frame, Shutter, ShutterProof
from packshot.errors import CameraError, ConfigError

CSI = re.compile(r"csi:(\d+)")
ARGUS = (
    "nvarguscamerasrc sensor-id={sensor} {controls} ! video/x-raw(memory:NVMM),format=NV12{size} "
    "! nvvidconv ! video/x-raw,format=BGRx"
)
SINK = "! videoconvert ! video/x-raw,format=BGR ! appsink name=sink max-buffers=1 drop=true sync=false"
FRAME_TIMEOUT_S = 5
START_TIMEOUT_S = 8


class GStreamerCamera:
    """``source`` is "csi:0" for the first CSI camera of a Jetson, else a pipeline such as "v4l2src device=/dev/video0".

    ``controls`` are properties of nvarguscamerasrc (``wbmode``, ``aelock``, ``exposuretimerange``, ...), for CSI only.
    The newest frame alone is kept in the pipeline; the shutter is bounded as for any camera that is attached directly.
    """

    def __init__(
        self,
        source: str,
        *,
        width: int = 0,
        height: int = 0,
        controls: Mapping[str, float | str] = MappingProxyType({}),
    ) -> None:
        """Touches no device. Raises ConfigError for an empty source, or controls that its pipeline must say itself."""
        if not source:
            raise ConfigError("the gstreamer camera needs camera.source, csi:0 or a pipeline")
        if controls and not CSI.fullmatch(source):
            raise ConfigError("the gstreamer camera takes camera.controls for csi:N only; write them into the pipeline")
        self._source = public_source(source)
        self._description = pipeline_description(source, width, height, controls)
        self._frames = FreshFrames(f"camera {self._source}", lambda: _Pipeline(self._source, self._description))
        self._seen = (width, height)

    @property
    def info(self) -> CameraInfo:
        """Kind "gstreamer"; the source without passwords; the size of the last capture."""
        return CameraInfo("gstreamer", self._source, *self._seen)

    @property
    def problem(self) -> str:
        """Why the last try failed, empty once a picture came."""
        return self._frames.problem

    def capture(self, triggered_at: float, timeout_s: float) -> Frame:
        """See ``Camera.capture``."""
        taken = self._frames.frame_after(triggered_at, timeout_s)
        height, width = taken.bgr.shape[:2]
        self._seen = (width, height)
        shutter = Shutter(ShutterProof.BOUNDED, taken.arrived_at - triggered_at)
        return Frame(encode_jpeg(taken.bgr), "image/jpeg", shutter, source=self._source)

    def preview(self) -> NDArray[np.uint8] | None:
        """See ``Camera.preview``; at most sixteen new ones a second, fewer where frames are large."""
        return self._frames.newest()

    def close(self) -> None:
        """Stop streaming."""
        self._frames.close()


def pipeline_description(source: str, width: int, height: int, controls: Mapping[str, float | str]) -> str:
    """The whole pipeline in gst-launch's words."""
    csi = CSI.fullmatch(source)
    if csi is None:
        return f"{source} {SINK}"
    words = " ".join(f'{name}="{value}"' for name, value in controls.items())
    size = f",width={width},height={height}" if width and height else ""
    return f"{ARGUS.format(sensor=csi[1], controls=words, size=size)} {SINK}"


class _Pipeline:
    """A playing pipeline."""

    def __init__(self, source: str, description: str) -> None:
        self._source = source
        self._gst, glib = _import_gst()
        try:
            self._pipeline: Any = self._gst.parse_launch(description)
        except glib.Error as error:
            raise CameraError(f"camera {source}: GStreamer cannot build its pipeline ({error.message})") from error
        self._sink = self._pipeline.get_by_name("sink")
        self._sample: Any = None
        self._pipeline.set_state(self._gst.State.PLAYING)
        changed, _, _ = self._pipeline.get_state(START_TIMEOUT_S * self._gst.SECOND)
        if changed is self._gst.StateChangeReturn.FAILURE:
            reason = self._reason()
            self.close()
            raise CameraError(f"camera {source} cannot be opened ({reason}); is it plugged in, and not in use?")

    def grab(self) -> None:
        self._sample = self._sink.try_pull_sample(FRAME_TIMEOUT_S * self._gst.SECOND)
        if self._sample is None:
            raise CameraError(f"camera {self._source} stopped sending ({self._reason()}); check cable and power")

    def retrieve(self) -> NDArray[np.uint8]:
        shape = self._sample.get_caps().get_structure(0)
        width, height = shape.get_value("width"), shape.get_value("height")
        buffer = self._sample.get_buffer()
        rows = np.frombuffer(buffer.extract_dup(0, buffer.get_size()), np.uint8).reshape(height, -1)
        return rows[:, : width * 3].reshape(height, width, 3)  # rows are padded to four bytes

    def close(self) -> None:
        self._pipeline.set_state(self._gst.State.NULL)

    def _reason(self) -> str:
        """The first error on the pipeline's bus."""
        message = self._pipeline.get_bus().pop_filtered(self._gst.MessageType.ERROR)
        return message.parse_error()[0].message if message is not None else "no more frames"


def _import_gst() -> tuple[Any, Any]:
    """The modules Gst and GLib, with appsink's methods loaded."""
    try:
        import gi

        gi.require_version("Gst", "1.0")
        gi.require_version("GstApp", "1.0")
        from gi.repository import GLib, Gst, GstApp  # noqa: F401  GstApp gives appsink its methods
    except (ImportError, ValueError) as error:
        raise CameraError(
            f"GStreamer cannot be imported ({error}); apt install python3-gi gir1.2-gst-plugins-base-1.0, in an "
            "environment with --system-site-packages"
        ) from error
    Gst.init(None)
    return Gst, GLib
