"""The port of the spool."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Protocol

from packshot.domain import ENDED, Capture, CaptureRequest, Frame, Stage, Verdict
from packshot.messages import Receipt


@dataclass(frozen=True)
class NewArtefact:
    """A file about to be stored with a capture; ``kind`` as in ``domain.Artefact``."""

    name: str
    kind: str
    media_type: str
    data: bytes = field(repr=False)
    width: int = 0
    height: int = 0


@dataclass(frozen=True)
class CutRecord:
    """What the cutout step found out, stored together with its artefacts in one transaction."""

    artefacts: Sequence[NewArtefact]
    verdict: Verdict
    engine: str
    bbox: tuple[int, int, int, int] | None
    fill: float
    stage_ms: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True)
class SpoolDepth:
    """How full the spool is: captures per stage, bytes used and free, age of the oldest undelivered one."""

    per_stage: Mapping[Stage, int]
    used_bytes: int
    free_bytes: int
    oldest_s: float

    @property
    def waiting(self) -> int:
        """Captures accepted and not yet ended (held ones included)."""
        return sum(count for stage, count in self.per_stage.items() if stage not in ENDED)


@dataclass(frozen=True)
class Finding:
    """One thing that ``check`` found wrong, and whether it was mended."""

    path: str
    problem: str
    mended: bool


class Spool(Protocol):
    """Durable store of captures; thread-safe, and safe for a daemon and command-line tools at once.

    Every method that returns has made its effect durable (file fsync, rename, folder fsync, then the row with
    synchronous=FULL). SpoolError means the spool must be reopened (EIO) or mended (corrupt index); after one, every
    call raises it. A capture id that is not in the spool raises BadMessage, except where None is promised.
    """

    def accept(self, request: CaptureRequest, frames: Sequence[Frame]) -> Capture:
        """Make the originals durable as a new capture in ACCEPTED, or return the capture this request id already has.

        Raises SpoolFull, leaving nothing behind, when limits or the disk have no room for originals and artefacts.
        """

    def check_room(self) -> None:
        """Raise SpoolFull if ``accept`` would refuse now; asked before the shutter."""

    def find_request(self, request_id: str) -> Capture | None:
        """The capture of a request id seen within the last 24 hours, or None."""

    def frames(self, capture_id: str) -> tuple[Frame, ...]:
        """The originals as the camera gave them (without ``pixels``); raises as ``read`` does."""

    def store_cut(self, capture_id: str, record: CutRecord) -> Capture:
        """Store artefacts and verdict in one step: ACCEPTED (or HELD, on a repeat) -> CUT, HELD or EMPTY by decision.

        In any other stage (cancelled meanwhile) nothing is stored and the capture is returned as it is. Raises
        SpoolFull, leaving it as it was, and BadMessage for artefacts that cannot be named, told apart or delivered.
        """

    def advance(self, capture_id: str, stage: Stage, reason: str = "", only_from: Collection[Stage] = ()) -> Capture:
        """Set the stage; if ``only_from`` is given and the capture is in none of them, it is returned unchanged.

        A receipted capture never moves. Raises BadMessage when a capture to be cut or delivered has no files for it any
        more, ValueError for CAPTURED and RECEIPTED (``record_receipt`` alone does that).
        """

    def record_receipt(self, capture_id: str, receipt: Receipt) -> Capture:
        """Store the uploader's receipt: RECEIPTED, or REFUSED if the receipt refuses. Repeating it changes nothing.

        Raises BadMessage when its sha256s are not those of the capture's deliverables. A refusal counts while the
        capture is in delivery; a receipt for the right bytes counts in any stage, because the picture is in the shop.
        """

    def get(self, capture_id: str) -> Capture | None:
        """The capture, or None."""

    def captures(self, stages: Collection[Stage] = (), limit: int = 1000, newest_first: bool = False) -> list[Capture]:
        """The first captures in these stages (all, if none named), counted from the oldest or from the newest."""

    def read(self, capture_id: str, name: str) -> bytes:
        """An artefact's bytes; raises IntegrityError if they are gone or do not have the recorded sha256."""

    def path(self, capture_id: str, name: str) -> Path:
        """Where an artefact lies, for reading only; raises IntegrityError if retention has deleted it."""

    def receipt(self, capture_id: str) -> Receipt | None:
        """The receipt, if there is one."""

    def depth(self) -> SpoolDepth:
        """How full the spool is."""

    def collect(self) -> int:
        """Delete what retention allows (receipted or dismissed, and past its time); returns the bytes freed."""

    def purge(self, capture_id: str) -> None:
        """Delete an ended or held capture with its files for good; raises BadMessage if it is on its way."""

    def check(self, fix: bool = False) -> list[Finding]:
        """Compare files, sidecars and index both ways; ``fix`` rebuilds the index from the files."""

    def close(self) -> None:
        """Release files and locks; calling it again does nothing."""
