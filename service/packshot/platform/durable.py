"""Files that outlive a power cut: checked write, fsync, rename, fsync of the folder.

What these functions promise holds on media that honour a flush. A card that acknowledges a flush before the bits
are in the flash breaks the promise, and no software can notice. All raise OSError; a failed fsync (EIO) must not
be tried again, because the kernel may have dropped the dirty pages and would report success the second time.
"""

import contextlib
import errno
import fcntl
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

TEMPORARY_SUFFIX = ".tmp~"
FILE_MODE = 0o640
FOLDER_MODE = 0o750
LOCK_POLL_S = 0.05


def write_file(path: Path, data: bytes, mode: int = FILE_MODE) -> None:
    """Make ``path`` hold ``data``, the old or the new bytes whole at any moment; durable when this returns."""
    replace_file(path, data, mode)
    sync_folder(path.parent)


def replace_file(path: Path, data: bytes, mode: int = FILE_MODE) -> None:
    """As ``write_file``, but the name is durable only after ``sync_folder`` of its folder."""
    temporary = path.with_name(path.name + TEMPORARY_SUFFIX)
    temporary.unlink(missing_ok=True)
    try:
        write_new_file(temporary, data, mode)
        temporary.rename(path)
    except OSError:
        _discard(temporary)
        raise


def write_new_file(path: Path, data: bytes, mode: int = FILE_MODE) -> None:
    """Create ``path`` with ``data`` and fsync it; the name is durable only after ``sync_folder`` of its folder."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
    try:
        inherit_owner(path)
        _write_all(descriptor, data)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def append_line(path: Path, line: bytes) -> None:
    """Add one line to ``path`` in a single write and fsync it; a torn last line is ended before the new one."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC, FILE_MODE)
    try:
        inherit_owner(path)
        size = os.fstat(descriptor).st_size
        torn = size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"
        _write_all(descriptor, (b"\n" if torn else b"") + line + b"\n")
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    if size == 0:
        sync_folder(path.parent)


def make_folder(path: Path, mode: int = FOLDER_MODE) -> None:
    """Create a folder and its missing parents, each durable in the folder above it; existing ones are left alone."""
    missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    for folder in reversed(missing):
        folder.mkdir(mode=mode, exist_ok=True)
        inherit_owner(folder)
        sync_folder(folder.parent)


def sync_folder(path: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove_folder(path: Path, last: str) -> None:
    """Delete a folder with its files, the file ``last`` after all others, and make that durable. Missing is fine."""
    with contextlib.suppress(FileNotFoundError):
        for entry in sorted(os.scandir(path), key=lambda entry: entry.name == last):
            if entry.is_dir(follow_symlinks=False):
                shutil.rmtree(entry.path)
            else:
                Path(entry.path).unlink(missing_ok=True)
        path.rmdir()
        sync_folder(path.parent)


def inherit_owner(path: Path) -> None:
    """Give a new file to its folder's owner: a tool run as root must not leave what the daemon's user cannot read."""
    if os.geteuid() == 0:
        owner = path.parent.stat()
        os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)


@contextlib.contextmanager
def folder_lock(path: Path) -> Iterator[None]:
    """Hold a folder against every other thread and process that asks; FileNotFoundError if it is not there."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


class FileLock:
    """One holder per file, for the life of the process; the kernel lets go when the process ends, however it ends."""

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, FILE_MODE)
        inherit_owner(path)

    def acquire(self, wait_s: float = 0.0) -> bool:
        """Take the lock, asking for up to ``wait_s``; False if somebody else holds it."""
        deadline = time.monotonic() + wait_s
        while not self._try():
            if time.monotonic() >= deadline:
                return False
            time.sleep(LOCK_POLL_S)
        return True

    def _try(self) -> bool:
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno == errno.EWOULDBLOCK:  # held by another process: the one answer we asked for
                return False
            raise
        return True

    def close(self) -> None:
        """Let go; calling it again does nothing."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def _write_all(descriptor: int, data: bytes) -> None:
    """Write every byte: on a full disk a raw write returns a short count before it ever raises."""
    rest = memoryview(data)
    while rest:
        written = os.write(descriptor, rest)
        if written == 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        rest = rest[written:]


def _discard(path: Path) -> None:
    """Remove a temporary file after a failure; that failure matters more than one here."""
    with contextlib.suppress(OSError):
        path.unlink()
