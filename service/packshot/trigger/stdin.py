"""Lines on standard input as the trigger: each is a SKU, an empty one a capture without, "!plate" the empty scene."""

import os
import selectors
import threading

from packshot.domain import check_sku
from packshot.errors import BadMessage
from packshot.trigger.port import Fire, TriggerAction

PLATE = "!plate"
LONGEST_LINE = 4096


class StdinTrigger:
    """Reads a file descriptor. A line that is no SKU, and the end of the input, are problems to read, not faults."""

    def __init__(self, descriptor: int = 0) -> None:
        """``descriptor`` is read from and left open."""
        self._descriptor = descriptor
        self._wake_read, self._wake_write = os.pipe()
        self._thread: threading.Thread | None = None
        self._problem = ""

    @property
    def problem(self) -> str:
        """What was wrong with the last line, or that there will be no more."""
        return self._problem

    def start(self, fire: Fire) -> None:
        """Begin to read."""
        self._thread = threading.Thread(target=self._read, args=(fire,), name="trigger stdin", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop reading, also in the middle of a line."""
        if self._wake_write < 0:
            return
        os.close(self._wake_write)
        self._wake_write = -1
        if self._thread is not None:
            self._thread.join()
        os.close(self._wake_read)

    def _read(self, fire: Fire) -> None:
        rest = b""
        while self._wait():
            chunk = os.read(self._descriptor, LONGEST_LINE)
            if not chunk:
                if rest:  # the last line need not be ended
                    self._take(rest, fire)
                self._problem = "standard input has ended; no more captures from there"
                return
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                self._take(line, fire)
            rest = rest[-LONGEST_LINE:]

    def _wait(self) -> bool:
        """Wait for input; False when closed."""
        with selectors.PollSelector() as selector:
            selector.register(self._descriptor, selectors.EVENT_READ)
            selector.register(self._wake_read, selectors.EVENT_READ)
            return all(key.fd != self._wake_read for key, _ in selector.select())

    def _take(self, line: bytes, fire: Fire) -> None:
        text = line.decode("utf-8", "replace").strip()
        if text == PLATE:
            fire(TriggerAction.PLATE, "")
            return
        try:
            sku = check_sku(text)
        except BadMessage as error:
            self._problem = str(error)
            return
        self._problem = ""
        fire(TriggerAction.CAPTURE, sku)
