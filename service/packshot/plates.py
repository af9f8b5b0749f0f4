"""The plate: a photo of the empty scene, kept on disk and handed to every cutout until a newer one is taken."""

import threading
from pathlib import Path

from packshot.domain import Frame
from packshot.encode.port import DecodeLimits, Photo, PhotoDecoder
from packshot.errors import BadImage, SpoolFull
from packshot.platform import durable

NAME = "plate"


class PlateShelf:
    """One plate below ``folder``. Thread-safe; the decoded plate stays in memory, (H, W, 3) uint8 sRGB."""

    def __init__(self, folder: Path, decoder: PhotoDecoder, limits: DecodeLimits) -> None:
        self._file = folder / NAME
        self._decoder = decoder
        self._limits = limits
        self._lock = threading.Lock()
        self._photo: Photo | None = None

    def keep(self, frame: Frame) -> None:
        """Make the frame the plate; raises BadImage if it is no picture, SpoolFull if the disk refuses it."""
        photo = self._decoder.decode(frame.data, self._limits)
        with self._lock:
            try:
                durable.make_folder(self._file.parent)
                durable.write_file(self._file, frame.data)
            except OSError as error:
                raise SpoolFull(f"the plate cannot be kept in {self._file}: {error.strerror}") from error
            self._photo = photo

    def forget(self) -> bool:
        """Go on without a plate; False if there was none."""
        with self._lock:
            there = self._file.exists()
            self._file.unlink(missing_ok=True)
            self._photo = None
            return there

    def current(self) -> Photo | None:
        """The plate, None if none was taken or it cannot be read any more."""
        with self._lock:
            if self._photo is None and self._file.exists():
                self._photo = self._read()
            return self._photo

    def _read(self) -> Photo | None:
        try:
            return self._decoder.decode(self._file.read_bytes(), self._limits)
        except (OSError, BadImage):
            return None
