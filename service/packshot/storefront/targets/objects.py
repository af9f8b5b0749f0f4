"""A storefront made of objects under keys, as HTTP servers and object stores have them; no folders, no rename.

Keys are those of the folder target. The sidecar is written twice: before the pictures as a claim on the place
(``pending``), after them as the proof that they are complete. Every write is conditional on what was seen before, so
that of two uploaders with two revisions the newer one wins whatever the order of their requests; whoever meets a
conflict looks again. Servers that ignore conditions still get the right order as long as uploads do not overlap.
Former revisions are replaced, not kept: object stores have versions of their own for that. Files of theirs that the
new one does not replace (a JPEG before a WebP) go before the proof, so whoever completes a delivery removes them too.
"""

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import msgspec

from packshot.errors import TargetRefused, TargetUnavailable
from packshot.platform.clock import rfc3339
from packshot.platform.logs import event
from packshot.storefront.targets import naming
from packshot.storefront.targets.port import DeliveryKey, Picture, Stored
from packshot.storefront.targets.record import Record, decode_record, encode_record

log = logging.getLogger(__name__)

MAX_CONFLICTS = 8
JSON = "application/json"


@dataclass(frozen=True)
class Seen:
    """An object as it was seen: its version tag (empty = the server has none) and its sha256 in hex, if known."""

    tag: str = ""
    sha256: str = ""


@dataclass(frozen=True)
class Upload:
    """One object to write. ``body`` is a file to stream, or bytes. ``over`` is what was seen at its key before."""

    key: str
    body: Path | bytes
    size_bytes: int
    sha256: str
    content_type: str
    over: Seen | None
    delivery: DeliveryKey


class Conflict(Exception):
    """The object is no longer what was seen."""


class ObjectStore(Protocol):
    """What ``ObjectTarget`` needs. All raise TargetUnavailable or TargetRefused; ``write`` and ``delete`` Conflict."""

    def look(self, key: str) -> Seen | None:
        """The object at a key, or None."""

    def read(self, key: str) -> tuple[bytes, Seen] | None:
        """A small object's bytes, or None."""

    def write(self, upload: Upload) -> None:
        """Create or replace an object, only if it is still what ``upload.over`` says."""

    def delete(self, key: str, seen: Seen) -> None:
        """Remove an object, only if it is still what was seen; missing is fine."""

    def url(self, key: str) -> str:
        """Where people find the object."""

    def close(self) -> None:
        """Let connections go."""


@dataclass(frozen=True)
class _Place:
    """Where a delivery goes: prefix of its keys, what is recorded there and how that was seen."""

    prefix: str
    record: Record | None
    seen: Seen | None


