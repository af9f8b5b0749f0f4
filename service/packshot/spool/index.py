"""The index of the spool: one SQLite file in WAL mode with synchronous=FULL, so that a commit survives a power cut."""

import contextlib
import json
import sqlite3
import threading
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from packshot.domain import ENDED, Stage
from packshot.errors import BadMessage, SpoolError
from packshot.spool import schema
from packshot.spool.record import Record, decode_record, encode_record
from packshot.spool.trouble import is_unusable

BUSY_TIMEOUT_S = 10.0
SELECT_ENTRIES = "SELECT capture_id, kept, accepted_ms, ended_ms, record FROM captures"
PROBES = (
    "SELECT capture_id, request_id, stage, kept, accepted_ms, ended_ms, stored_bytes, original_bytes, record"
    " FROM captures LIMIT 1",
    "SELECT request_id, capture_id, seen_ms FROM requests LIMIT 1",
    "SELECT sku, angle, revision, capture_id FROM revisions LIMIT 1",
    "SELECT only_row, capture_id FROM last_capture",
)
LISTED = "(SELECT value FROM json_each(?))"


class Kept(StrEnum):
    """What is left of a capture."""

    FILES = "files"
    ENTRY = "entry"  # delivered or ended, files deleted
    REQUEST = "request"  # purged; only its request id is still remembered


@dataclass(frozen=True)
class Entry:
    """One row: the record with what the spool knows beside it; times in ms of a synchronised wall clock or None."""

    record: Record
    kept: Kept = Kept.FILES
    accepted_ms: int | None = None
    ended_ms: int | None = None


