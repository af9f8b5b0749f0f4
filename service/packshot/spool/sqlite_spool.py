"""The spool on a local disk: files in folders, an index in SQLite."""

import logging
import os
import shutil
import threading
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from packshot.domain import ENDED, Capture, CaptureRequest, Frame, Stage, mint_capture_id
from packshot.errors import BadMessage, GiveUpCapture, RetryLater, SpoolError, SpoolFull
from packshot.messages import Receipt
from packshot.platform import durable
from packshot.platform.clock import Clock, SystemClock
from packshot.spool import recovery, retention, transitions
from packshot.spool.check import check_all
from packshot.spool.files import CaptureFiles
from packshot.spool.index import Index, Kept
from packshot.spool.limits import Retention, SpoolLimits
from packshot.spool.port import CutRecord, Finding, SpoolDepth
from packshot.spool.revisions import RevisionLog
from packshot.spool.room import Usage, shortage
from packshot.spool.store import Store
from packshot.spool.trouble import translated

log = logging.getLogger(__name__)

LOCK_NAME = "lock"
LOCK_WAIT_S = 5.0
VISIBLE = (Kept.FILES, Kept.ENTRY)
NOT_ENDED = frozenset(Stage) - ENDED

Opened = tuple[Store, tuple[Finding, ...]]
"""An open spool and what opening it had to mend."""


