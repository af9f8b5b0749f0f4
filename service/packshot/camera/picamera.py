"""Raspberry Pi cameras through picamera2: still and preview from one configuration, exposure proven by the sensor."""

import logging
import time
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from packshot.camera.port import CameraInfo
from packshot.camera.stills import PREVIEW_SIDE, encode_jpeg
from packshot.domain import Frame, Shutter, ShutterProof
from packshot.errors import CameraError

BUFFERS = 2  # one is exposed while one is read; more do not fit the contiguous memory of a 2 GB board at 12 MP
SETTLE_S = 3.0  # for exposure, gain and white balance to come to rest after the start
FOCUS_S = 4.0  # an autofocus cycle that takes longer never ends
PREVIEW_INTERVAL_S = 1 / 16
PREVIEW_WAIT_S = 1.0
AE_CONVERGED = 2
AF_MANUAL = 0
FAILURES = (RuntimeError, IndexError, KeyError, OSError)  # a job that is late raises TimeoutError, an OSError
log = logging.getLogger(__name__)


class PiCamera:
    """The camera that libcamera lists at ``number``. ``controls`` are libcamera's own (``ExposureTime``, ...).

    At the start exposure, gain and white balance are measured once and locked, and so is the focus after one cycle:
    all photos of a day look the same, and no capture waits for a lens. Controls that are given win over measured ones.
    One configuration serves stills and preview, so buffers are allocated once and no mode is ever switched.
    """

    def __init__(
        self,
        number: int = 0,
        *,
        width: int = 0,
        height: int = 0,
        controls: Mapping[str, float] = MappingProxyType({}),
        open_camera: Callable[[int], Any] | None = None,
    ) -> None:
        """Touches no device. ``width`` and ``height`` 0 mean the sensor's."""
        self._number = number
        self._size = (width, height)
        self._controls = dict(controls)
        self._open_camera = open_camera or _open
        self._camera: Any = None
        self._info = CameraInfo("picamera2", str(number))
        self._problem = ""
        self._preview: NDArray[np.uint8] | None = None
        self._preview_at = float("-inf")

    @property
    def info(self) -> CameraInfo:
        """Kind "picamera2", the model of the sensor once it was opened."""
        return self._info

    @property
    def problem(self) -> str:
        """Why the last try failed."""
        return self._problem

    def capture(self, triggered_at: float, timeout_s: float) -> Frame:
        """See ``Camera.capture``: requests whose exposure began before the trigger are given back unseen."""
        deadline = time.monotonic() + timeout_s
        try:
            camera = self._running()
            remaining_s = max(0.1, deadline - time.monotonic())
            with camera.captured_request(wait=remaining_s, flush=int(triggered_at * 1e9)) as request:
                bgr = np.array(request.make_array("main"), np.uint8)
                seen = request.get_metadata()
        except CameraError as error:
            self._problem = str(error)
            raise
        except FAILURES as error:
            raise self._failed(error) from error
        lag_s = (seen["SensorTimestamp"] - 1000 * seen["ExposureTime"]) / 1e9 - triggered_at
        self._problem = ""
        proof = ShutterProof.PROVEN if lag_s >= 0 else ShutterProof.UNKNOWN
        return Frame(encode_jpeg(bgr), "image/jpeg", Shutter(proof, max(0.0, lag_s)), source=self._info.source)

    def preview(self) -> NDArray[np.uint8] | None:
        """See ``Camera.preview``; waits for one frame at most, sixteen times a second at most."""
        if time.monotonic() - self._preview_at < PREVIEW_INTERVAL_S:
            return self._preview
        try:
            with self._running().captured_request(wait=PREVIEW_WAIT_S) as request:
                yuv = np.array(request.make_array("lores"), np.uint8)
        except CameraError as error:
            self._problem, self._preview = str(error), None
        except FAILURES as error:
            self._failed(error)
            self._preview = None
        else:
            self._preview, self._problem = np.asarray(cv2.cvtColor(yuv, cv2.COLOR_YUV2RGB_I420), np.uint8), ""
        self._preview_at = time.monotonic()
        return self._preview

    def close(self) -> None:
        """Stop and let the camera go."""
        camera, self._camera = self._camera, None
        if camera is not None:
            self._attempt(camera.stop)
            self._attempt(camera.close)

    def _attempt(self, step: Callable[[], Any]) -> None:
        """A step of closing; one that fails must not keep the next from letting the camera go."""
        try:
            step()
        except FAILURES as error:  # it may be what is broken
            log.warning("camera %s did not close: %s", self._number, error)

    def _running(self) -> Any:
        if self._camera is None:
            self._camera = self._open_camera(self._number)
            self._configure(self._camera)
            self._camera.start()
            self._settle(self._camera)
        return self._camera

    def _configure(self, camera: Any) -> None:
        width, height = self._size if all(self._size) else camera.sensor_resolution
        small = min(PREVIEW_SIDE, width)
        configuration = camera.create_still_configuration(
            main={"format": "RGB888", "size": (width, height)},  # picamera2's name for B, G, R in memory
            lores={"format": "YUV420", "size": (small, round(small * height / width / 2) * 2)},
            raw=None,
            buffer_count=BUFFERS,
            queue=True,
        )
        camera.configure(configuration)
        model = camera.camera_properties.get("Model", "camera")
        self._info = CameraInfo("picamera2", f"{self._number} {model}", width, height)

    def _settle(self, camera: Any) -> None:
        """Focus once, let exposure and white balance come to rest, then lock all of them."""
        if "AfMode" in camera.camera_controls and "LensPosition" not in self._controls:
            self._focus(camera)
        seen = camera.capture_metadata(wait=SETTLE_S)
        until = time.monotonic() + SETTLE_S
        while not _at_rest(seen) and time.monotonic() < until:
            seen = camera.capture_metadata(wait=SETTLE_S)
        locked: dict[str, Any] = {"AeEnable": False, "AwbEnable": False}
        for name in ("ExposureTime", "AnalogueGain", "ColourGains"):
            if name in seen:
                locked[name] = seen[name]
        camera.set_controls({**locked, **self._controls})

    def _focus(self, camera: Any) -> None:
        """One cycle with a deadline; then the lens stays where it is, focused or not."""
        try:
            sharp = camera.autofocus_cycle(wait=FOCUS_S)
        except TimeoutError:
            sharp = False
        if not sharp:
            log.warning("camera %s found no focus within %.0f s; set LensPosition", self._number, FOCUS_S)
        camera.set_controls(
            {"AfMode": AF_MANUAL, "LensPosition": camera.capture_metadata(wait=SETTLE_S)["LensPosition"]}
        )

    def _failed(self, error: Exception) -> CameraError:
        """Let the camera go and say why."""
        words = str(error) or ("no fresh frame in time" if isinstance(error, TimeoutError) else type(error).__name__)
        problem = f"camera {self._number} failed ({words}); check its ribbon cable and `rpicam-hello --list`"
        if problem != self._problem:
            log.warning("%s", problem)
        self._problem = problem
        self.close()
        return CameraError(self._problem)


def _at_rest(seen: Mapping[str, Any]) -> bool:
    """Whether automatic exposure has settled; ``AeState`` says it, before libcamera 0.5 a flag."""
    return bool(seen.get("AeState") == AE_CONVERGED or seen.get("AeLocked"))


def _open(number: int) -> Any:
    """A Picamera2 whose buffers stay allocated between configurations."""
    try:
        from picamera2 import Picamera2
        from picamera2.allocators import PersistentAllocator
    except ImportError as error:
        raise CameraError(
            f"picamera2 cannot be imported ({error}); apt install python3-picamera2, in an environment with "
            "--system-site-packages"
        ) from error
    return Picamera2(number, allocator=PersistentAllocator())
