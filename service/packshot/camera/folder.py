"""A folder of photos as a camera: replays them in order of their names, and round again."""

import logging
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from packshot.camera.port import CameraInfo
from packshot.camera.stills import media_type_of, small_picture
from packshot.domain import Frame, Shutter, ShutterProof
from packshot.errors import CameraError

LARGEST_PHOTO = 256 << 20
log = logging.getLogger(__name__)


class FolderCamera:
    """Photos are passed on byte for byte; what is not a JPEG, PNG or WebP by its content is skipped and logged once.

    The folder is read anew for every capture, so photos may come and go. The shutter counts as bounded: a photo has
    no exposure, so the bound is the time from the trigger until its bytes had been read, all of it after the trigger.
    """

    def __init__(self, folder: Path) -> None:
        """``folder`` need not exist yet; captures fail until it holds a photo."""
        self._folder = folder
        self._last = ""
        self._skipped: set[str] = set()
        self._preview: tuple[str, NDArray[np.uint8] | None] = ("", None)
        self._problem = ""

    @property
    def info(self) -> CameraInfo:
        """Kind "folder"; sizes differ from photo to photo."""
        return CameraInfo(kind="folder", source=str(self._folder))

    @property
    def problem(self) -> str:
        """What the last look into the folder found wrong."""
        return self._problem

    def capture(self, triggered_at: float, timeout_s: float) -> Frame:  # noqa: ARG002  the port's signature
        """The next photo. Raises CameraError when the folder is missing or holds none."""
        path, data, media_type = self._next()
        self._last = path.name
        shutter = Shutter(ShutterProof.BOUNDED, max(0.0, time.monotonic() - triggered_at))
        return Frame(data=data, media_type=media_type, shutter=shutter, source=str(path))

    def preview(self) -> NDArray[np.uint8] | None:
        """The photo that the next capture will take, small."""
        try:
            path, data, _ = self._next()
        except CameraError:
            return None
        if self._preview[0] != path.name:
            self._preview = (path.name, small_picture(data))
        return self._preview[1]

    def close(self) -> None:
        """Nothing is held open."""

    def _next(self) -> tuple[Path, bytes, str]:
        """Path, bytes and media type of the first photo whose turn it is."""
        for path in self._in_turn():
            data = self._read(path)
            media_type = media_type_of(data)
            if media_type is not None:
                self._problem = ""
                return path, data, media_type
            self._skip(path)
        self._problem = f"{self._folder} holds no photo; put JPEG, PNG or WebP files there"
        raise CameraError(self._problem)

    def _in_turn(self) -> list[Path]:
        """All plain files by name, beginning after the last one taken."""
        try:
            names = sorted(path.name for path in self._folder.iterdir() if path.is_file() and path.name[0] != ".")
        except OSError as error:
            self._problem = f"{self._folder} cannot be read ({error.strerror}); set camera.source to a folder of photos"
            raise CameraError(self._problem) from error
        later = [name for name in names if name > self._last]
        return [self._folder / name for name in later + names[: len(names) - len(later)]]

    def _read(self, path: Path) -> bytes:
        """The file's bytes; empty for one that is gone, unreadable or too large to be a photo."""
        try:
            return path.read_bytes() if path.stat().st_size <= LARGEST_PHOTO else b""
        except OSError:
            return b""

    def _skip(self, path: Path) -> None:
        if path.name not in self._skipped:
            self._skipped.add(path.name)
            log.warning("%s is not a JPEG, PNG or WebP photo; skipped", path)
