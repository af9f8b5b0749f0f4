"""The repository as the updater knows it, and python-tuf as the only judge of what comes from there."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Protocol

from tuf.api.exceptions import (
    DownloadError,
    DownloadHTTPError,
    DownloadLengthMismatchError,
    ExpiredMetadataError,
    LengthOrHashMismatchError,
    RepositoryError,
)
from tuf.api.metadata import Metadata, Root, TargetFile
from tuf.ngclient import Updater
from tuf.ngclient.config import UpdaterConfig

from packshot.platform import durable
from packshot.platform.clock import EARLIEST_MS, Clock, rfc3339
from packshot.update.fetcher import PARTIAL_SUFFIX, Fetcher, Source
from packshot.update.layout import Layout
from packshot.update.manifest import File
from packshot.update.problems import UpdateClockWrong, UpdateRefused, UpdateUnreachable, disk_errors
from packshot.update.state import FOLDER_MODE

LARGEST_DOCUMENT = 1 << 20  # bytes of a channel or manifest
LARGEST_METADATA = 4 << 20
DAY_MS = 24 * 3600 * 1000


class Repository(Protocol):
    """What a box can ask a repository. All raise UpdateRefused, UpdateUnreachable or UpdateNoRoom."""

    def refresh(self) -> None:
        """Learn what is signed now."""

    def document(self, target: str) -> bytes:
        """A channel or manifest, verified."""

    def fetch(self, file: File) -> Path:
        """A release's file, verified, in the downloads; fetched only if it is not there already."""

    def verified(self, file: File) -> Path:
        """The file in the downloads, read again and held against what is signed."""


class TufRepository:
    """``base`` is the address of the folder that holds ``metadata/`` and ``targets/``."""

    def __init__(
        self, layout: Layout, clock: Clock, anchor: bytes, base: str, source: Source, on_bytes: Callable[[int], None]
    ) -> None:
        self._layout = layout
        self._clock = clock
        self._fetcher = Fetcher(source, layout.downloads, on_bytes)
        self._base = base
        config = UpdaterConfig(snapshot_max_length=LARGEST_METADATA, targets_max_length=LARGEST_METADATA)
        with disk_errors("the updater's folder"):
            for folder in (layout.metadata, layout.downloads):
                durable.make_folder(folder, FOLDER_MODE)
            with self._translated("the trust anchor"):
                self._updater = Updater(
                    str(layout.metadata),
                    f"{base.rstrip('/')}/metadata/",
                    target_base_url=f"{base.rstrip('/')}/targets/",
                    fetcher=self._fetcher,
                    config=config,
                    bootstrap=anchor,
                )

    def refresh(self) -> None:
        """Root, timestamp, snapshot, targets, as the TUF specification orders; durable, so that nothing goes back."""
        with disk_errors("the repository's metadata"), self._translated():
            self._updater.refresh()
            _sync_tree(self._layout.metadata)

    def document(self, target: str) -> bytes:
        """A channel or manifest, verified."""
        info = self._info(target)
        if info.length > LARGEST_DOCUMENT:
            raise UpdateRefused(f"{target}: {info.length} bytes are too many for a description of a release")
        path = self._layout.downloads / target.replace("/", "%2F")
        with disk_errors(target), self._translated():
            return Path(self._download(info, path)).read_bytes()

    def fetch(self, file: File) -> Path:
        """A release's file, verified, in the downloads."""
        info, path = self._info_of(file), place(self._layout, file)
        with disk_errors(file.name), self._translated():
            return Path(self._updater.find_cached_target(info, str(path)) or self._download(info, path))

    def verified(self, file: File) -> Path:
        """The file in the downloads, read again and held against what is signed."""
        path = place(self._layout, file)
        with disk_errors(file.name):
            try:
                with path.open("rb") as data:
                    self._info_of(file).verify_length_and_hashes(data)
            except LengthOrHashMismatchError as error:
                path.unlink()
                raise UpdateRefused(f"{path}: {error}; it was removed, run it again") from error
        return path

    def _download(self, info: TargetFile, path: Path) -> str:
        try:
            return self._updater.download_target(info, str(path))
        except LengthOrHashMismatchError:
            if not self._fetcher.resumed:
                raise
            return self._updater.download_target(info, str(path))  # what was left of an earlier attempt was damaged

    def _info_of(self, file: File) -> TargetFile:
        info = self._info(file.target)
        if info.length != file.bytes or info.hashes.get("sha256") != file.sha256:
            raise UpdateRefused(f"{file.target}: manifest and targets metadata differ in length or sha256")
        return info

    def _info(self, target: str) -> TargetFile:
        self._fetcher.last = target  # where no metadata of a delegated role has to be fetched for it
        with disk_errors("the repository's metadata"), self._translated():
            info = self._updater.get_targetinfo(target)
        if info is None:
            raise UpdateRefused(f"{target}: not signed by this repository")
        return info

    @contextmanager
    def _translated(self, name: str = "") -> Iterator[None]:
        """Python-tuf's verdicts as one line each, with the file they are about."""
        try:
            yield
        except ExpiredMetadataError as error:
            now = rfc3339(self._clock.now_ms())[:16]
            advice = "if the clock is right, the signer must renew it"
            raise UpdateRefused(f"{name or self._fetcher.last}: {error}; it is {now} here: {advice}") from error
        except (RepositoryError, DownloadLengthMismatchError) as error:
            raise UpdateRefused(f"{name or self._fetcher.last}: {error}; nothing was installed") from error
        except DownloadHTTPError as error:
            raise UpdateUnreachable(f"{self._fetcher.last}: {error} ({self._base})") from error
        except DownloadError as error:
            raise UpdateUnreachable(f"{self._fetcher.last}: {error} ({self._base}); it goes on next time") from error


