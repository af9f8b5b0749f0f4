"""A USB barcode scanner that types: read from its own input device, so that no console sees the keys.

The kernel's ``struct input_event`` and EVIOCGRAB (linux/input.h) are all that is needed; scanners type US keys.
"""

import fcntl
import os
import selectors
import struct
import threading
from collections.abc import Callable, Sequence
from types import MappingProxyType

from packshot.domain import check_sku
from packshot.errors import BadMessage
from packshot.trigger.port import Fire, TriggerAction

EVENT = struct.Struct("llHHi")  # seconds, microseconds, type, code, value
EV_SYN, EV_KEY = 0, 1
SYN_DROPPED = 3  # whoever reads too slowly is told so, in place of the events that had no more room
KEY_UP, KEY_DOWN = 0, 1
EVIOCGRAB = 0x40044590
SHIFTS = frozenset({42, 54})
ENTERS = frozenset({28, 96})
LONGEST_CODE = 256
RETRY_S = 3.0


def _row(first: int, plain: str, shifted: str) -> dict[int, tuple[str, str]]:
    return {first + place: pair for place, pair in enumerate(zip(plain, shifted, strict=True))}


KEYS = MappingProxyType(
    {
        **_row(2, "1234567890-=", "!@#$%^&*()_+"),
        **_row(16, "qwertyuiop[]", "QWERTYUIOP{}"),
        **_row(30, "asdfghjkl;'`", 'ASDFGHJKL:"~'),
        **_row(43, "\\zxcvbnm,./", "|ZXCVBNM<>?"),
        **_row(57, " ", " "),
    }
)


class Typed:
    """Key events to lines."""

    def __init__(self) -> None:
        self._line = ""
        self._shift = False
        self._torn = False

    def event(self, kind: int, code: int, value: int) -> str | None:
        """The line that an event completes, None for all others; empty lines are none.

        Raises BadMessage in place of a line of which keys were lost.
        """
        if (kind, code) == (EV_SYN, SYN_DROPPED):
            self._torn, self._shift = True, False
        if kind != EV_KEY:
            return None
        if code in SHIFTS:
            self._shift = value != KEY_UP
        elif value == KEY_DOWN and code in ENTERS:
            return self._ended() or None
        elif value == KEY_DOWN and code in KEYS:
            self._line = (self._line + KEYS[code][self._shift])[-LONGEST_CODE:]
        return None

    def _ended(self) -> str:
        line, self._line = self._line, ""
        torn, self._torn = self._torn, False
        if torn:
            raise BadMessage("keys of a code were lost, the computer was too busy to read them; scan it again")
        return line


class ScannerTrigger:
    """Fires a capture with the scanned SKU; an unplugged scanner is a problem and used again once it is back."""

    def __init__(self, device: str, *, grab: Callable[[int], None] | None = None) -> None:
        """``device`` is best a path below /dev/input/by-id/, which stays the same when scanners are re-plugged."""
        self._device = device
        self._grab = grab or _grab
        self._problem = ""
        self._refused = False
        self._stop_read, self._stop_write = os.pipe()
        self._thread: threading.Thread | None = None

    @property
    def problem(self) -> str:
        """Why nothing can be scanned, or what was wrong with the last code."""
        return self._problem

    @property
    def refused(self) -> bool:
        """Whether the last code was no SKU."""
        return self._refused

    def start(self, fire: Fire) -> None:
        """Begin to read."""
        self._thread = threading.Thread(target=self._work, args=(fire,), name="trigger scanner", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop reading and give the scanner back."""
        if self._stop_write < 0:
            return
        os.close(self._stop_write)
        self._stop_write = -1
        if self._thread is not None:
            self._thread.join()
        os.close(self._stop_read)

    def _work(self, fire: Fire) -> None:
        while True:
            try:
                self._read_device(fire)
            except OSError as error:
                self._problem = f"scanner {self._device} cannot be read ({error.strerror}); plug it in"
            if self._stopped_within(RETRY_S):
                return

    def _read_device(self, fire: Fire) -> None:
        """Read until the scanner is pulled (OSError) or we are stopped."""
        descriptor = os.open(self._device, os.O_RDONLY | os.O_NONBLOCK)
        try:
            self._grab(descriptor)
            self._problem = ""
            typed = Typed()
            while self._wait_for(descriptor):
                for _, _, *event in EVENT.iter_unpack(_whole_events(descriptor)):
                    self._take(typed, event, fire)
        finally:
            os.close(descriptor)

    def _take(self, typed: Typed, event: Sequence[int], fire: Fire) -> None:
        try:
            line = typed.event(*event)
            if line is None:
                return
            sku = check_sku(line)
        except BadMessage as error:
            self._problem, self._refused = str(error), True
            return
        self._problem = ""
        fire(TriggerAction.CAPTURE, sku)
        self._refused = False

    def _wait_for(self, descriptor: int) -> bool:
        """Wait for events; False when we are stopped."""
        with selectors.PollSelector() as selector:
            selector.register(descriptor, selectors.EVENT_READ)
            selector.register(self._stop_read, selectors.EVENT_READ)
            return all(key.fd != self._stop_read for key, _ in selector.select())

    def _stopped_within(self, seconds: float) -> bool:
        with selectors.PollSelector() as selector:
            selector.register(self._stop_read, selectors.EVENT_READ)
            return bool(selector.select(seconds))


def _whole_events(descriptor: int) -> bytes:
    """What is there to read; the kernel hands out whole events only. OSError at the end, as when unplugged."""
    data = os.read(descriptor, EVENT.size * 64)
    if not data:
        raise OSError(0, "it has gone")
    return data[: len(data) // EVENT.size * EVENT.size]


def _grab(descriptor: int) -> None:
    fcntl.ioctl(descriptor, EVIOCGRAB, 1)
