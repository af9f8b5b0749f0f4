"""Compare files, sidecars and index both ways, and bring them back into step.

The row is right about what happened, the files about what is left; the sidecar speaks only where there is no row.
Nothing that could be a photo is deleted: damaged files are set aside, lost ones are said to be lost.
"""

import hashlib
import re
from dataclasses import replace

from packshot.domain import ENDED, Artefact, Capture, CaptureRequest, Shutter, ShutterProof, Stage
from packshot.errors import BadMessage
from packshot.spool.files import DAMAGED_PREFIX, SIDECAR
from packshot.spool.index import Entry, Kept
from packshot.spool.originals import media_type_of
from packshot.spool.port import Finding
from packshot.spool.record import ORIGINAL, FrameNote, NewerRecord, Record
from packshot.spool.store import Store

ORIGINAL_FILE = re.compile(r"original(?:-[0-9]{1,4})?\.[a-z0-9]{2,5}")
LOST_RECORD = "its record was lost; look at the photo, then retry or refuse it"


def check_all(store: Store, fix: bool) -> list[Finding]:
    """Everything that is wrong in the spool, every file read and hashed."""
    findings = [Finding("index.sqlite", line, mended=False) for line in store.index.damage()]
    known = store.index.kept_by_id()
    for capture_id in sorted({*known, *store.files.capture_ids()}):
        findings += check_capture(store, capture_id, fix, deep=True)
    return findings


def check_capture(store: Store, capture_id: str, fix: bool, deep: bool) -> list[Finding]:
    """What is wrong with one capture; ``deep`` hashes its files, otherwise only their sizes are compared."""
    with store.files.lock(capture_id):
        entry = store.index.get(capture_id)
        if entry is None:
            return _check_stray(store, capture_id, fix) if store.files.present(capture_id) else []
        if entry.kept is not Kept.FILES:
            return _check_deleted(store, capture_id, fix)
        findings = _check_files(store, entry, fix, deep)
        return findings + _check_folder(store, capture_id, fix)


def _check_files(store: Store, entry: Entry, fix: bool, deep: bool) -> list[Finding]:
    problems = _damage(store, entry.record, deep)
    if problems and fix:
        for name in problems:
            store.files.set_aside(entry.record.capture_id, entry.record.files[name])
        _save_without(store, entry, frozenset(problems))
    folder = f"captures/{entry.record.capture_id}"
    return [Finding(f"{folder}/{entry.record.files[name]}", text, fix) for name, text in problems.items()]


def _damage(store: Store, record: Record, deep: bool) -> dict[str, str]:
    problems = {}
    for name, file in record.files.items():
        text = _file_problem(store, record.capture_id, file, record.artefact(name), deep)
        if text:
            problems[name] = text
    return problems


def _file_problem(store: Store, capture_id: str, file: str, artefact: Artefact, deep: bool) -> str:
    path = store.files.folder(capture_id) / file
    try:
        size = path.stat().st_size
        intact = size == artefact.size_bytes and not (deep and _sha256(store, capture_id, file) != artefact.sha256)
    except FileNotFoundError:
        return "is missing"
    except OSError as error:
        return f"cannot be read ({error.strerror})"
    return "" if intact else "does not have the bytes recorded for it"


def _save_without(store: Store, entry: Entry, lost: frozenset[str]) -> None:
    record = mended(entry.record, lost)
    deleted = record.stage in ENDED and not store.files.present(record.capture_id)
    store.save(replace(entry, kept=Kept.ENTRY) if deleted else entry, record)


def mended(record: Record, lost: frozenset[str]) -> Record:
    """What becomes of a capture some of whose files are lost: cut again, delivered as it is, or failed."""
    left = record.without_files(lost)
    if record.stage in ENDED:
        return left
    deliverables = {artefact.name for artefact in record.capture.deliverables()}
    if deliverables and not deliverables & lost:
        return left
    if not any(artefact.name in lost for artefact in record.originals):
        uncut = replace(left.capture, artefacts=record.originals, verdict=None)
        return replace(left.without_files(frozenset(deliverables)), capture=uncut).at_stage(Stage.ACCEPTED)
    return left.at_stage(Stage.FAILED, f"lost on disk: {', '.join(sorted(lost))}"[:500])


