"""Parts of one delivery, gathered on disk so that memory stays small and a restart goes on where it was.

    <work>/<device>/<capture id>/<sha256>-<parts>.data    the artefact as far as it has arrived
    <work>/<device>/<capture id>/<sha256>-<parts>.have    one byte per part, 1 = arrived

The two are not synced to the disk: whatever a power cut tears is found by the sha256 at the end and fetched again.
"""

import contextlib
import hashlib
import os
import shutil
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from packshot.errors import BadMessage, IntegrityError
from packshot.messages import OfferedArtefact
from packshot.parts import Range, part_span, to_ranges


class Gathering:
    """The files of one offer. Thread-safe: parts are added by the bus's thread, the rest is called by a worker.

    All methods raise OSError when the disk fails or is full.
    """

    def __init__(self, folder: Path, artefacts: Sequence[OfferedArtefact]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._artefacts = {artefact.name: artefact for artefact in artefacts}
        self._lock = threading.Lock()
        self._have = {artefact.name: self._open(artefact) for artefact in artefacts}

    def add(self, name: str, part: int, of: int, data: bytes) -> bool:
        """Store one part; False if it was here already. Raises BadMessage for parts that were not offered."""
        artefact = self._artefacts.get(name)
        if artefact is None or of != artefact.parts:
            raise BadMessage(f"part {part} of {of} of {name} was not offered")
        start, end = part_span(artefact.bytes, part, of)
        if len(data) != end - start:
            raise BadMessage(f"part {part} of {name} has {len(data)} bytes instead of {end - start}")
        with self._lock:
            if self._have[name][part]:
                return False
            _write_at(self._path(artefact, "data"), data, start)
            _write_at(self._path(artefact, "have"), b"\x01", part)
            self._have[name][part] = 1
        return True

    def have(self) -> dict[str, list[Range]]:
        """Ranges of parts that are here, per artefact; artefacts without any are left out."""
        with self._lock:
            ranges = {
                name: to_ranges(part for part, there in enumerate(flags) if there) for name, flags in self._have.items()
            }
        return {name: spans for name, spans in ranges.items() if spans}

    def complete(self) -> bool:
        """Whether every part is here; artefacts that are downloaded have none."""
        with self._lock:
            return all(all(flags) for flags in self._have.values())

    def check(self) -> None:
        """Raise IntegrityError unless every artefact has the offered sha256; what has not is thrown away."""
        wrong = [artefact for artefact in self._artefacts.values() if self._sha256(artefact) != artefact.sha256]
        for artefact in wrong:
            self._discard(artefact)
        if wrong:
            raise IntegrityError(f"{wrong[0].name} does not have the offered sha256; it is fetched again")

    def path(self, name: str) -> Path:
        """Where an artefact lies."""
        return self._path(self._artefacts[name], "data")

    def remove(self) -> None:
        """Delete everything of this delivery."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _open(self, artefact: OfferedArtefact) -> bytearray:
        data, have = self._path(artefact, "data"), self._path(artefact, "have")
        if artefact.url:
            data.touch()  # grows as it is downloaded; its size says how far that got
            return bytearray()
        flags = have.read_bytes() if have.exists() and data.exists() else b""
        fits = len(flags) == artefact.parts and data.stat().st_size == artefact.bytes if flags else False
        if not fits:
            _reserve(data, artefact.bytes)
            flags = self._inherited(artefact, data)
            have.write_bytes(flags)
        return bytearray(flags)

    def _inherited(self, artefact: OfferedArtefact, data: Path) -> bytes:
        """Take over what has arrived of the same artefact cut into other parts; which parts are here.

        The other files stay: somebody may be uploading them just now.
        """
        flags = bytearray(artefact.parts)
        for have in sorted(self._folder.glob(f"{artefact.sha256}-*.have")):
            other = have.with_suffix(".data")
            if have == self._path(artefact, "have") or not other.exists() or other.stat().st_size != artefact.bytes:
                continue
            there = have.read_bytes()
            spans = [
                (part_span(artefact.bytes, first, len(there))[0], part_span(artefact.bytes, last, len(there))[1])
                for first, last in to_ranges(part for part, is_there in enumerate(there) if is_there)
            ]
            for part in range(artefact.parts):
                start, end = part_span(artefact.bytes, part, artefact.parts)
                if any(first <= start and end <= last for first, last in spans):
                    _write_at(data, _read_at(other, start, end - start), start)
                    flags[part] = 1
        return bytes(flags)

    def _discard(self, artefact: OfferedArtefact) -> None:
        with self._lock:
            for path in self._folder.glob(f"{artefact.sha256}-*"):
                path.unlink(missing_ok=True)
            self._have[artefact.name] = self._open(artefact)

    def _sha256(self, artefact: OfferedArtefact) -> str:
        with self._path(artefact, "data").open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def _path(self, artefact: OfferedArtefact, suffix: str) -> Path:
        # Named by content, not by what a stranger calls it.
        return self._folder / f"{artefact.sha256}-{artefact.parts}.{suffix}"


def stale_folders(work: Path, older_than_s: float) -> Iterator[Path]:
    """What deliveries left behind that nobody went on with for so long."""
    limit = time.time() - older_than_s
    for folder in work.glob("*/*/"):
        with contextlib.suppress(FileNotFoundError):  # a delivery may just be ending
            if max(path.stat().st_mtime for path in (folder, *folder.iterdir())) < limit:
                yield folder


def _reserve(path: Path, size: int) -> None:
    """An empty file that has its space already, so that a full disk shows before the first part."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        if size:
            os.posix_fallocate(descriptor, 0, size)
    finally:
        os.close(descriptor)


def _read_at(path: Path, offset: int, size: int) -> bytes:
    with path.open("rb") as file:
        file.seek(offset)
        return file.read(size)


def _write_at(path: Path, data: bytes, offset: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        rest = memoryview(data)
        while rest:
            written = os.pwrite(descriptor, rest, offset)
            rest, offset = rest[written:], offset + written
    finally:
        os.close(descriptor)
