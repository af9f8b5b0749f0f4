"""Files and index kept in step: files first, then the sidecar, the row last. Raises OSError and sqlite3.Error."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace

from packshot.domain import ENDED, Stage
from packshot.errors import BadMessage
from packshot.platform.clock import Clock
from packshot.spool.files import CaptureFiles
from packshot.spool.index import Entry, Index, Kept
from packshot.spool.limits import REQUEST_MEMORY_S
from packshot.spool.record import Record
from packshot.spool.revisions import RevisionLog

Change = Callable[[Record], Record | None]
"""From a record to its successor, or None to leave it as it is."""


@dataclass(frozen=True)
class Store:
    """What the parts of the spool share."""

    files: CaptureFiles
    index: Index
    revisions: RevisionLog
    clock: Clock

    def stamp(self) -> int | None:
        """Now, if the clock can be believed."""
        return self.clock.now_ms() if self.clock.synchronised() else None

    def add(self, record: Record, data: Mapping[str, bytes]) -> None:
        """Make a new capture durable: its folder, then its row."""
        with self.files.creating(record, data), self.index.transaction():
            self._put_new(record)

    def adopt(self, record: Record) -> None:
        """Enter a capture that lies on disk but is not in the index; its ages count from now on."""
        with self.index.transaction():
            self._put_new(record)

    def known_request(self, request_id: str) -> Record | None:
        """The capture of a request id of the last 24 hours; one that failed may be asked for again."""
        known = self.index.request(request_id)
        entry = self.index.get(known[0]) if known else None
        if known is None or entry is None or entry.record.stage is Stage.FAILED:
            return None
        return None if self.expired(known[1], REQUEST_MEMORY_S) else entry.record

    def expired(self, since_ms: int | None, keep_s: float) -> bool:
        """Whether something is older than ``keep_s``; never while the clock is, or was, not to be believed."""
        now_ms = self.stamp()
        return now_ms is not None and since_ms is not None and now_ms - since_ms > keep_s * 1000

    def entry(self, capture_id: str) -> Entry:
        """The row of a capture that has not been purged; raises BadMessage if there is none."""
        entry = self.index.get(capture_id)
        if entry is None or entry.kept is Kept.REQUEST:
            raise BadMessage(f"there is no capture {capture_id[:40]!r} in the spool; packshot spool ls shows them")
        return entry

    def change(self, capture_id: str, change: Change) -> Record:
        """Replace a capture's record, alone among threads and processes; returns the record that holds afterwards."""
        with self.files.lock(capture_id):
            entry = self.entry(capture_id)
            record = change(entry.record)
            if record is None:
                return entry.record
            self.save(entry, record)
            return record

    def save(self, entry: Entry, record: Record) -> None:
        """Write sidecar and row of a changed capture, whose lock the caller holds."""
        self.files.write_sidecar(record)
        self.index.put(replace(entry, record=record, ended_ms=self._ended_ms(entry, record)))

    def drop_files(self, capture_id: str, stages: Collection[Stage], kept: Kept) -> int:
        """Delete all files of a capture, unless it has left these stages meanwhile; returns the bytes freed.

        The row says so first: a power cut in between leaves a folder that the next opening removes.
        """
        with self.files.lock(capture_id):
            entry = self.entry(capture_id)
            if entry.record.stage not in stages:
                return 0
            self.revisions.remember(entry.record)
            self.index.put(replace(entry, record=replace(entry.record, files={}), kept=kept))
            self.files.remove(capture_id)
        return entry.record.stored_bytes

    def _put_new(self, record: Record) -> None:
        request, stamp = record.capture.request, self.stamp()
        self.index.put(Entry(record, Kept.FILES, stamp, stamp if record.stage in ENDED else None))
        self.index.remember_request(request.request_id, record.capture_id, stamp)
        self.index.remember_capture_id(record.capture_id)
        if request.sku:
            self.index.remember_revision(request.sku, request.angle, record.capture.revision, record.capture_id)

    def _ended_ms(self, entry: Entry, record: Record) -> int | None:
        if record.stage not in ENDED:
            return None
        return entry.ended_ms if entry.record.stage is record.stage else self.stamp()
