"""Wall clock that knows whether it is right, monotonic clock, RFC 3339.

Many boards have no battery-backed clock and start in 1970. Ids and order never depend on wall time, and nothing
expires before ``synchronised`` is true.
"""

import ctypes
import re
import time
from datetime import UTC, datetime, timedelta
from typing import Protocol

from packshot.platform.procfs import HostFiles

SYNCHRONISED_MARK = "run/systemd/timesync/synchronized"
BOARD_MARK = "proc/device-tree/model"  # Raspberry Pi, Jetson: no battery behind the clock as they come
EARLIEST_MS = 1_735_689_600_000  # 2025-01-01, before the first release: an earlier clock is wrong
CLOCK_STATES_IN_STEP = range(5)  # TIME_OK .. TIME_WAIT of adjtimex(2); 5 is TIME_ERROR: not synchronised
TIMEX_BYTES = 512  # struct timex takes 208 bytes on 64-bit Linux; zeroed, its ``modes`` of 0 only asks

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)
RFC_3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII)


class Clock(Protocol):
    """The time as the box knows it."""

    def now_ms(self) -> int:
        """Wall clock: milliseconds since 1970 in UTC, right or not."""

    def synchronised(self) -> bool:
        """Whether the wall clock was set from a source that knows the time."""

    def monotonic_ms(self) -> int:
        """Milliseconds since some moment in the past; never goes back, unrelated between two boots."""


class SystemClock:
    """The machine's clock. ``trusted`` is for boards with a battery-backed clock and no network time."""

    def __init__(self, host: HostFiles | None = None, trusted: bool = False) -> None:
        self._host = host or HostFiles()
        self._trusted = trusted

    def now_ms(self) -> int:
        """Wall clock: milliseconds since 1970 in UTC, right or not."""
        return time.time_ns() // 1_000_000

    def synchronised(self) -> bool:
        """True when the date is plausible and somebody answers for it.

        That is the operator (``trusted``), systemd-timesyncd's mark, the kernel when some daemon keeps it in step, or
        the kind of machine: PCs and virtual machines have a battery-backed or a host's clock, boards do not.
        """
        if self.now_ms() < EARLIEST_MS:
            return False
        if self._trusted or self._host.exists(SYNCHRONISED_MARK) or not self._host.exists(BOARD_MARK):
            return True
        return kernel_clock_in_step()

    def monotonic_ms(self) -> int:
        """Milliseconds since some moment in the past."""
        return time.monotonic_ns() // 1_000_000


def kernel_clock_in_step() -> bool:
    """Whether adjtimex(2) reports a synchronised clock; False where a sandbox forbids to ask."""
    answer = ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.create_string_buffer(TIMEX_BYTES))
    return answer in CLOCK_STATES_IN_STEP


def rfc3339(ms: int) -> str:
    """Milliseconds since 1970 as RFC 3339 in UTC with milliseconds.

    >>> rfc3339(0)
    '1970-01-01T00:00:00.000Z'
    """
    return (EPOCH + ms * MILLISECOND).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse_rfc3339(text: str) -> int:
    """Milliseconds since 1970 of an RFC 3339 time; ValueError if it is none or lacks its zone.

    >>> parse_rfc3339("2024-02-29T12:00:00+01:00")
    1709204400000
    """
    if not RFC_3339.fullmatch(text):
        raise ValueError(f"{text[:40]!r} is not an RFC 3339 time with date, time and zone")
    return round((datetime.fromisoformat(text.upper()) - EPOCH) / MILLISECOND)
