"""The spool's port in memory, for fast tests of those who use it. Artefacts lie in a folder, as ``path`` must.

spool = MemorySpool(tmp_path)
capture = spool.add_cut({"picture.webp": b"..."}, sku="A-1")   # accepted and cut in one go
spool.log          # every change of stage, as (capture id, stage)
"""

import hashlib
import itertools
import threading
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path

from packshot.domain import (
    IN_DELIVERY,
    Artefact,
    Capture,
    CaptureRequest,
    Decision,
    Frame,
    Stage,
    mint_capture_id,
)
from packshot.errors import BadMessage, IntegrityError
from packshot.messages import Receipt
from packshot.spool.port import CutRecord, Finding, NewArtefact, SpoolDepth

STAGE_OF = {Decision.PUBLISH: Stage.CUT, Decision.HOLD: Stage.HELD, Decision.EMPTY: Stage.EMPTY}


class MemorySpool:
    """See ``packshot.spool.port.Spool``; forgets everything at the end."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.RLock()
        self._captures: dict[str, Capture] = {}
        self._receipts: dict[str, Receipt] = {}
        self._times = itertools.count(1_700_000_000_000)
        self.log: list[tuple[str, Stage]] = []

    def accept(self, request: CaptureRequest, frames: Sequence[Frame]) -> Capture:
        with self._lock:
            known = self.find_request(request.request_id)
            if known is not None:
                return known
            capture_id = mint_capture_id(next(self._times), max(self._captures, default=None), bytes(range(10)))
            former = self._former(request)
            capture = Capture(
                capture_id=capture_id,
                request=request,
                stage=Stage.ACCEPTED,
                revision=former.revision + 1 if former else 1,
                supersedes=former.capture_id if former else None,
                created_at="2024-01-01T00:00:00.000Z",
                shutter=frames[0].shutter,
            )
            originals = [
                NewArtefact(f"original-{number}.jpg", "original", frame.media_type, frame.data)
                for number, frame in enumerate(frames)
            ]
            return self._keep(self._with_files(capture, originals))

    def check_room(self) -> None:
        return

    def find_request(self, request_id: str) -> Capture | None:
        with self._lock:
            matches = (each for each in self._captures.values() if each.request.request_id == request_id)
            return next(matches, None)

    def frames(self, capture_id: str) -> tuple[Frame, ...]:
        capture = self._known(capture_id)
        return tuple(
            Frame(self.read(capture_id, each.name), each.media_type, capture.shutter)
            for each in capture.artefacts
            if each.kind == "original"
        )

    def store_cut(self, capture_id: str, record: CutRecord) -> Capture:
        with self._lock:
            capture = self._with_files(self._captures[capture_id], record.artefacts)
            stage = STAGE_OF[record.verdict.decision]
            return self._keep(
                replace(capture, stage=stage, verdict=record.verdict, engine=record.engine, bbox=record.bbox)
            )

    def advance(self, capture_id: str, stage: Stage, reason: str = "", only_from: Collection[Stage] = ()) -> Capture:
        with self._lock:
            capture = self._known(capture_id)
            if capture.stage is Stage.RECEIPTED or (only_from and capture.stage not in only_from):
                return capture
            return self._keep(replace(capture, stage=stage, reason=reason))

    def record_receipt(self, capture_id: str, receipt: Receipt) -> Capture:
        with self._lock:
            capture = self._known(capture_id)
            expected = {artefact.name: artefact.sha256 for artefact in capture.deliverables()}
            if dict(receipt.sha256s) != expected:
                raise BadMessage("the receipt's sha256s are not those of the capture")
            if capture.stage is Stage.RECEIPTED or (receipt.refused and capture.stage not in IN_DELIVERY):
                return capture
            self._receipts[capture_id] = receipt
            stage = Stage.REFUSED if receipt.refused else Stage.RECEIPTED
            return self._keep(replace(capture, stage=stage, reason=receipt.refused))

    def get(self, capture_id: str) -> Capture | None:
        with self._lock:
            return self._captures.get(capture_id)

    def captures(self, stages: Collection[Stage] = (), limit: int = 1000) -> list[Capture]:
        with self._lock:
            matches = [each for _, each in sorted(self._captures.items()) if not stages or each.stage in stages]
            return matches[:limit]

    def read(self, capture_id: str, name: str) -> bytes:
        data = self.path(capture_id, name).read_bytes()
        capture = self._known(capture_id)
        if {each.name: each.sha256 for each in capture.artefacts}[name] != hashlib.sha256(data).hexdigest():
            raise IntegrityError(f"{name} changed")
        return data

    def path(self, capture_id: str, name: str) -> Path:
        return self._folder / f"{capture_id}-{name}"

    def receipt(self, capture_id: str) -> Receipt | None:
        with self._lock:
            return self._receipts.get(capture_id)

    def depth(self) -> SpoolDepth:
        with self._lock:
            return SpoolDepth(Counter(each.stage for each in self._captures.values()), 0, 10**9, 0.0)

    def collect(self) -> int:
        return 0

    def purge(self, capture_id: str) -> None:
        with self._lock:
            del self._captures[capture_id]

    def check(self, fix: bool = False) -> list[Finding]:
        return []

    def close(self) -> None:
        return

    def _known(self, capture_id: str) -> Capture:
        with self._lock:
            if capture_id not in self._captures:
                raise BadMessage(f"capture {capture_id} is not in the spool")
            return self._captures[capture_id]

    def _former(self, request: CaptureRequest) -> Capture | None:
        same = [
            each
            for each in self._captures.values()
            if request.sku and (each.request.sku, each.request.angle) == (request.sku, request.angle)
        ]
        return max(same, key=lambda each: each.revision, default=None)

    def _with_files(self, capture: Capture, files: Sequence[NewArtefact]) -> Capture:
        added = []
        for file in files:
            self.path(capture.capture_id, file.name).write_bytes(file.data)
            digest = hashlib.sha256(file.data).hexdigest()
            added.append(Artefact(file.name, file.kind, file.media_type, digest, len(file.data)))
        return replace(capture, artefacts=(*capture.artefacts, *added))

    def _keep(self, capture: Capture) -> Capture:
        before = self._captures.get(capture.capture_id)
        self._captures[capture.capture_id] = capture
        if before is None or before.stage is not capture.stage:
            self.log.append((capture.capture_id, capture.stage))
        return capture