def _check_folder(store: Store, capture_id: str, fix: bool) -> list[Finding]:
    """The sidecar against the row, and files that nothing refers to."""
    entry = store.index.get(capture_id)
    if entry is None or entry.kept is not Kept.FILES or not store.files.present(capture_id):
        return []
    findings = []
    if not _sidecar_agrees(store, entry.record):
        findings.append(Finding(f"captures/{capture_id}/{SIDECAR}", "does not say what the index says", fix))
        if fix:
            store.files.write_sidecar(entry.record)
    stray = store.files.names(capture_id) - {*entry.record.files.values(), SIDECAR}
    stray = {name for name in stray if not name.startswith(DAMAGED_PREFIX)}
    if fix:
        _clear_away(store, capture_id, stray)
    return findings + [Finding(f"captures/{capture_id}/{name}", "belongs to nothing", fix) for name in sorted(stray)]


def _clear_away(store: Store, capture_id: str, stray: set[str]) -> None:
    """Delete left-overs of unfinished steps; what has the name of a photo is only set aside."""
    photos = {name for name in stray if ORIGINAL_FILE.fullmatch(name)}
    for name in sorted(photos):
        store.files.set_aside(capture_id, name)
    store.files.remove_files(capture_id, sorted(stray - photos))


def _sidecar_agrees(store: Store, record: Record) -> bool:
    try:
        return store.files.read_sidecar(record.capture_id) == record.at_rest()
    except (BadMessage, OSError):
        return False


def _check_deleted(store: Store, capture_id: str, fix: bool) -> list[Finding]:
    if not store.files.present(capture_id):
        return []
    if fix:
        store.files.remove(capture_id)
    return [Finding(f"captures/{capture_id}", "was to be deleted and is still there", fix)]


def _check_stray(store: Store, capture_id: str, fix: bool) -> list[Finding]:
    """A folder without row: from a lost index, or from a shutter that was never acknowledged."""
    path = f"captures/{capture_id}"
    try:
        record = store.files.read_sidecar(capture_id)
    except NewerRecord as error:
        return [Finding(path, str(error), mended=False)]
    except (BadMessage, OSError):
        return _salvage(store, capture_id, fix)
    if fix:
        store.adopt(record)
        _check_files(store, Entry(record), fix, deep=False)
    return [Finding(path, "is not in the index", fix)]


def _salvage(store: Store, capture_id: str, fix: bool) -> list[Finding]:
    """Neither row nor readable sidecar: keep the photos as a held capture that a person decides about."""
    path = f"captures/{capture_id}"
    names = store.files.names(capture_id)
    originals = sorted(name for name in names if ORIGINAL_FILE.fullmatch(name))
    if not originals:
        if fix and not names - {SIDECAR}:
            store.files.remove(capture_id)
        return [Finding(path, "has neither record nor photo", fix and not names - {SIDECAR})]
    if fix:
        record = _salvaged(store, capture_id, originals)
        store.files.write_sidecar(record)
        store.adopt(record)
    return [Finding(path, "has lost its record", fix)]


def _salvaged(store: Store, capture_id: str, originals: list[str]) -> Record:
    artefacts = tuple(_artefact(store, capture_id, file) for file in originals)
    shutter = Shutter(ShutterProof.UNKNOWN)
    request = CaptureRequest(request_id=f"recovered-{capture_id}", source="recovered")
    capture = Capture(
        capture_id=capture_id,
        request=request,
        stage=Stage.HELD,
        revision=1,
        supersedes=None,
        created_at="",
        shutter=shutter,
        artefacts=artefacts,
        reason=LOST_RECORD,
    )
    frames = tuple(FrameNote(artefact.name, shutter) for artefact in artefacts)
    return Record(capture, frames, {artefact.name: artefact.name for artefact in artefacts})


def _artefact(store: Store, capture_id: str, file: str) -> Artefact:
    size = (store.files.folder(capture_id) / file).stat().st_size
    return Artefact(file, ORIGINAL, media_type_of(file), _sha256(store, capture_id, file), size)


def _sha256(store: Store, capture_id: str, file: str) -> str:
    with (store.files.folder(capture_id) / file).open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
