"""The part of picamera2 that the adapter calls, with a sensor that really exposes in time.

Faithful in what matters: requests complete into a queue of their own and go stale there; ``flush`` gives back those
whose exposure began too early; arrays of a released request must not be used; late jobs raise TimeoutError.
"""

import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import cv2
import numpy as np

from tests.fakes.mjpeg import stamped

EXPOSURE_US = 8000
PERIOD_S = 0.02


class Request:
    """A completed request: two buffers and what the sensor said."""

    def __init__(self, number: int, sensor_at: float, main: tuple[int, int], lores: tuple[int, int]) -> None:
        self.released = False
        self._metadata = {
            "SensorTimestamp": int(sensor_at * 1e9),
            "ExposureTime": EXPOSURE_US,
            "AnalogueGain": 1.5,
            "ColourGains": (1.9, 1.6),
            "LensPosition": 3.25,
        }
        self._main = cv2.resize(stamped(number), main, interpolation=cv2.INTER_NEAREST)
        self._lores = cv2.cvtColor(cv2.resize(stamped(number), lores), cv2.COLOR_BGR2YUV_I420)

    def make_array(self, name: str) -> np.ndarray:
        """A view of the buffer, as the real one."""
        return self._main if name == "main" else self._lores

    def get_metadata(self) -> dict[str, Any]:
        """What the sensor said."""
        return self._metadata

    def release(self) -> None:
        """Give the buffers back: they are exposed anew."""
        self.released = True
        self._main[:] = 0
        self._lores[:] = 0


class FakePicamera2:
    """``picamera2.Picamera2``; faults are attributes."""

    def __init__(self, autofocus: bool = True) -> None:
        self.sensor_resolution = (1280, 640)
        self.camera_properties = {"Model": "imx-fake"}
        self.camera_controls: dict[str, Any] = {"ExposureTime": (1, 10**6, 100)}
        if autofocus:
            self.camera_controls["AfMode"] = (0, 2, 0)
        self.frames_to_rest = 5
        self.focus_s = 0.0
        self.stalled = False
        self.stop_fault: Exception | None = None
        self.controls: dict[str, Any] = {}
        self.configured: list[dict[str, Any]] = []
        self.running = False
        self.closed = False
        self._completed: deque[Request] = deque(maxlen=2)
        self._number = 0
        self._next_at = 0.0

    def create_still_configuration(self, **settings: Any) -> dict[str, Any]:
        """The settings themselves."""
        return settings

    def configure(self, configuration: dict[str, Any]) -> None:
        """Allocate buffers."""
        assert not self.running
        self.configured.append(configuration)

    def start(self) -> None:
        """Begin to expose."""
        self.running = True
        self._next_at = time.monotonic() + PERIOD_S

    def stop(self) -> None:
        """Stop exposing."""
        if self.stop_fault is not None:
            raise self.stop_fault
        self.running = False

    def close(self) -> None:
        """Let the sensor go."""
        self.closed = True

    def set_controls(self, controls: dict[str, Any]) -> None:
        """For the frames to come."""
        self.controls.update(controls)

    def capture_metadata(self, wait: float) -> dict[str, Any]:
        """Of the next frame."""
        with self.captured_request(wait=wait) as request:
            self.frames_to_rest -= 1
            return {**request.get_metadata(), "AeState": 2 if self.frames_to_rest <= 0 else 1}

    def autofocus_cycle(self, wait: float) -> bool:
        """Takes ``focus_s``."""
        if self.focus_s > wait:
            raise TimeoutError
        return True

    @contextmanager
    def captured_request(self, wait: float, flush: int | None = None) -> Iterator[Request]:
        """The oldest completed request whose exposure began at ``flush`` (ns) or later."""
        deadline = time.monotonic() + wait
        while True:
            self._expose()
            while self._completed:
                request = self._completed.popleft()
                seen = request.get_metadata()
                if not flush or seen["SensorTimestamp"] - 1000 * seen["ExposureTime"] >= flush:
                    try:
                        yield request
                    finally:
                        request.release()
                    return
                request.release()
            if time.monotonic() > deadline:
                raise TimeoutError
            time.sleep(0.002)

    def _expose(self) -> None:
        while self.running and not self.stalled and self._next_at <= time.monotonic():
            self._number += 1
            configuration = self.configured[-1]
            request = Request(
                self._number, self._next_at, configuration["main"]["size"], configuration["lores"]["size"]
            )
            self._completed.append(request)
            self._next_at += PERIOD_S
