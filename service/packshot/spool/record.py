"""What is written down about a capture: one JSON document, the same in the index and in the sidecar file."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from numbers import Integral, Real
from typing import Any

import msgspec

from packshot.domain import ARTEFACT_NAME, CAPTURE_ID, IN_DELIVERY, Artefact, Capture, Shutter, Stage
from packshot.errors import BadMessage
from packshot.messages import Receipt

VERSION = 1
MAX_RECORD_BYTES = 1 << 20
# An artefact's own name, or "cutout.2.png" for a later generation; no artefact's name can look like the latter.
FILE_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,40}(?:\.[2-9])?(?:\.[a-z0-9]{2,5})?")
ORIGINAL = "original"


class NewerRecord(BadMessage):
    """A record written by a newer packshot; to be left alone."""


@dataclass(frozen=True)
class FrameNote:
    """What the camera said about one original, apart from its bytes."""

    name: str
    shutter: Shutter
    angle: int = 0
    backdrop: str = ""
    source: str = ""


@dataclass(frozen=True)
class Record:
    """A capture, where its files lie, and its receipt.

    ``files`` maps artefact names to file names in the capture's folder; a name that is missing there has been deleted.
    """

    capture: Capture
    frames: tuple[FrameNote, ...] = ()
    files: Mapping[str, str] = field(default_factory=dict)
    receipt: Receipt | None = None
    v: int = VERSION

    @property
    def capture_id(self) -> str:
        """The id of the capture."""
        return self.capture.capture_id

    @property
    def stage(self) -> Stage:
        """The stage of the capture."""
        return self.capture.stage

    @property
    def stored_bytes(self) -> int:
        """Bytes of all files that are still there."""
        return sum(artefact.size_bytes for artefact in self.capture.artefacts if artefact.name in self.files)

    @property
    def original_bytes(self) -> int:
        """Bytes of the originals that are still there."""
        return sum(artefact.size_bytes for artefact in self.originals if artefact.name in self.files)

    @property
    def originals(self) -> tuple[Artefact, ...]:
        """The artefacts that the camera gave."""
        return tuple(artefact for artefact in self.capture.artefacts if artefact.kind == ORIGINAL)

    def artefact(self, name: str) -> Artefact:
        """The artefact of that name; raises BadMessage if there is none."""
        for artefact in self.capture.artefacts:
            if artefact.name == name:
                return artefact
        raise BadMessage(f"capture {self.capture_id} has no artefact {name[:60]!r}")

    def at_stage(self, stage: Stage, reason: str = "") -> "Record":
        """The same in another stage."""
        return replace(self, capture=replace(self.capture, stage=stage, reason=reason))

    def without_files(self, names: frozenset[str]) -> "Record":
        """The same with some files known to be gone."""
        return replace(self, files={name: file for name, file in self.files.items() if name not in names})

    def at_rest(self) -> "Record":
        """What the sidecar says: offers and claims are not worth a flush, after a loss the capture is offered anew."""
        return self.at_stage(Stage.CUT) if self.stage in IN_DELIVERY else self


class Sealed(msgspec.Struct, frozen=True):
    """What is stored: the record's JSON with its sha256, because neither SQLite nor most file systems would notice a
    flipped bit in it.
    """

    sha256: str
    record: msgspec.Raw


def encode_record(record: Record) -> bytes:
    """The sealed record as JSON that ``decode_record`` is known to accept; raises BadMessage if it is not."""
    try:
        text = msgspec.json.encode(record, enc_hook=_plain)
    except (TypeError, ValueError, OverflowError) as error:
        raise BadMessage(f"capture {record.capture_id} cannot be written down: {error}") from error
    data = msgspec.json.encode(Sealed(hashlib.sha256(text).hexdigest(), msgspec.Raw(text)))
    decode_record(data, record.capture_id)
    return data


def decode_record(data: bytes, capture_id: str) -> Record:
    """Read a record of that capture; raises BadMessage with one line if it is not one or names a file outside."""
    if len(data) > MAX_RECORD_BYTES:
        raise BadMessage(f"record of capture {capture_id} is larger than {MAX_RECORD_BYTES} bytes")
    try:
        record = _unsealed(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadMessage(f"record of capture {capture_id} cannot be read: {error}") from error
    problem = _problem(record, capture_id)
    if problem:
        raise BadMessage(f"record of capture {capture_id} {problem}")
    return record


def _unsealed(data: bytes) -> Record:
    sealed = msgspec.json.decode(data, type=Sealed)
    text = bytes(sealed.record)
    if hashlib.sha256(text).hexdigest() != sealed.sha256:
        raise msgspec.DecodeError("its bytes do not have the sha256 beside them")
    version = msgspec.json.decode(text, type=_Versioned).v
    if version > VERSION:
        raise NewerRecord(f"record has version {version}, this packshot knows {VERSION}: update packshot")
    return msgspec.json.decode(text, type=Record)


class _Versioned(msgspec.Struct):
    v: int


def _problem(record: Record, capture_id: str) -> str:
    names = [artefact.name for artefact in record.capture.artefacts]
    if record.capture_id != capture_id or not CAPTURE_ID.fullmatch(capture_id):
        return f"is that of {record.capture_id[:40]!r}"
    if record.stage is Stage.CAPTURED or record.capture.revision < 1:
        return "has an impossible stage or revision"
    if len(set(names)) != len(names) or not all(ARTEFACT_NAME.fullmatch(name) for name in names):
        return "has impossible artefact names"
    if not set(record.files) <= set(names) or not all(FILE_NAME.fullmatch(file) for file in record.files.values()):
        return "names impossible files"
    return ""


def _plain(value: Any) -> Any:
    """Numbers of numpy and read-only mappings as JSON's own types."""
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Real):
        return float(value)
    raise TypeError(f"{type(value).__name__} is not JSON")
