"""How a capture's record changes: accepted, cut, advanced, receipted. What may follow what is decided here."""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from packshot.domain import (
    ARTEFACT_NAME,
    ENDED,
    IN_DELIVERY,
    Artefact,
    Capture,
    CaptureRequest,
    Decision,
    Frame,
    Stage,
)
from packshot.errors import BadImage, BadMessage, GiveUpCapture, RetryLater
from packshot.messages import MAX_ARTEFACTS, Receipt
from packshot.platform.clock import Clock, rfc3339
from packshot.spool.index import Index
from packshot.spool.originals import original_name
from packshot.spool.port import CutRecord, NewArtefact
from packshot.spool.record import ORIGINAL, FrameNote, Record
from packshot.spool.store import Store
from packshot.spool.trouble import translated

CUTTABLE = frozenset({Stage.ACCEPTED, Stage.HELD})
PURGEABLE = ENDED | {Stage.HELD}
STAGE_OF_DECISION = {Decision.PUBLISH: Stage.CUT, Decision.HOLD: Stage.HELD, Decision.EMPTY: Stage.EMPTY}


def accepted(
    request: CaptureRequest, frames: Sequence[Frame], capture_id: str, clock: Clock, index: Index
) -> tuple[Record, dict[str, bytes]]:
    """The record of a new capture and its originals by name; a retake supersedes the latest take."""
    if not frames or not all(frame.data for frame in frames):
        raise BadImage("the camera gave an empty photo; check its connection and take it again")
    names = [original_name(number, frame.media_type) for number, frame in enumerate(frames, 1)]
    former = index.latest_revision(request.sku, request.angle) if request.sku else None
    capture = Capture(
        capture_id=capture_id,
        request=request,
        stage=Stage.ACCEPTED,
        revision=former[0] + 1 if former else 1,
        supersedes=former[1] if former else None,
        created_at=rfc3339(clock.now_ms()),
        shutter=frames[0].shutter,
        artefacts=tuple(_original(name, frame) for name, frame in zip(names, frames, strict=True)),
    )
    notes = tuple(
        FrameNote(name, frame.shutter, frame.angle, frame.backdrop, frame.source)
        for name, frame in zip(names, frames, strict=True)
    )
    data = {name: frame.data for name, frame in zip(names, frames, strict=True)}
    return Record(capture, notes, {name: name for name in names}), data


def check_cut(cut: CutRecord) -> None:
    """Raise BadMessage when the artefacts cannot be told apart, named as files or delivered."""
    names = [artefact.name for artefact in cut.artefacts]
    if len(set(names)) != len(names) or not all(ARTEFACT_NAME.fullmatch(name) for name in names):
        raise BadMessage(f"artefact names {names[:8]} are not distinct file names")
    if any(artefact.kind == ORIGINAL for artefact in cut.artefacts) or len(names) > MAX_ARTEFACTS:
        raise BadMessage(f"a cutout has up to {MAX_ARTEFACTS} artefacts and none of kind {ORIGINAL!r}")
    if cut.verdict.decision is Decision.PUBLISH and not names:
        raise BadMessage("a cutout to publish has at least one artefact")


def store_cut(store: Store, capture_id: str, cut: CutRecord) -> Record:
    """Make the artefacts durable, then the record that names them; files of a former cutout go last."""
    with store.files.lock(capture_id):
        entry = store.entry(capture_id)
        before = entry.record
        if before.stage not in CUTTABLE:
            return before
        after = _cut_record(before, cut)
        new_files = {after.files[artefact.name]: artefact.data for artefact in cut.artefacts}
        try:
            with translated("store a cutout", store.files.folder(capture_id)):
                store.files.add(capture_id, new_files)
                store.save(entry, after)
        except (RetryLater, GiveUpCapture):
            store.files.remove_files(capture_id, list(new_files))
            raise
        store.files.remove_files(capture_id, sorted(set(before.files.values()) - set(after.files.values())))
        return after


