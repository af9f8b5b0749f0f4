"""Folders of captures on disk: ``captures/<capture id>/`` with the artefacts' files and the sidecar ``_capture.json``.

A new capture is staged in ``<capture id>.new`` and renamed when all its files are durable, so a folder without that
suffix is always whole. Files of later steps get a free name and count only once the index and sidecar name them.
Raises OSError.
"""

import contextlib
import hashlib
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from packshot.domain import CAPTURE_ID
from packshot.errors import IntegrityError
from packshot.platform import durable
from packshot.spool.record import MAX_RECORD_BYTES, Record, decode_record, encode_record

FOLDER_NAME = "captures"
SIDECAR = "_capture.json"  # no artefact's name can begin with an underscore
STAGING_SUFFIX = ".new"
DAMAGED_PREFIX = "damaged-"


class CaptureFiles:
    """All capture folders below one root."""

    def __init__(self, root: Path) -> None:
        self._captures = root / FOLDER_NAME

    def prepare(self) -> None:
        """Create the folder of folders."""
        durable.make_folder(self._captures)

    def folder(self, capture_id: str) -> Path:
        """Where a capture's files lie, or would."""
        return self._captures / capture_id

    @contextlib.contextmanager
    def creating(self, record: Record, data: Mapping[str, bytes]) -> Iterator[None]:
        """Make a new capture durable and hold its lock until its row is written.

        ``data`` are the bytes by artefact name; ``record.files`` names the files.
        """
        staging = self._captures / (record.capture_id + STAGING_SUFFIX)
        staging.mkdir(mode=durable.FOLDER_MODE)
        durable.inherit_owner(staging)
        with durable.folder_lock(staging):
            for name, file in record.files.items():
                durable.write_new_file(staging / file, data[name])
            durable.write_new_file(staging / SIDECAR, encode_record(record))
            durable.sync_folder(staging)
            staging.rename(self.folder(record.capture_id))
            durable.sync_folder(self._captures)
            yield

    def discard_new(self, capture_id: str) -> None:
        """Remove what a failed ``creating`` left, staged or renamed."""
        with contextlib.suppress(OSError):
            durable.remove_folder(self._captures / (capture_id + STAGING_SUFFIX), SIDECAR)
            durable.remove_folder(self.folder(capture_id), SIDECAR)

    def add(self, capture_id: str, files: Mapping[str, bytes]) -> None:
        """Make files (by file name) durable in an existing folder, in place of left-over ones of that name."""
        folder = self.folder(capture_id)
        for file, data in files.items():
            durable.replace_file(folder / file, data)
        durable.sync_folder(folder)

    def write_sidecar(self, record: Record) -> None:
        """Replace the sidecar, unless it says the same already; a capture without folder needs none."""
        path = self.folder(record.capture_id) / SIDECAR
        data = encode_record(record.at_rest())
        if path.parent.is_dir() and not _holds(path, data):
            durable.write_file(path, data)

    def read_sidecar(self, capture_id: str) -> Record:
        """The sidecar's record; raises BadMessage if it is damaged, FileNotFoundError if it is not there."""
        with (self.folder(capture_id) / SIDECAR).open("rb") as file:
            return decode_record(file.read(MAX_RECORD_BYTES + 1), capture_id)

    def read(self, record: Record, name: str) -> bytes:
        """An artefact's bytes, checked; raises IntegrityError when they are gone, unreadable or different."""
        artefact, path = record.artefact(name), self.path(record, name)
        try:
            data = path.read_bytes()
        except OSError as error:
            raise IntegrityError(f"{name} cannot be read ({error.strerror}); take the photo again") from error
        if len(data) != artefact.size_bytes or hashlib.sha256(data).hexdigest() != artefact.sha256:
            raise IntegrityError(f"{name} no longer has the sha256 that was recorded; take the photo again")
        return data

    def path(self, record: Record, name: str) -> Path:
        """Where an artefact lies; raises IntegrityError when its file was deleted on purpose."""
        record.artefact(name)
        if name not in record.files:
            raise IntegrityError(f"{name} of capture {record.capture_id} was deleted; take the photo again")
        return self.folder(record.capture_id) / record.files[name]

    def remove(self, capture_id: str) -> None:
        """Delete a capture's folder, its sidecar last."""
        durable.remove_folder(self.folder(capture_id), SIDECAR)

    def remove_files(self, capture_id: str, files: Sequence[str]) -> None:
        """Delete some files of a capture; missing ones are fine."""
        for file in files:
            (self.folder(capture_id) / file).unlink(missing_ok=True)

    def set_aside(self, capture_id: str, file: str) -> None:
        """Keep a damaged file for a person to look at, under a name that nothing refers to."""
        folder = self.folder(capture_id)
        with contextlib.suppress(FileNotFoundError):
            (folder / file).rename(folder / (DAMAGED_PREFIX + file))
            durable.sync_folder(folder)

    def present(self, capture_id: str) -> bool:
        """Whether the capture has a folder."""
        return self.folder(capture_id).is_dir()

    def names(self, capture_id: str) -> set[str]:
        """All file names in a capture's folder; empty if there is none."""
        with contextlib.suppress(FileNotFoundError):
            return {entry.name for entry in os.scandir(self.folder(capture_id))}
        return set()

    def capture_ids(self) -> list[str]:
        """The ids of all folders, oldest first; foreign names are left out."""
        return sorted(name for name in self._folder_names() if CAPTURE_ID.fullmatch(name))

    def sweep_staging(self) -> list[Path]:
        """Delete what unfinished ``creating`` left; only the one owner of the spool may. Returns what went."""
        left_over = [self._captures / name for name in self._folder_names() if name.endswith(STAGING_SUFFIX)]
        for path in left_over:
            shutil.rmtree(path)
        return left_over

    @contextlib.contextmanager
    def lock(self, capture_id: str) -> Iterator[None]:
        """Be the only one in any thread or process who changes this capture; without a folder there is no need."""
        with contextlib.ExitStack() as stack:
            with contextlib.suppress(FileNotFoundError):
                stack.enter_context(durable.folder_lock(self.folder(capture_id)))
            yield

    def _folder_names(self) -> list[str]:
        return [entry.name for entry in os.scandir(self._captures) if entry.is_dir(follow_symlinks=False)]


def _holds(path: Path, data: bytes) -> bool:
    try:
        return path.read_bytes() == data
    except OSError:
        return False
