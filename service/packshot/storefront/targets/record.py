"""What a target remembers beside the pictures of one SKU and angle: whose they are, and which revision."""

import msgspec
from msgspec import Struct

from packshot.domain import CROCKFORD
from packshot.storefront.targets.port import DeliveryKey

VERSION = 1
RESET_MARGIN_MS = 10 * 60 * 1000


class Record(Struct, frozen=True, omit_defaults=True):
    """The JSON sidecar of a delivery. ``files`` maps artefact names to file names; ``pending``: not all written yet."""

    device_id: str
    capture_id: str
    revision: int
    sku: str
    angle: int
    sha256s: dict[str, str]
    files: dict[str, str]
    supersedes: str | None = None
    storefront_id: str = ""
    url: str = ""
    at: str = ""
    pending: bool = False
    outdated: list[str] = []  # while pending: files of former revisions that are to be removed
    v: int = VERSION

    def is_of(self, key: DeliveryKey) -> bool:
        """Whether this is the record of exactly that delivery."""
        same_capture = (self.device_id, self.capture_id, self.revision) == (
            key.device_id,
            key.capture_id,
            key.revision,
        )
        return same_capture and self.sha256s == dict(key.sha256s)

    def is_about(self, key: DeliveryKey) -> bool:
        """Whether both are pictures of the same SKU and angle; captures without a SKU stand for themselves."""
        if not key.sku:
            return self.capture_id == key.capture_id
        return (self.sku, self.angle) == (key.sku, key.angle)

    def is_newer_than(self, key: DeliveryKey) -> bool:
        """Whether the delivery of ``key`` comes too late to replace this one.

        On one device the revision decides. A box whose spool was lost counts from 1 again: a lower revision taken
        long after is a new beginning, not a latecomer. Between devices the time in the capture id decides.
        """
        if self.device_id != key.device_id:
            return self.capture_id > key.capture_id
        if self.revision != key.revision:
            late_ms = _time_ms(key.capture_id) - _time_ms(self.capture_id)
            return self.revision > key.revision and late_ms < RESET_MARGIN_MS
        return self.capture_id > key.capture_id


def encode_record(record: Record) -> bytes:
    """The record as indented JSON: people read it too."""
    return msgspec.json.format(msgspec.json.encode(record), indent=2) + b"\n"


def decode_record(data: bytes) -> Record | None:
    """The record, or None for bytes that are none (torn, or not ours)."""
    try:
        return msgspec.json.decode(data, type=Record)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def _time_ms(capture_id: str) -> int:
    """The time part of a capture id, milliseconds since 1970."""
    time_ms = 0
    for char in capture_id[:10]:
        time_ms = time_ms * 32 + CROCKFORD.index(char)
    return time_ms
