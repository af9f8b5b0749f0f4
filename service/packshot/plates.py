"""The plate: a photo of the empty scene, kept on disk and handed to every cutout until a newer one is taken."""

import threading
from collections.abc import Sequence
from pathlib import Path

from packshot.domain import Frame
from packshot.encode.port import DecodeLimits, Photo, PhotoDecoder
from packshot.errors import BadImage, SpoolFull
from packshot.platform import durable

FILES = ("plate-1", "plate-2")  # the second is of the second backdrop


class PlateShelf:
    """The plates below ``folder``, one per backdrop. Thread-safe; decoded they stay in memory, (H, W, 3) uint8 sRGB."""

    def __init__(self, folder: Path, decoder: PhotoDecoder, limits: DecodeLimits) -> None:
        self._folder = folder
        self._decoder = decoder
        self._limits = limits
        self._lock = threading.Lock()
        self._photos: tuple[Photo, ...] | None = None

    def keep(self, frames: Sequence[Frame]) -> None:
        """Make the frames the plates; raises BadImage if one is no picture, SpoolFull if the disk refuses them."""
        photos = tuple(self._decoder.decode(frame.data, self._limits) for frame in frames)
        with self._lock:
            try:
                durable.make_folder(self._folder)
                self._replace(frames)
            except OSError as error:
                raise SpoolFull(f"the plate cannot be kept in {self._folder}: {error.strerror}") from error
            self._photos = photos

    def forget(self) -> None:
        """Go on without a plate; raises SpoolFull if the disk refuses that."""
        with self._lock:
            try:
                self._remove()
            except OSError as error:
                raise SpoolFull(f"the plate cannot be removed from {self._folder}: {error.strerror}") from error
            self._photos = ()

    def current(self) -> tuple[Photo, ...]:
        """The plates in the order of the backdrops; empty if none was taken or one cannot be read any more."""
        with self._lock:
            if self._photos is None:
                self._photos = self._read()
            return self._photos

    def _replace(self, frames: Sequence[Frame]) -> None:
        """The former plates stay until all new ones are written; two are of one moment, or there is one."""
        fresh = [self._folder / f"{name}{durable.TEMPORARY_SUFFIX}" for name, _ in zip(FILES, frames, strict=False)]
        try:
            for path, frame in zip(fresh, frames, strict=False):
                path.unlink(missing_ok=True)
                durable.write_new_file(path, frame.data)
            (self._folder / FILES[1]).unlink(missing_ok=True)
            for path, name in zip(fresh, FILES, strict=False):
                path.rename(self._folder / name)
            durable.sync_folder(self._folder)
        finally:
            for path in fresh:
                path.unlink(missing_ok=True)

    def _remove(self) -> None:
        for name in reversed(FILES):
            (self._folder / name).unlink(missing_ok=True)
        if self._folder.is_dir():
            durable.sync_folder(self._folder)

    def _read(self) -> tuple[Photo, ...]:
        files = [self._folder / name for name in FILES if (self._folder / name).exists()]
        try:
            return tuple(self._decoder.decode(file.read_bytes(), self._limits) for file in files)
        except (OSError, BadImage):
            return ()
