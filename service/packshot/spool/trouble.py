"""What the disk and SQLite complain about, as the error families of the house."""

import contextlib
import errno
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from packshot.errors import EXIT_SPOOL, PackshotError, RetryLater, SpoolError, SpoolFull

NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT})
SMALLEST_ROOM = 64 * 1024
"""With less free than SQLite's shared memory takes, a full disk looks to SQLite like one that fails."""
READ_ONLY = frozenset({errno.EROFS, errno.EACCES, errno.EPERM})


class SpoolBusy(RetryLater):
    """Another process holds the index for longer than we wait."""

    exit_code = EXIT_SPOOL


@contextlib.contextmanager
def translated(doing: str, root: Path) -> Iterator[None]:
    """Turn OSError and sqlite3.Error into SpoolFull, SpoolBusy or SpoolError with one line of text."""
    try:
        yield
    except OSError as error:
        raise from_os_error(error, doing, root) from error
    except sqlite3.Error as error:
        raise from_sqlite_error(error, doing, root) from error


def from_os_error(error: OSError, doing: str, root: Path) -> PackshotError:
    """The error to raise instead of ``error``."""
    where = error.filename or root
    if error.errno in NO_ROOM:
        return SpoolFull(f"no room to {doing} in {root}: the disk is full; free space or add a larger disk")
    if error.errno in READ_ONLY:
        return SpoolError(f"cannot {doing}: {where} is not writable ({error.strerror}); check its owner and the mount")
    if error.errno == errno.EIO:
        return SpoolError(f"cannot {doing}: the disk under {root} failed (I/O error); replace it or restart")
    return SpoolError(f"cannot {doing}: {where}: {error.strerror or error}; mend it, then restart")


def from_sqlite_error(error: sqlite3.Error, doing: str, root: Path) -> PackshotError:
    """The error to raise instead of ``error``."""
    code = primary_code(error)
    if code == sqlite3.SQLITE_FULL:
        return SpoolFull(f"no room to {doing} in {root}: the disk is full; free space or add a larger disk")
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return SpoolBusy(f"cannot {doing}: another process holds the index of {root}; end it or try again")
    if is_corruption(error):
        return SpoolError(f"cannot {doing}: the index of {root} is damaged; restart, it is rebuilt from the files")
    if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM):
        return SpoolError(f"cannot {doing}: the index of {root} is not writable ({error}); check owner and mount")
    if code == sqlite3.SQLITE_IOERR and shutil.disk_usage(root).free < SMALLEST_ROOM:
        return SpoolError(f"cannot {doing}: the disk is full under {root}; free space, then restart")
    return SpoolError(f"cannot {doing}: the index of {root} failed ({error}); check the disk, then restart")


def is_corruption(error: sqlite3.Error | UnicodeDecodeError) -> bool:
    """Whether SQLite says that its file is damaged or none of its files.

    Python raises UnicodeDecodeError when SQLite's complaint quotes the damaged bytes.
    """
    return isinstance(error, UnicodeDecodeError) or primary_code(error) in (
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_NOTADB,
    )


def is_unusable(error: sqlite3.Error | UnicodeDecodeError) -> bool:
    """Whether an index that only packshot writes is damaged: corrupt, or without what its schema always has."""
    return is_corruption(error) or (isinstance(error, sqlite3.Error) and primary_code(error) == sqlite3.SQLITE_ERROR)


def primary_code(error: sqlite3.Error) -> int:
    """SQLite's result code without the extension in the higher bits; 0 if there is none."""
    return int(getattr(error, "sqlite_errorcode", 0) or 0) & 0xFF
