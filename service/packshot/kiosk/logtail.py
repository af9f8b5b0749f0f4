"""The last lines of the daemon's log, for the admin page; without secrets."""

import logging
import threading
from collections import deque
from datetime import UTC, datetime
from secrets import token_hex

import msgspec

from packshot.platform.logs import LogfmtFormatter
from packshot.redaction import hide_secrets

LINES = 500


class LogLine(msgspec.Struct):
    """One line; ``number`` counts from the start of the daemon."""

    number: int
    at: str
    level: str
    text: str


class LogTail(logging.Handler):
    """Keeps what the ``packshot`` loggers say from ``attach`` to ``detach``; ``run`` tells it from another daemon's."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.setFormatter(LogfmtFormatter(prefix=False, time=False))
        self.run = token_hex(4)
        self._lines: deque[LogLine] = deque(maxlen=LINES)
        self._count = 0
        self._guard = threading.Lock()

    def attach(self) -> None:
        """Begin to keep lines."""
        logging.getLogger("packshot").addHandler(self)

    def detach(self) -> None:
        """Stop."""
        logging.getLogger("packshot").removeHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one line."""
        text = hide_secrets(self.format(record))
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        with self._guard:
            self._count += 1
            self._lines.append(LogLine(self._count, at, record.levelname.lower(), text))

    def after(self, number: int) -> list[LogLine]:
        """The lines later than number ``number``, oldest first."""
        with self._guard:
            return [line for line in self._lines if line.number > number]
