"""A folder of photos as a camera: replays them in order of their names, and round again."""

import logging
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from packshot.camera.port import CameraInfo
from packshot.camera.stills import media_type_of, small_picture
from packshot.domain import Frame, Shutter, ShutterProof
from packshot.errors import CameraError

LARGEST_PHOTO = 256 << 20
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Photo:
    """A file that is a photo, as it was when it was read."""

    path: Path
    data: bytes
    media_type: str
    written_ns: int

    @property
    def stamp(self) -> tuple[str, int, int]:
        """Differs once the file has been overwritten."""
        return self.path.name, self.written_ns, len(self.data)


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
        self._preview: NDArray[np.uint8] | None = None
        self._preview_of = ("", 0, 0)
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
        photo = self._next()
        self._last = photo.path.name
        shutter = Shutter(ShutterProof.BOUNDED, max(0.0, time.monotonic() - triggered_at))
        return Frame(data=photo.data, media_type=photo.media_type, shutter=shutter, source=str(photo.path))

    def preview(self) -> NDArray[np.uint8] | None:
        """The photo that the next capture will take, small."""
        try:
            photo = self._next()
        except CameraError:
            return None
        if self._preview_of != photo.stamp:
            self._preview, self._preview_of = small_picture(photo.data), photo.stamp
        return self._preview

    def close(self) -> None:
        """Nothing is held open."""

    def _next(self) -> Photo:
        """The first photo whose turn it is."""
        for path in self._in_turn():
            data, written_ns = self._read(path)
            media_type = media_type_of(data)
            if media_type is not None:
                self._problem = ""
                return Photo(path, data, media_type, written_ns)
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

    def _read(self, path: Path) -> tuple[bytes, int]:
        """The file's bytes and when it was written; empty for one that is gone, unreadable or too large for a photo."""
        try:
            found = path.stat()  # before its bytes, so that one overwritten meanwhile looks new the next time
            return path.read_bytes() if found.st_size <= LARGEST_PHOTO else b"", found.st_mtime_ns
        except OSError:
            return b"", 0

    def _skip(self, path: Path) -> None:
        if path.name not in self._skipped:
            self._skipped.add(path.name)
            log.warning("%s is not a JPEG, PNG or WebP photo; skipped", path)