def place(layout: Layout, file: File) -> Path:
    """Where a file lies on this box; a wheel must keep its name, so the sha256 is the folder's."""
    return layout.downloads / file.sha256[:16] / file.name


def check_clock(clock: Clock, floor_ms: int) -> None:
    """UpdateClockWrong where the clock is before 2025 or a day or more before a time at which it was right.

    A clock that is late would let old metadata pass; one that is early is noticed by the metadata's expiry.
    """
    earliest = max(EARLIEST_MS, floor_ms - DAY_MS)
    if clock.now_ms() < earliest:
        now, least = rfc3339(clock.now_ms())[:10], rfc3339(earliest)[:10]
        raise UpdateClockWrong(f"the clock says {now}, it cannot be before {least}; set it: timedatectl set-time ...")


def read_anchor(path: Path) -> bytes:
    """The trust anchor; UpdateRefused where the box was given none."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise UpdateRefused(
            f"{path}: {error.strerror}; put the repository's root.json there, from a source you trust"
        ) from error


def check_anchor(anchor: bytes) -> None:
    """UpdateRefused where the anchor is no root metadata, signed by its own keys."""
    try:
        root = Metadata[Root].from_bytes(anchor)
        root.signed.verify_delegate(Root.type, root.signed_bytes, root.signatures)
    except (RepositoryError, ValueError) as error:
        raise UpdateRefused(f"the trust anchor: {error}") from error


def forget_downloads(layout: Layout, keep: frozenset[str]) -> None:
    """Delete what no kept release needs (``keep``: sha256s of files), partial files first."""
    names = {sha256[:16] for sha256 in keep}
    for path in sorted(layout.downloads.glob("*"), key=lambda path: path.suffix != PARTIAL_SUFFIX):
        with suppress(OSError):
            if path.is_file():
                path.unlink()
            elif path.name not in names:
                for file in path.iterdir():
                    file.unlink()
                path.rmdir()


def _sync_tree(folder: Path) -> None:
    """Python-tuf renames, but does not flush: without this, a power cut could bring yesterday's metadata back."""
    for path in (*folder.rglob("*"), folder):
        if path.is_dir() and not path.is_symlink():
            durable.sync_folder(path)
        elif path.is_file() and not path.is_symlink():
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
