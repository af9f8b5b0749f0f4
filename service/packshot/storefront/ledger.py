"""The uploader's durable memory: what it meant to upload, what lies in the storefront, what was refused.

The intent row is written before the first byte goes to the storefront, the outcome before the receipt. So after any
crash the ledger says which pictures may already be there, and the storefront is asked before a second upload. That is
also why a damaged ledger may be put aside: what it knew of pictures, the storefront knows as well.
"""

import hashlib
import logging
import sqlite3
import threading
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import msgspec

from packshot.errors import SpoolError
from packshot.messages import Receipt
from packshot.storefront.targets.port import DeliveryKey

log = logging.getLogger(__name__)

SCHEMA = """
CREATE TABLE IF NOT EXISTS delivery (
    id TEXT PRIMARY KEY,
    state TEXT NOT NULL,
    key TEXT NOT NULL,
    receipt TEXT,
    reason TEXT NOT NULL DEFAULT '',
    began_at TEXT NOT NULL,
    ended_at TEXT NOT NULL DEFAULT ''
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS delivery_by_state ON delivery (state, began_at);
"""
SCHEMA_VERSION = 1
DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
KEY_FIELDS = ("device_id", "capture_id", "revision", "sku", "angle", "supersedes")


class State(StrEnum):
    """What the ledger knows of a delivery."""

    INTENT = "intent"  # begun; the storefront may or may not have it
    STORED = "stored"  # in the storefront; the receipt can be sent again at any time
    DEAD = "dead"  # refused for good, a dead letter


@dataclass(frozen=True)
class Entry:
    """One row; times are RFC 3339 in UTC."""

    key: DeliveryKey
    state: State
    receipt: Receipt | None
    reason: str
    began_at: str
    ended_at: str


class Ledger:
    """SQLite with WAL and synchronous=FULL: every method that returns has made its effect durable. Thread-safe.

    Raises SpoolError when the file cannot be opened, read or written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._db = _open(path)
        except (sqlite3.Error, OSError) as error:
            raise SpoolError(f"the ledger {path} cannot be opened: {error}; check the disk and its owner") from error

    def find(self, key: DeliveryKey) -> Entry | None:
        """What is known of this delivery."""
        rows = self._run("SELECT * FROM delivery WHERE id = ?", (_id(key),))
        entry = _entry(rows[0]) if rows else None
        if rows and entry is None:
            self.forget(key)  # unreadable; the storefront will say what it has
        return entry

    def intend(self, key: DeliveryKey, at: str) -> None:
        """Note that an upload may begin; a row that is there already stays as it is."""
        self._run(
            "INSERT OR IGNORE INTO delivery (id, state, key, began_at) VALUES (?, ?, ?, ?)",
            (_id(key), State.INTENT, _encode_key(key), at),
        )

    def record(self, key: DeliveryKey, receipt: Receipt) -> None:
        """Note the outcome: STORED, or DEAD if the receipt refuses."""
        state = State.DEAD if receipt.refused else State.STORED
        encoded = msgspec.json.encode(receipt).decode()
        self._run(
            "UPDATE delivery SET state = ?, receipt = ?, reason = ?, ended_at = ? WHERE id = ?",
            (state, encoded, receipt.refused, receipt.at, _id(key)),
        )

    def forget(self, key: DeliveryKey) -> None:
        """Drop a row, so that the next offer of this delivery is handled afresh."""
        self._run("DELETE FROM delivery WHERE id = ?", (_id(key),))

    def entries(self, state: State, limit: int = 1000) -> list[Entry]:
        """Rows in this state, oldest first."""
        query = "SELECT * FROM delivery WHERE state = ? ORDER BY began_at LIMIT ?"
        entries = (_entry(row) for row in self._run(query, (state, limit)))
        return [entry for entry in entries if entry is not None]

    def counts(self) -> dict[State, int]:
        """Rows per state."""
        rows = self._run("SELECT state, count(*) FROM delivery GROUP BY state", ())
        return {State(state): count for state, count in rows}

    def trim(self, ended_before: str) -> int:
        """Forget deliveries stored before a time (RFC 3339); the number of rows that went."""
        query = "DELETE FROM delivery WHERE state = ? AND ended_at < ? RETURNING id"
        return len(self._run(query, (State.STORED, ended_before)))

    def close(self) -> None:
        """Release the file; calling it again does nothing."""
        with self._lock:
            self._db.close()

    def _run(self, query: str, values: tuple[object, ...]) -> list[tuple[Any, ...]]:
        with self._lock:
            try:
                return self._db.execute(query, values).fetchall()
            except sqlite3.Error as error:
                raise SpoolError(f"the ledger {self._path} cannot be used: {error}") from error


def _open(path: Path) -> sqlite3.Connection:
    """The ledger's connection, with a new ledger in place of one that is damaged."""
    try:
        return _connect(path)
    except (sqlite3.DatabaseError, UnicodeDecodeError) as error:  # Python cannot quote every damaged byte
        if isinstance(error, sqlite3.Error) and error.sqlite_errorcode & 0xFF not in DAMAGED:
            raise
        aside = _move_aside(path)
        log.warning("the ledger was damaged (%s) and is kept as %s; a new one is begun", error, aside)
        return _connect(path)


def _connect(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=10)
    try:
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=FULL")
        (found,) = db.execute("PRAGMA quick_check(1)").fetchone()
        if found != "ok":
            raise _damage(found)
        (version,) = db.execute("PRAGMA user_version").fetchone()
        if version > SCHEMA_VERSION:
            raise SpoolError(f"the ledger {path} was written by a newer packshot; update this one")
        db.executescript(SCHEMA)
        db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
    except BaseException:
        db.close()
        raise
    return db


def _damage(found: str) -> sqlite3.DatabaseError:
    """What SQLite itself would raise where it met this."""
    error = sqlite3.DatabaseError(found)
    error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
    return error


def _move_aside(path: Path) -> Path:
    """Keep the damaged files for a person to look at, the last such set only."""
    aside = path.with_name(f"{path.name}.damaged")
    for suffix in ("", "-wal", "-shm"):
        aside.with_name(aside.name + suffix).unlink(missing_ok=True)
        file = path.with_name(path.name + suffix)
        if file.exists():
            file.rename(aside.with_name(aside.name + suffix))
    return aside


def _id(key: DeliveryKey) -> str:
    """Device, capture, revision and content as one string; the content is what makes it the same delivery."""
    content = sorted(key.sha256s.items())
    return hashlib.sha256(msgspec.json.encode([key.device_id, key.capture_id, key.revision, content])).hexdigest()


def _encode_key(key: DeliveryKey) -> str:
    values = {name: getattr(key, name) for name in KEY_FIELDS}
    return msgspec.json.encode({**values, "sha256s": dict(key.sha256s)}).decode()


def _entry(row: tuple[Any, ...]) -> Entry | None:
    """A row as it is used; None if it cannot be read."""
    _, state, key, receipt, reason, began_at, ended_at = row
    try:
        return Entry(
            key=DeliveryKey(**msgspec.json.decode(key)),
            state=State(state),
            receipt=msgspec.json.decode(receipt, type=Receipt) if receipt else None,
            reason=reason,
            began_at=began_at,
            ended_at=ended_at,
        )
    except (msgspec.MsgspecError, TypeError, ValueError) as error:
        log.warning("a row of the ledger cannot be read: %s", error)
        return None