class SqliteSpool:
    """The ``Spool`` port (see there) over one folder.

    ``owner`` is the daemon: one at a time, takes captures, creates and repairs. Tools open with ``owner=False`` beside
    it; they may look, change stages, check and purge, and repair on opening where no daemon runs. ``recovered`` tells
    what opening had to mend; the first ``check`` reports it too.
    """

    def __init__(
        self,
        root: Path,
        limits: SpoolLimits | None = None,
        retention: Retention | None = None,
        clock: Clock | None = None,
        owner: bool = True,
    ) -> None:
        self._root = root
        self._limits = limits or SpoolLimits()
        self._retention = retention or Retention()
        self._clock = clock or SystemClock()
        self._owner = owner
        self._accepting = threading.Lock()
        self._broken = ""
        with translated("open the spool", root):
            self._store, self.recovered = self._open_as_owner() if owner else self._open_as_tool()
        self._unreported = list(self.recovered)
        for finding in self.recovered:
            log.warning("spool: %s %s", finding.path, finding.problem)

    def accept(self, request: CaptureRequest, frames: Sequence[Frame]) -> Capture:
        """See ``Spool.accept``; SpoolError when this is not the spool's owner."""
        if not self._owner:
            raise SpoolError(f"only the daemon takes captures into {self._root}; ask it with packshot capture")
        with self._accepting:
            with self._working("make room for a photo"):
                known = self._store.known_request(request.request_id)
                if known is not None:
                    return known.capture
                self._make_room(sum(len(frame.data) for frame in frames))
                record, data = transitions.accepted(request, frames, self._next_id(), self._clock, self._store.index)
            with self._working("store a photo"), self._undone_on_refusal(record.capture_id):
                self._store.add(record, data)
            return record.capture

    def check_room(self) -> None:
        """See ``Spool.check_room``."""
        with self._working("look for room"):
            self._make_room(self._limits.usual_original_bytes)

    def find_request(self, request_id: str) -> Capture | None:
        """See ``Spool.find_request``."""
        with self._working("look a request up"):
            known = self._store.known_request(request_id)
            return known.capture if known else None

    def frames(self, capture_id: str) -> tuple[Frame, ...]:
        """See ``Spool.frames``."""
        with self._working("read a photo"):
            record = self._store.entry(capture_id).record
            return tuple(
                Frame(
                    data=self._store.files.read(record, note.name),
                    media_type=record.artefact(note.name).media_type,
                    shutter=note.shutter,
                    angle=note.angle,
                    backdrop=note.backdrop,
                    source=note.source,
                )
                for note in record.frames
            )

    def store_cut(self, capture_id: str, record: CutRecord) -> Capture:
        """See ``Spool.store_cut``."""
        transitions.check_cut(record)
        with self._working("store a cutout"):
            stored = transitions.store_cut(self._store, capture_id, record)
            retention.drop_if_private(self._store, self._retention, stored)
            return stored.capture

    def advance(self, capture_id: str, stage: Stage, reason: str = "", only_from: Collection[Stage] = ()) -> Capture:
        """See ``Spool.advance``."""
        with self._working("change a capture's stage"):
            stored = self._store.change(
                capture_id, lambda record: transitions.advanced(record, stage, reason, only_from)
            )
            retention.drop_if_private(self._store, self._retention, stored)
            return stored.capture

    def record_receipt(self, capture_id: str, receipt: Receipt) -> Capture:
        """See ``Spool.record_receipt``."""
        with self._working("record a receipt"):
            stored = self._store.change(capture_id, lambda record: transitions.receipted(record, receipt))
            retention.drop_if_private(self._store, self._retention, stored)
            return stored.capture

    def get(self, capture_id: str) -> Capture | None:
        """See ``Spool.get``."""
        with self._working("look a capture up"):
            entry = self._store.index.get(capture_id)
            return entry.record.capture if entry and entry.kept in VISIBLE else None

    def captures(self, stages: Collection[Stage] = (), limit: int = 1000, newest_first: bool = False) -> list[Capture]:
        """See ``Spool.captures``."""
        with self._working("list captures"):
            entries = self._store.index.entries(stages, VISIBLE, limit, newest_first)
            return [entry.record.capture for entry in entries]

    def read(self, capture_id: str, name: str) -> bytes:
        """See ``Spool.read``."""
        with self._working("read a file"):
            return self._store.files.read(self._store.entry(capture_id).record, name)

    def path(self, capture_id: str, name: str) -> Path:
        """See ``Spool.path``."""
        with self._working("find a file"):
            return self._store.files.path(self._store.entry(capture_id).record, name)

    def receipt(self, capture_id: str) -> Receipt | None:
        """See ``Spool.receipt``."""
        with self._working("look a receipt up"):
            entry = self._store.index.get(capture_id)
            return entry.record.receipt if entry else None

    def depth(self) -> SpoolDepth:
        """See ``Spool.depth``."""
        with self._working("measure the spool"):
            now_ms, oldest_ms = self._store.stamp(), self._store.index.oldest_accepted_ms(NOT_ENDED)
            usage = self._usage()
            return SpoolDepth(
                per_stage=self._store.index.count_by_stage(),
                used_bytes=usage.stored_bytes,
                free_bytes=usage.free_bytes,
                oldest_s=0.0 if now_ms is None or oldest_ms is None else max(0.0, (now_ms - oldest_ms) / 1000),
            )

    def collect(self) -> int:
        """See ``Spool.collect``."""
        with self._working("delete what is past its time"):
            return retention.collect(self._store, self._retention)

    def purge(self, capture_id: str) -> None:
        """See ``Spool.purge``."""
        with self._working("delete a capture"):
            stage = self._store.entry(capture_id).record.stage
            if stage not in transitions.PURGEABLE:
                raise BadMessage(f"capture {capture_id} is {stage} and not delivered; cancel or refuse it first")
            self._store.drop_files(capture_id, transitions.PURGEABLE, Kept.REQUEST)

    def check(self, fix: bool = False) -> list[Finding]:
        """See ``Spool.check``."""
        with self._working("check the spool"):
            earlier, self._unreported = self._unreported, []
            return earlier + check_all(self._store, fix)

    def close(self) -> None:
        """See ``Spool.close``."""
        self._broken = self._broken or f"the spool {self._root} is closed"
        self._store.index.close()
        self._lock.close()

    def _open_as_owner(self) -> Opened:
        CaptureFiles(self._root).prepare()
        self._lock = durable.FileLock(self._root / LOCK_NAME)
        if not self._lock.acquire(LOCK_WAIT_S):
            self._lock.close()
            raise SpoolError(f"another packshot daemon uses the spool {self._root}; stop it or use another folder")
        try:
            return self._repaired_store()
        except BaseException:
            self._lock.close()
            raise

    def _open_as_tool(self) -> Opened:
        """Beside a daemon, or where none runs after the same repairs that it would do."""
        recovery.refuse_missing(self._root)
        self._lock = durable.FileLock(self._root / LOCK_NAME)
        try:
            if self._lock.acquire():
                return self._repaired_store()
        finally:
            self._lock.close()
        return self._store_over(Index(self._root / recovery.INDEX_NAME, create=False)), ()

    def _repaired_store(self) -> Opened:
        CaptureFiles(self._root).prepare()
        index, findings = recovery.open_index(self._root)
        durable.sync_folder(self._root)
        store = self._store_over(index)
        try:
            return store, (*findings, *recovery.recover(store))
        except BaseException:
            index.close()
            raise

    def _store_over(self, index: Index) -> Store:
        return Store(CaptureFiles(self._root), index, RevisionLog(self._root), self._clock)

    @contextmanager
    def _working(self, doing: str) -> Iterator[None]:
        """Errors as families; after one that says the disk or index cannot be trusted nothing works until reopened."""
        if self._broken:
            raise SpoolError(self._broken)
        try:
            with translated(doing, self._root):
                yield
        except SpoolError as error:
            self._broken = str(error)
            raise

    @contextmanager
    def _undone_on_refusal(self, capture_id: str) -> Iterator[None]:
        """Leave nothing behind when there was no room; after an I/O error nobody knows, so the next opening looks."""
        try:
            with translated("store a photo", self._root):
                yield
        except (RetryLater, GiveUpCapture):
            self._store.files.discard_new(capture_id)
            raise

    def _next_id(self) -> str:
        return mint_capture_id(self._clock.now_ms(), self._store.index.last_capture_id(), os.urandom(10))

    def _make_room(self, new_bytes: int) -> None:
        while problem := shortage(self._limits, self._usage(), new_bytes):
            if not retention.evict_oldest_delivered(self._store):
                raise SpoolFull(f"no room for another photo in {self._root}: {problem}; deliver or purge captures")

    def _usage(self) -> Usage:
        captures, stored_bytes, uncut_bytes = self._store.index.usage()
        return Usage(captures, stored_bytes, uncut_bytes, shutil.disk_usage(self._root).free)
