"""The newest retake of every SKU and angle, in a plain file beside the index.

A capture's own sidecar tells its revision only while its folder exists. Without this file a lost index would number
the next retake from 1 again, and the storefront would take the new picture for an old one.
"""

import contextlib
from pathlib import Path

import msgspec

from packshot.platform import durable
from packshot.spool.index import Index
from packshot.spool.record import Record

FILE_NAME = "revisions.jsonl"
SLACK_LINES = 1000


class Revision(msgspec.Struct, frozen=True):
    """One line of the file."""

    sku: str
    angle: int
    revision: int
    capture_id: str


class RevisionLog:
    """Appends one line per capture whose folder goes away. Raises OSError."""

    def __init__(self, root: Path) -> None:
        self._path = root / FILE_NAME

    def remember(self, record: Record) -> None:
        """Write down the revision of a capture before its sidecar is deleted; nothing to do without a SKU."""
        request, capture = record.capture.request, record.capture
        if request.sku:
            line = Revision(request.sku, request.angle, capture.revision, capture.capture_id)
            durable.append_line(self._path, msgspec.json.encode(line))

    def load(self, index: Index) -> None:
        """Tell the index what the file knows, and shorten the file when most of its lines are outdated."""
        lines = self._read()
        newest: dict[tuple[str, int], Revision] = {}
        for line in lines:
            known = newest.setdefault((line.sku, line.angle), line)
            if line.revision > known.revision:
                newest[line.sku, line.angle] = line
        with index.transaction():
            for line in newest.values():
                index.remember_revision(line.sku, line.angle, line.revision, line.capture_id)
                index.remember_capture_id(line.capture_id)
        if len(lines) > 2 * len(newest) + SLACK_LINES:
            durable.write_file(self._path, b"".join(msgspec.json.encode(line) + b"\n" for line in newest.values()))

    def _read(self) -> list[Revision]:
        lines = []
        with contextlib.suppress(FileNotFoundError), self._path.open("rb") as file:
            for text in file:
                with contextlib.suppress(msgspec.DecodeError, UnicodeDecodeError):  # a line torn by a power cut
                    lines.append(msgspec.json.decode(text, type=Revision))
        return lines
