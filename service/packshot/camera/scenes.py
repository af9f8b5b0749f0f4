"""A folder of scenes as a camera whose picture moves: for demonstrations and tests without hardware."""

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from packshot.camera.port import CameraInfo
from packshot.camera.stills import media_type_of, small_picture
from packshot.domain import Frame, Shutter, ShutterProof
from packshot.errors import CameraError

FRAMES_PER_S = 25.0
REMEMBERED = 64  # decoded previews, under 1 MB each


class ScenesCamera:
    """Every subfolder is a scene: its photos, by name, are shown to and fro at 25 frames a second.

    A capture takes the frame that is shown, byte for byte, and moves on to the next scene. The shutter counts as
    bounded, as with a folder of photos: the frame is chosen and read after the trigger.
    """

    def __init__(self, folder: Path, now: Callable[[], float] = time.monotonic) -> None:
        """``folder`` need not exist yet; captures fail until it holds a scene."""
        self._folder = folder
        self._now = now
        self._turn = 0
        self._seen: dict[Path, NDArray[np.uint8] | None] = {}
        self._problem = ""

    @property
    def info(self) -> CameraInfo:
        """Kind "scenes"."""
        return CameraInfo(kind="scenes", source=str(self._folder))

    @property
    def problem(self) -> str:
        """What the last look into the folder found wrong."""
        return self._problem

    def capture(self, triggered_at: float, timeout_s: float) -> Frame:  # noqa: ARG002  the port's signature
        """The frame that is shown now. Raises CameraError when there is no scene."""
        path = self._shown()
        try:
            data = path.read_bytes()
        except OSError as error:
            raise self._trouble(f"{path} cannot be read ({error.strerror})") from error
        media_type = media_type_of(data)
        if media_type is None:
            raise self._trouble(f"{path} is no photo; put JPEG, PNG or WebP files there")
        self._turn += 1
        shutter = Shutter(ShutterProof.BOUNDED, max(0.0, time.monotonic() - triggered_at))
        return Frame(data=data, media_type=media_type, shutter=shutter, source=str(path))

    def preview(self) -> NDArray[np.uint8] | None:
        """The frame that is shown now, small; decoded once, until many others have been shown."""
        try:
            path = self._shown()
            if path not in self._seen:
                if len(self._seen) == REMEMBERED:
                    del self._seen[next(iter(self._seen))]
                self._seen[path] = small_picture(path.read_bytes())
            return self._seen[path]
        except (CameraError, OSError):
            return None

    def close(self) -> None:
        """Nothing is held open."""

    def _shown(self) -> Path:
        """To the last frame and back again, so that the picture never jumps."""
        try:
            scenes = sorted(path for path in self._folder.iterdir() if path.is_dir())
            frames = sorted(scenes[self._turn % len(scenes)].iterdir()) if scenes else []
        except OSError as error:
            raise self._trouble(f"{self._folder} cannot be read ({error.strerror})") from error
        if not frames:
            raise self._trouble(f"{self._folder} holds no scene; put folders of photos there")
        self._problem = ""
        last = len(frames) - 1
        place = int(self._now() * FRAMES_PER_S) % max(1, 2 * last)
        return frames[min(place, 2 * last - place)]

    def _trouble(self, text: str) -> CameraError:
        self._problem = text
        return CameraError(text)