def _cut_record(record: Record, cut: CutRecord) -> Record:
    originals = record.originals
    if {artefact.name for artefact in originals} & {artefact.name for artefact in cut.artefacts}:
        raise BadMessage(f"an artefact of capture {record.capture_id} has the name of its original")
    capture = replace(
        record.capture,
        stage=STAGE_OF_DECISION[cut.verdict.decision],
        artefacts=(*originals, *(_artefact(new) for new in cut.artefacts)),
        verdict=cut.verdict,
        engine=cut.engine,
        bbox=cut.bbox,
        fill=cut.fill,
        stage_ms=cut.stage_ms,
        reason="; ".join(cut.verdict.reasons),
    )
    kept = {artefact.name: record.files[artefact.name] for artefact in originals if artefact.name in record.files}
    taken = frozenset(record.files.values())
    return replace(record, capture=capture, files={**kept, **_file_names(cut.artefacts, taken)})


def _file_names(artefacts: Sequence[NewArtefact], taken: Collection[str]) -> Mapping[str, str]:
    return {artefact.name: _free_name(artefact.name, taken) for artefact in artefacts}


def _free_name(name: str, taken: Collection[str]) -> str:
    """``cutout.png``, or ``cutout.2.png`` while the former cutout still has that name."""
    stem, dot, extension = name.partition(".")
    candidates = (name, *(f"{stem}.{generation}{dot}{extension}" for generation in range(2, 10)))
    return next(candidate for candidate in candidates if candidate not in taken)


def advanced(record: Record, stage: Stage, reason: str, only_from: Collection[Stage]) -> Record | None:
    """The record in another stage, or None where it stays; raises BadMessage for a stage that cannot be."""
    if stage in (Stage.CAPTURED, Stage.RECEIPTED):
        raise ValueError(f"no capture is put into {stage} by hand")
    if record.stage is Stage.RECEIPTED or (only_from and record.stage not in only_from):
        return None
    if stage is record.stage and reason == record.capture.reason:
        return None
    _check_files_for(record, stage)
    return record.at_stage(stage, reason)


def _check_files_for(record: Record, stage: Stage) -> None:
    if stage is Stage.ACCEPTED:
        needed: tuple[Artefact, ...] = record.originals
    elif stage in IN_DELIVERY:
        needed = record.capture.deliverables()
    else:
        return
    if not needed or any(artefact.name not in record.files for artefact in needed):
        raise BadMessage(f"capture {record.capture_id} cannot become {stage}: it has no files for that any more")


def receipted(record: Record, receipt: Receipt) -> Record | None:
    """The record with the uploader's word on it, or None where that changes nothing.

    Raises BadMessage when the receipt is for other bytes than those of the deliverables.
    """
    if record.stage is Stage.RECEIPTED:
        return None
    own = {artefact.name: artefact.sha256 for artefact in record.capture.deliverables()}
    if receipt.refused:
        return _refused(record, receipt, own)
    if not own or receipt.sha256s != own:
        raise BadMessage(f"receipt for capture {record.capture_id} is for other files than it has")
    return replace(record.at_stage(Stage.RECEIPTED), receipt=receipt)


def _refused(record: Record, receipt: Receipt, own: Mapping[str, str]) -> Record | None:
    if any(own.get(name) != sha256 for name, sha256 in receipt.sha256s.items()):
        raise BadMessage(f"refusal for capture {record.capture_id} is for other files than it has")
    if record.stage not in IN_DELIVERY:
        return None
    return replace(record.at_stage(Stage.REFUSED, receipt.refused), receipt=receipt)


def _original(name: str, frame: Frame) -> Artefact:
    return Artefact(
        name=name,
        kind=ORIGINAL,
        media_type=frame.media_type,
        sha256=hashlib.sha256(frame.data).hexdigest(),
        size_bytes=len(frame.data),
        width=0 if frame.pixels is None else frame.pixels.shape[1],
        height=0 if frame.pixels is None else frame.pixels.shape[0],
    )


def _artefact(new: NewArtefact) -> Artefact:
    return Artefact(
        name=new.name,
        kind=new.kind,
        media_type=new.media_type,
        sha256=hashlib.sha256(new.data).hexdigest(),
        size_bytes=len(new.data),
        width=new.width,
        height=new.height,
    )
