"""Artefacts read from the spool in pieces, so that memory does not grow with the size of a photo."""

import hashlib
from pathlib import Path

from packshot.errors import IntegrityError
from packshot.messages import OfferedArtefact
from packshot.parts import part_span
from packshot.spool.port import Spool

CHUNK_BYTES = 1024 * 1024


def check_file(spool: Spool, capture_id: str, artefact: OfferedArtefact) -> None:
    """Raise IntegrityError unless the file has the bytes that were recorded."""
    path = spool.path(capture_id, artefact.name)
    if sha256_of(path, artefact.name) != artefact.sha256:
        raise IntegrityError(f"{artefact.name} no longer has the sha256 that was recorded; take the photo again")


def read_part(spool: Spool, capture_id: str, artefact: OfferedArtefact, part: int) -> bytes:
    """The bytes of one part; raises IntegrityError if the file is gone or too short."""
    start, end = part_span(artefact.bytes, part, artefact.parts)
    try:
        with spool.path(capture_id, artefact.name).open("rb") as file:
            file.seek(start)
            data = file.read(end - start)
    except OSError as error:
        raise IntegrityError(f"{artefact.name} cannot be read: {error}") from error
    if len(data) != end - start:
        raise IntegrityError(f"{artefact.name} is shorter than recorded; take the photo again")
    return data


def sha256_of(path: Path, name: str) -> str:
    """The sha256 of a file in hex; raises IntegrityError if it cannot be read."""
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while chunk := file.read(CHUNK_BYTES):
                digest.update(chunk)
    except OSError as error:
        raise IntegrityError(f"{name} cannot be read: {error}") from error
    return digest.hexdigest()
