"""Opening the spool after whatever happened: finish what was begun, rebuild what was lost."""

import sqlite3
from pathlib import Path

from packshot.domain import Stage
from packshot.errors import SpoolError
from packshot.platform import durable
from packshot.spool.check import check_capture
from packshot.spool.files import FOLDER_NAME
from packshot.spool.index import Index, Kept
from packshot.spool.port import Finding
from packshot.spool.store import Store
from packshot.spool.trouble import is_unusable

INDEX_NAME = "index.sqlite"
LOG_SUFFIXES = ("", "-wal", "-shm")
UNFINISHED_STEPS = (Stage.ACCEPTED, Stage.HELD)
"""Stages in which a power cut can have left files of a cutout that no row names."""


def open_index(root: Path) -> tuple[Index, list[Finding]]:
    """The index, a new one if it is lost or damaged; damaged files are moved aside, never deleted."""
    path = root / INDEX_NAME
    try:
        index = _new_or_old(path)
        damage = index.damage()
    except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
        if not is_unusable(error):
            raise
        return _rebuilt(path, str(error))
    if not damage:
        return index, []
    index.close()
    return _rebuilt(path, damage[0])


def _new_or_old(path: Path) -> Index:
    path.touch(mode=durable.FILE_MODE)
    durable.inherit_owner(path)
    return Index(path, create=True)


def _rebuilt(path: Path, damage: str) -> tuple[Index, list[Finding]]:
    aside = _move_aside(path)
    finding = Finding(INDEX_NAME, f"was damaged ({damage[:200]}); kept as {aside.name} and rebuilt", mended=True)
    return _new_or_old(path), [finding]


def recover(store: Store) -> list[Finding]:
    """Bring files and index into step without reading every photo; only the owner of the spool may."""
    findings = [Finding(f"captures/{path.name}", "was never finished", True) for path in store.files.sweep_staging()]
    with store.index.hurried():
        store.revisions.load(store.index)
        findings += _drop_unreadable_rows(store)
        for capture_id in _doubtful(store):
            findings += check_capture(store, capture_id, fix=True, deep=False)
    return findings


def _doubtful(store: Store) -> list[str]:
    """Captures that have a folder or a row where they should not, or may have been in the middle of a step."""
    known = store.index.kept_by_id()
    folders = set(store.files.capture_ids())
    with_files = {capture_id for capture_id, kept in known.items() if kept is Kept.FILES}
    unfinished = store.index.entries(UNFINISHED_STEPS, (Kept.FILES,), limit=len(known))
    return sorted((folders ^ with_files) | {entry.record.capture_id for entry in unfinished})


def _drop_unreadable_rows(store: Store) -> list[Finding]:
    """A row whose record cannot be read is worth less than the sidecar, which then speaks for the capture."""
    findings = []
    for capture_id, problem in store.index.unreadable().items():
        store.index.delete(capture_id)
        findings.append(Finding(INDEX_NAME, f"row {capture_id}: {problem}", mended=True))
    return findings


def _move_aside(path: Path) -> Path:
    number = 1
    while (aside := path.with_name(f"{path.name}.corrupt-{number}")).exists():
        number += 1
    for suffix in LOG_SUFFIXES:
        file = path.with_name(path.name + suffix)
        if file.exists():
            file.rename(aside.with_name(aside.name + suffix))
    return aside


def refuse_missing(root: Path) -> None:
    """Raise SpoolError unless there is a spool to look at."""
    if not (root / INDEX_NAME).exists() and not (root / FOLDER_NAME).is_dir():
        raise SpoolError(f"there is no spool in {root}; start the daemon once, or name the folder it uses")