class Index:
    """Rows by capture id. Thread-safe; other processes may have it open too. Raises sqlite3.Error."""

    def __init__(self, path: Path, create: bool) -> None:
        self._lock = threading.RLock()
        mode = "rwc" if create else "rw"
        self._connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode={mode}",
            uri=True,
            timeout=BUSY_TIMEOUT_S,
            isolation_level=None,
            check_same_thread=False,
        )
        self._connection.text_factory = _text
        try:
            self._prepare(create)
        except BaseException:
            self._connection.close()
            raise

    def _prepare(self, create: bool) -> None:
        schema.refuse_foreign(self._connection)
        (mode,) = self._connection.execute("PRAGMA journal_mode = WAL").fetchone()
        if mode != "wal":
            raise SpoolError("the spool's file system has no shared memory for SQLite's WAL; use a local disk")
        self._connection.execute("PRAGMA synchronous = FULL")
        if create:
            schema.migrate(self._connection)

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing, alone among threads and processes; durable when it ends without an exception."""
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    def put(self, entry: Entry) -> None:
        """Write the row, in place of an older one."""
        record = entry.record
        self._run(
            "INSERT INTO captures (capture_id, request_id, stage, kept, accepted_ms, ended_ms, stored_bytes,"
            " original_bytes, record) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (capture_id) DO UPDATE SET"
            " request_id = excluded.request_id, stage = excluded.stage, kept = excluded.kept,"
            " accepted_ms = excluded.accepted_ms, ended_ms = excluded.ended_ms, stored_bytes = excluded.stored_bytes,"
            " original_bytes = excluded.original_bytes, record = excluded.record",
            (
                record.capture_id,
                record.capture.request.request_id,
                record.stage.value,
                entry.kept.value,
                entry.accepted_ms,
                entry.ended_ms,
                record.stored_bytes if entry.kept is Kept.FILES else 0,
                record.original_bytes if entry.kept is Kept.FILES else 0,
                encode_record(record).decode(),
            ),
        )

    def get(self, capture_id: str) -> Entry | None:
        """The row, or None."""
        entries = self._entries(f"{SELECT_ENTRIES} WHERE capture_id = ?", (capture_id,))
        return entries[0] if entries else None

    def delete(self, capture_id: str) -> None:
        """Forget the row; its revision stays known."""
        self._run("DELETE FROM captures WHERE capture_id = ?", (capture_id,))

    def entries(
        self, stages: Collection[Stage], kept: Collection[Kept], limit: int, newest_first: bool = False
    ) -> list[Entry]:
        """The first rows in these stages (all, if none named), counted from the oldest or from the newest.

        The ``+`` keeps SQLite from choosing the index that begins with ``kept``, after which it would have to sort.
        """
        order = "DESC" if newest_first else "ASC"
        return self._entries(
            f"{SELECT_ENTRIES} WHERE stage IN {LISTED} AND +kept IN {LISTED} ORDER BY capture_id {order} LIMIT ?",
            (_listed(stages or tuple(Stage)), _listed(kept), limit),
        )

    def ended_before(self, stages: Collection[Stage], kept: Kept, ended_ms: int) -> list[Entry]:
        """Rows in these stages that ended at or before a moment, the longest ended first."""
        return self._entries(
            f"{SELECT_ENTRIES} WHERE stage IN {LISTED} AND kept = ? AND ended_ms <= ? ORDER BY ended_ms, capture_id",
            (_listed(stages), kept.value, ended_ms),
        )

    def kept_by_id(self) -> dict[str, Kept]:
        """What is left of each capture in the index."""
        return {row[0]: Kept(row[1]) for row in self._run("SELECT capture_id, kept FROM captures")}

    def remember_request(self, request_id: str, capture_id: str, seen_ms: int | None) -> None:
        """This request id now means this capture."""
        self._run(
            "INSERT INTO requests (request_id, capture_id, seen_ms) VALUES (?, ?, ?) ON CONFLICT (request_id) DO UPDATE"
            " SET capture_id = excluded.capture_id, seen_ms = excluded.seen_ms",
            (request_id, capture_id, seen_ms),
        )

    def request(self, request_id: str) -> tuple[str, int | None] | None:
        """Capture id of a request id and when it was seen (None: clock not synchronised), or None."""
        rows = self._run("SELECT capture_id, seen_ms FROM requests WHERE request_id = ?", (request_id,))
        return (rows[0][0], rows[0][1]) if rows else None

    def forget_requests_before(self, seen_ms: int) -> None:
        """Forget request ids seen at or before a moment, and the rows that were kept for them alone."""
        self._run("DELETE FROM requests WHERE seen_ms <= ?", (seen_ms,))
        self._run(
            "DELETE FROM captures WHERE kept = ? AND request_id NOT IN (SELECT request_id FROM requests)",
            (Kept.REQUEST.value,),
        )

    def latest_revision(self, sku: str, angle: int) -> tuple[int, str] | None:
        """Revision and capture id of the newest take of that SKU and angle, or None."""
        rows = self._run("SELECT revision, capture_id FROM revisions WHERE sku = ? AND angle = ?", (sku, angle))
        return (rows[0][0], rows[0][1]) if rows else None

    def remember_revision(self, sku: str, angle: int, revision: int, capture_id: str) -> None:
        """That take is known from now on; an older revision than the known one changes nothing."""
        self._run(
            "INSERT INTO revisions (sku, angle, revision, capture_id) VALUES (?, ?, ?, ?)"
            " ON CONFLICT (sku, angle) DO UPDATE SET revision = excluded.revision, capture_id = excluded.capture_id"
            " WHERE (excluded.revision, excluded.capture_id) > (revisions.revision, revisions.capture_id)",
            (sku, angle, revision, capture_id),
        )

    def last_capture_id(self) -> str | None:
        """The greatest capture id ever accepted, or None."""
        rows = self._run("SELECT capture_id FROM last_capture")
        return rows[0][0] if rows else None

    def remember_capture_id(self, capture_id: str) -> None:
        """Later ids have to be greater than this one."""
        self._run(
            "INSERT INTO last_capture (only_row, capture_id) VALUES (1, ?) ON CONFLICT (only_row) DO UPDATE"
            " SET capture_id = max(capture_id, excluded.capture_id)",
            (capture_id,),
        )

    def set_unknown_times(self, now_ms: int) -> None:
        """Give rows written while the clock was wrong the first moment at which it is right."""
        self._run("UPDATE captures SET accepted_ms = ? WHERE accepted_ms IS NULL", (now_ms,))
        self._run(
            "UPDATE captures SET ended_ms = ? WHERE ended_ms IS NULL AND stage IN (SELECT value FROM json_each(?))",
            (now_ms, _listed(ENDED)),
        )
        self._run("UPDATE requests SET seen_ms = ? WHERE seen_ms IS NULL", (now_ms,))

    def count_by_stage(self) -> dict[Stage, int]:
        """How many captures stand in each stage, purged ones left out."""
        rows = self._run("SELECT stage, count(*) FROM captures WHERE kept IN ('files', 'entry') GROUP BY stage")
        return {Stage(stage): count for stage, count in rows}

    def oldest_accepted_ms(self, stages: Collection[Stage]) -> int | None:
        """The earliest known time at which a capture in these stages was accepted, or None."""
        rows = self._run(
            "SELECT min(accepted_ms) FROM captures WHERE kept IN ('files', 'entry')"
            " AND stage IN (SELECT value FROM json_each(?))",
            (_listed(stages),),
        )
        return rows[0][0] if rows else None

    def usage(self) -> tuple[int, int, int]:
        """(captures with files, their bytes, bytes of originals that wait to be cut)."""
        rows = self._run(
            "SELECT count(*), coalesce(sum(stored_bytes), 0),"
            " coalesce(sum(CASE stage WHEN 'accepted' THEN original_bytes ELSE 0 END), 0)"
            " FROM captures WHERE kept = 'files'"
        )
        count, stored, uncut = rows[0]
        return count, stored, uncut

    def damage(self) -> list[str]:
        """What SQLite's own check complains about; empty when the file is sound."""
        try:
            for probe in PROBES:
                self._run(probe)
            lines = [row[0] for row in self._run("PRAGMA integrity_check")]
        except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
            if not is_unusable(error):
                raise
            return [str(error)]
        return [] if lines == ["ok"] else lines

    @contextlib.contextmanager
    def hurried(self) -> Iterator[None]:
        """Commits in here become durable together, at the end; for work that is done again after a power cut."""
        self._run("PRAGMA synchronous = NORMAL")
        try:
            yield
        finally:
            self._run("PRAGMA synchronous = FULL")
        self.flush()

    def flush(self) -> None:
        """Move the log into the database and sync both, as far as other readers allow."""
        self._run("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        """Close the file; calling it again does nothing."""
        with self._lock:
            self._connection.close()

    def unreadable(self) -> dict[str, str]:
        """Rows that contradict themselves or cannot be read, and why: SQLite has no checksums of its own."""
        problems = {}
        for capture_id, stage, kept, text in self._run("SELECT capture_id, stage, kept, record FROM captures"):
            try:
                record = decode_record(text.encode(), capture_id)
            except BadMessage as error:
                problems[capture_id] = str(error)
            else:
                if record.stage != stage or kept not in tuple(Kept):
                    problems[capture_id] = (
                        f"stands in stage {stage!r} and keeps {kept!r}, its record says {record.stage}"
                    )
        return problems

    def _entries(self, query: str, values: Sequence[object]) -> list[Entry]:
        rows = self._run(query, values)
        try:
            return [Entry(decode_record(row[4].encode(), row[0]), Kept(row[1]), row[2], row[3]) for row in rows]
        except (BadMessage, ValueError) as error:
            raise SpoolError(
                f"the spool's index is damaged ({error}); restart, it is rebuilt from the files"
            ) from error

    def _run(self, statement: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        with self._lock:
            return self._connection.execute(statement, values).fetchall()


def _text(data: bytes) -> str:
    """Text of a column; bytes that are not UTF-8 are a damaged row's and will not fit its seal."""
    return data.decode("utf-8", "replace")


def _listed(words: Collection[str]) -> str:
    """Words as the JSON array that ``LISTED`` reads."""
    return json.dumps(sorted(words))
