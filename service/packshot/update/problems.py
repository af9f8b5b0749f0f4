"""Why an update does not happen, each with the slug that ``--json`` prints."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from packshot.errors import EXIT_DEVICE, EXIT_NETWORK, EXIT_SPOOL, PackshotError, RetryLater, StopDaemon


class UpdateRefused(StopDaemon):
    """What was offered is not what the signed metadata says, or not for this box."""

    reason = "refused"


class UpdateUnreachable(RetryLater):
    """The repository cannot be reached or broke off; the next attempt goes on from there."""

    reason = "network"
    exit_code = EXIT_NETWORK


class UpdateNoRoom(RetryLater):
    """A file of the update cannot be written."""

    reason = "disk"
    exit_code = EXIT_SPOOL


class UpdateBusy(RetryLater):
    """Another updater is at work, a capture is in hand, or nobody starts the daemon."""

    reason = "busy"


class UpdateClockWrong(RetryLater):
    """The clock cannot be right, so nobody can tell whether metadata has expired."""

    reason = "clock"


class UpdateUnhealthy(RetryLater):
    """The new release did not pass its tests; the old one runs."""

    reason = "health"
    exit_code = EXIT_DEVICE


def reason_of(error: PackshotError) -> str:
    """The slug of an error: those above, "config" for usage and configuration, else "other"."""
    return str(getattr(error, "reason", "config" if error.exit_code == 2 else "other"))


@contextmanager
def disk_errors(what: str) -> Iterator[None]:
    """An OSError inside becomes UpdateNoRoom in one line that says what could not be written and what to do."""
    try:
        yield
    except OSError as error:
        raise UpdateNoRoom(f"{what}: {error.filename or 'disk'}: {error.strerror}; {_advice(error)}") from error


def _advice(error: OSError) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "make room and run it again"
    if error.errno in (errno.EACCES, errno.EPERM):
        return "run it as root"
    if error.errno == errno.EROFS:
        return "remount it writable and run it again"
    return "look at the disk, then run it again"
