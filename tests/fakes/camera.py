"""A camera in memory: numbered pictures on demand, and every fault a cable can have.

camera = FakeCamera()
camera.unplug("cable out")     # captures raise CameraError until ``plug``
camera.capture(time.monotonic(), 1.0)
camera.taken == 1
"""

import os
import signal
import threading
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from packshot.camera import stream
from packshot.camera.opencv import OpenCVCamera
from packshot.camera.port import CameraInfo
from packshot.camera.stills import encode_jpeg, shrink
from packshot.domain import Frame, Shutter, ShutterProof
from packshot.errors import CameraError
from tests.fakes.mjpeg import stamped


class FakeCamera:
    """Implements ``packshot.camera.port.Camera``; with ``picture`` (encoded JPEG) every frame is that picture."""

    def __init__(self, picture: bytes | None = None) -> None:
        self.info = CameraInfo("fake", "memory", 320, 160)
        self.problem = ""
        self.taken = 0
        self.closed = 0
        self.gate = threading.Event()
        self.gate.set()
        self._picture = picture

    def unplug(self, problem: str = "camera fake is unplugged; plug it in") -> None:
        """Fail from now on."""
        self.problem = problem

    def plug(self) -> None:
        """Work again."""
        self.problem = ""

    def capture(self, triggered_at: float, timeout_s: float) -> Frame:
        """The next numbered picture; hangs while ``gate`` is cleared, up to the deadline."""
        if not self.gate.wait(timeout_s):
            raise CameraError(f"camera fake gave no frame within {timeout_s:.1f} s")
        if self.problem:
            raise CameraError(self.problem)
        self.taken += 1
        data = self._picture or encode_jpeg(stamped(self.taken))
        shutter = Shutter(ShutterProof.PROVEN, time.monotonic() - triggered_at)
        return Frame(data=data, media_type="image/jpeg", shutter=shutter, source="memory")

    def preview(self) -> NDArray[np.uint8] | None:
        """What the next capture would show."""
        return None if self.problem else shrink(stamped(self.taken + 1)[..., ::-1])

    def close(self) -> None:
        """Count the calls."""
        self.closed += 1


class FaultyCamera(FakeCamera):
    """A camera for a process of its own: what lies in ``folder`` decides how it fails.

    "hang" makes captures and previews hang for ever, "crash" ends the process, "pull" is the cable.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder

    def capture(self, triggered_at: float, timeout_s: float) -> Frame:
        """As FakeCamera, unless a fault lies in the folder."""
        self._meet_fault()
        return super().capture(triggered_at, timeout_s)

    def preview(self) -> NDArray[np.uint8] | None:
        """As FakeCamera, unless a fault lies in the folder."""
        self._meet_fault()
        return super().preview()

    def _meet_fault(self) -> None:
        if (self._folder / "crash").exists():
            os._exit(1)
        while (self._folder / "hang").exists():
            signal.pause()
        self.problem = "camera fake is unplugged" if (self._folder / "pull").exists() else ""


class HangingStream(OpenCVCamera):
    """A camera for a process of its own whose driver stops answering once "hang" lies in ``folder``, for good.

    Only the thread that streams hangs in it; the process goes on answering.
    """

    def __init__(self, folder: Path, silence_s: float) -> None:
        super().__init__("0")
        stream.SILENCE_S = silence_s  # of this process
        self._frames = stream.FreshFrames("camera 0", lambda: _HangingDevice(folder))


class _HangingDevice:
    def __init__(self, folder: Path) -> None:
        self._hang = folder / "hang"
        self._count = 0

    def grab(self) -> None:
        while self._hang.exists() or self._count < 0:
            self._count = -1
            time.sleep(0.1)
        time.sleep(0.02)

    def retrieve(self) -> NDArray[np.uint8]:
        self._count += 1
        return stamped(self._count)

    def close(self) -> None:
        return