class ObjectTarget:
    """See the module; ``name`` is what receipts call it."""

    def __init__(self, store: ObjectStore, name: str) -> None:
        self._store = store
        self._name = name[:80]

    @property
    def name(self) -> str:
        """See ``targets.port.Target``."""
        return self._name

    def find(self, key: DeliveryKey) -> Stored | None:
        """See ``targets.port.Target``."""
        for name in (naming.product_name(key), naming.other_name(key)):
            for prefix in (name, _late_prefix(name, key)):
                stored = self._stored(self._look_at(prefix, key), key)
                if stored is not None:
                    return stored
        return None

    def put(self, key: DeliveryKey, pictures: Sequence[Picture]) -> Stored:
        """See ``targets.port.Target``."""
        for _ in range(MAX_CONFLICTS):
            found = self.find(key)
            if found is not None:
                return found
            try:
                return self._try_to_put(key, pictures)
            except Conflict:
                continue
        raise TargetUnavailable(f"others write {naming.stem(key)} at {self._name} again and again; it is tried later")

    def close(self) -> None:
        """See ``targets.port.Target``."""
        self._store.close()

    def _try_to_put(self, key: DeliveryKey, pictures: Sequence[Picture]) -> Stored:
        files = naming.file_names(key, pictures)
        home = naming.product_name(key)
        # The pictures are looked at before the sidecar: see the module on why that order is safe.
        seen = {name: self._store.look(f"{home}/{file}") for name, file in files.items()}
        place = self._look_at(home, key)
        if place.record is not None and place.record.is_newer_than(key):
            self._remove_orphans(home, place.record, pictures, files, seen)
            home = _late_prefix(home, key)
            place = self._look_at(home, key)
            seen = {name: self._store.look(f"{home}/{file}") for name, file in files.items()}
        # Another uploader may have been faster since ``find``: what is complete must not be claimed anew.
        stored = self._stored(place, key)
        if stored is not None:
            return stored
        record = self._record(key, pictures, files, home)
        outdated = _outdated(place.record, set(files.values()))
        self._write_record(place, key, msgspec.structs.replace(record, pending=True, outdated=outdated))
        for picture in pictures:
            upload = _upload_of(picture, f"{home}/{files[picture.name]}", seen[picture.name], key)
            if upload.over is None or upload.over.sha256 != picture.sha256:
                self._store.write(upload)
        self._remove_outdated(home, key, outdated)
        self._write_record(self._look_at(home, key), key, record)
        return Stored(record.storefront_id, record.url)

    def _look_at(self, prefix: str, key: DeliveryKey) -> _Place:
        found = self._store.read(_sidecar_key(prefix, key))
        if found is None:
            return _Place(prefix, None, None)
        data, seen = found
        record = decode_record(data)
        return _Place(prefix, record if record is not None and record.is_about(key) else None, seen)

    def _write_record(self, place: _Place, key: DeliveryKey, record: Record) -> None:
        if place.record is not None and not record.pending and not place.record.is_of(key):
            raise Conflict
        data = encode_record(record)
        upload = Upload(
            _sidecar_key(place.prefix, key), data, len(data), naming.sha256_hex(data), JSON, place.seen, key
        )
        self._store.write(upload)

    def _stored(self, place: _Place, key: DeliveryKey) -> Stored | None:
        """What ``find`` answers of this place: the delivery, if it lies there whole."""
        record = place.record
        if record is None or record.pending or not record.is_of(key) or not self._is_whole(place.prefix, record):
            return None
        return Stored(record.storefront_id, record.url)

    def _is_whole(self, prefix: str, record: Record) -> bool:
        for artefact, name in record.files.items():
            seen = self._store.look(f"{prefix}/{name}")
            if seen is None or (seen.sha256 and seen.sha256 != record.sha256s.get(artefact)):
                return False
        return True

    def _remove_outdated(self, prefix: str, key: DeliveryKey, names: Sequence[str]) -> None:
        for name in names:
            seen = self._store.look(f"{prefix}/{name}")
            # The sidecar after the file: if the place is still ours, what was seen is nobody's newer picture.
            owner = self._look_at(prefix, key).record
            if owner is None or not owner.is_of(key):
                raise Conflict
            self._delete(f"{prefix}/{name}", seen)

    def _remove_orphans(
        self,
        home: str,
        newer: Record,
        pictures: Sequence[Picture],
        files: Mapping[str, str],
        seen: Mapping[str, Seen | None],
    ) -> None:
        """What an earlier attempt of ours wrote beside a newer revision that came in between.

        While the newer one is not complete, its former picture has to stay: only what is known to be ours goes.
        """
        for picture in pictures:
            name, there = files[picture.name], seen[picture.name]
            ours = there is not None and there.sha256 == picture.sha256
            if name not in newer.files.values() and (ours or not newer.pending):
                self._delete(f"{home}/{name}", there)

    def _delete(self, key: str, seen: Seen | None) -> None:
        if seen is None:
            return
        try:
            self._store.delete(key, seen)
        except Conflict:
            return  # replaced meanwhile, so it is somebody else's
        except TargetRefused as error:  # the new picture is delivered all the same
            event(log, "former picture stays", logging.WARNING, reason=str(error))

    def _record(self, key: DeliveryKey, pictures: Sequence[Picture], files: dict[str, str], home: str) -> Record:
        shown = f"{home}/{files[naming.main_picture(pictures).name]}"
        return Record(
            device_id=key.device_id,
            capture_id=key.capture_id,
            revision=key.revision,
            sku=key.sku,
            angle=key.angle,
            sha256s=dict(key.sha256s),
            files=files,
            supersedes=key.supersedes,
            storefront_id=shown,
            url=self._store.url(shown),
            at=rfc3339(time.time_ns() // 1_000_000),
        )


def _upload_of(picture: Picture, key: str, over: Seen | None, delivery: DeliveryKey) -> Upload:
    return Upload(key, picture.path, picture.size_bytes, picture.sha256, picture.content_type, over, delivery)


def _outdated(former: Record | None, current: set[str]) -> list[str]:
    names = {*former.files.values(), *former.outdated} - current if former is not None else set()
    return sorted(name for name in names if "/" not in name)


def _late_prefix(home: str, key: DeliveryKey) -> str:
    return f"{home}/{naming.SUPERSEDED}/{key.capture_id}"


def _sidecar_key(prefix: str, key: DeliveryKey) -> str:
    return f"{prefix}/{naming.stem(key)}{naming.SIDECAR}"
