"""The storefront as a folder: one picture per SKU and angle under a name that stays, former revisions kept aside.

    <folder>/A-1/A-1_0.webp               the picture the shop shows
    <folder>/A-1/A-1_0.cutout.png         another artefact of the same capture
    <folder>/A-1/A-1_0.packshot.json      sidecar: device, capture, revision, sha256s; written last
    <folder>/A-1/.superseded/<capture id>/...   former revisions, and older ones that arrived late

A file is replaced by rename, so a reader sees the old picture or the new one whole, never none.
"""

import contextlib
import hashlib
import os
import shutil
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO
from urllib.parse import quote

from packshot.errors import TargetUnavailable
from packshot.platform.clock import rfc3339
from packshot.platform.durable import folder_lock, make_folder, sync_folder
from packshot.storefront.targets import naming
from packshot.storefront.targets.port import DeliveryKey, Picture, Stored
from packshot.storefront.targets.record import Record, decode_record, encode_record

FILE_MODE = 0o644  # a web server reads here
FOLDER_MODE = 0o755
STAGING = ".incoming"
CHUNK_BYTES = 1024 * 1024
MAX_SIDECAR_BYTES = 1024 * 1024


class FolderTarget:
    """Options: ``path``, the folder (made if missing); ``base_url``, where a web server shows it, for receipts.

    Several uploaders on one machine may share the folder; a lock on it makes them take turns.
    """

    def __init__(self, path: str, base_url: str = "") -> None:
        self._root = Path(path).absolute()
        self._base_url = base_url.rstrip("/")

    @property
    def name(self) -> str:
        """See ``targets.port.Target``."""
        return f"folder:{self._root}"[:80]

    def find(self, key: DeliveryKey) -> Stored | None:
        """See ``targets.port.Target``. A picture counts only if its bytes still have the recorded sha256."""
        with _unavailable(self._root):
            for home in self._homes(key):
                for folder in (home, home / naming.SUPERSEDED / key.capture_id):
                    record = _read_record(folder, key)
                    if record is not None and record.is_of(key) and _is_whole(folder, record):
                        return Stored(record.storefront_id, record.url)
        return None

    def put(self, key: DeliveryKey, pictures: Sequence[Picture]) -> Stored:
        """See ``targets.port.Target``."""
        with _unavailable(self._root):
            make_folder(self._root)
            with folder_lock(self._root):
                found = self.find(key)
                return found if found is not None else self._store(key, pictures)

    def close(self) -> None:
        """See ``targets.port.Target``."""

    def _store(self, key: DeliveryKey, pictures: Sequence[Picture]) -> Stored:
        home = self._home(key)
        current = _read_record(home, key)
        if current is not None and current.is_newer_than(key):
            return self._place(key, pictures, home / naming.SUPERSEDED / key.capture_id)
        if current is not None and not current.is_of(key):
            _keep_former(home, current, _sidecar(key))
        return self._place(key, pictures, home)

    def _place(self, key: DeliveryKey, pictures: Sequence[Picture], folder: Path) -> Stored:
        """Copy into a folder beside, then rename one by one; the sidecar comes last and makes the delivery count."""
        record = self._record(key, pictures, folder)
        staging = folder / STAGING
        former = (_read_record(folder, key), _read_record(staging, key))  # shown, and cut short
        shutil.rmtree(staging, ignore_errors=True)
        _make_folder(staging)
        for picture in pictures:
            _copy(picture, staging / record.files[picture.name])
        _write(staging / _sidecar(key), encode_record(record))
        for name in record.files.values():
            (staging / name).replace(folder / name)
        sync_folder(folder)
        _remove_leftovers(folder, former, set(record.files.values()))
        (staging / _sidecar(key)).replace(folder / _sidecar(key))
        sync_folder(folder)
        staging.rmdir()
        return Stored(record.storefront_id, record.url)

    def _record(self, key: DeliveryKey, pictures: Sequence[Picture], folder: Path) -> Record:
        files = naming.file_names(key, pictures)
        shown = folder / files[naming.main_picture(pictures).name]
        storefront_id = shown.relative_to(self._root).as_posix()
        return Record(
            device_id=key.device_id,
            capture_id=key.capture_id,
            revision=key.revision,
            sku=key.sku,
            angle=key.angle,
            sha256s=dict(key.sha256s),
            files=files,
            supersedes=key.supersedes,
            storefront_id=storefront_id,
            url=f"{self._base_url}/{quote(storefront_id)}" if self._base_url else shown.as_uri(),
            at=rfc3339(time.time_ns() // 1_000_000),
        )

    def _homes(self, key: DeliveryKey) -> tuple[Path, Path]:
        return self._root / naming.product_name(key), self._root / naming.other_name(key)

    def _home(self, key: DeliveryKey) -> Path:
        """The product's folder, or its second name where the first one is another SKU's on this file system."""
        first, second = self._homes(key)
        records = (decode_record(path.read_bytes()) for path in first.glob(f"*{naming.SIDECAR}"))
        return second if any(record is not None and record.sku != key.sku for record in records) else first


@contextlib.contextmanager
def _unavailable(root: Path) -> Iterator[None]:
    """Troubles of disk and permissions are somebody's to mend; the pictures wait meanwhile."""
    try:
        yield
    except OSError as error:
        raise TargetUnavailable(f"the storefront folder {root} cannot be used: {error}") from error


def _sidecar(key: DeliveryKey) -> str:
    return f"{naming.stem(key)}{naming.SIDECAR}"


def _read_record(folder: Path, key: DeliveryKey) -> Record | None:
    path = folder / _sidecar(key)
    try:
        if path.stat().st_size > MAX_SIDECAR_BYTES:
            return None
        record = decode_record(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        return None
    return record if record is not None and record.is_about(key) else None


def _is_whole(folder: Path, record: Record) -> bool:
    return all(
        Path(name).name == name and (folder / name).is_file() and _sha256(folder / name) == record.sha256s.get(artefact)
        for artefact, name in record.files.items()
    )


def _keep_former(home: Path, former: Record, sidecar: str) -> None:
    """Give the former revision second names in ``.superseded``; its first names stay until they are replaced."""
    kept = home / naming.SUPERSEDED / former.capture_id
    if kept.exists():
        return
    growing = kept.with_name(f".{former.capture_id}.tmp~")
    shutil.rmtree(growing, ignore_errors=True)
    _make_folder(growing)
    for name in (*former.files.values(), sidecar):
        if Path(name).name == name and (home / name).is_file():
            _link_or_copy(home / name, growing / name)
    sync_folder(growing)
    growing.rename(kept)
    sync_folder(kept.parent)


def _link_or_copy(source: Path, destination: Path) -> None:
    try:
        os.link(source, destination)
    except OSError:  # memory cards and network shares often have no hard links
        with source.open("rb") as file:
            _write(destination, file)


def _remove_leftovers(home: Path, former: Sequence[Record | None], current: set[str]) -> None:
    """Former files whose names the new revision does not use (a JPEG after a WebP)."""
    names = {name for record in former if record is not None for name in record.files.values()} - current
    for name in names:
        if Path(name).name == name:
            (home / name).unlink(missing_ok=True)
    if names:
        sync_folder(home)


def _make_folder(path: Path) -> None:
    missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    make_folder(path)
    for folder in missing:
        folder.chmod(FOLDER_MODE)


def _copy(picture: Picture, destination: Path) -> None:
    with picture.path.open("rb") as file:
        _write(destination, file)
    if _sha256(destination) != picture.sha256:
        raise TargetUnavailable(f"{picture.name} changed on its way into the folder; it is tried again")


def _write(destination: Path, source: bytes | BinaryIO) -> None:
    with destination.open("xb") as file:
        if isinstance(source, bytes):
            file.write(source)
        else:
            shutil.copyfileobj(source, file, CHUNK_BYTES)
        file.flush()
        os.fchmod(file.fileno(), FILE_MODE)
        os.fsync(file.fileno())


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
