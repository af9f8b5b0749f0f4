"""Events as fields of systemd's journal: ``journalctl PACKSHOT_CAPTURE=01...`` shows one capture's whole road."""

import logging
from collections.abc import Callable, Mapping
from pathlib import Path

SOCKET = Path("/run/systemd/journal/socket")
FIELD_PREFIX = "PACKSHOT_"


Send = Callable[..., object]
"""``systemd.journal.send``: the message, then fields by name in upper case."""


class JournalHandler(logging.Handler):
    """Sends each record with its priority, its logger's name and the fields of ``logs.event``."""

    def __init__(self, send: Send) -> None:
        super().__init__()
        self._send = send

    def emit(self, record: logging.LogRecord) -> None:
        """One journal entry; the text is the formatter's."""
        fields = record.__dict__.get("fields", {})
        try:
            ours = {f"{FIELD_PREFIX}{key.upper()}": _encodable(str(value)) for key, value in fields.items()}
            self._send(
                _encodable(self.format(record)),
                PRIORITY=str(syslog_level(record.levelno)),
                SYSLOG_IDENTIFIER="packshot",
                LOGGER=record.name,
                **ours,
            )
        except Exception:  # noqa: BLE001  as in the handlers of logging: what cannot be logged must not end the thread that logs
            self.handleError(record)


def _encodable(text: str) -> str:
    r"""Names of files may hold bytes that are no text, for Python lone surrogates; they become ``\udcff``."""
    return text.encode("utf-8", "backslashreplace").decode()


def syslog_level(level: int) -> int:
    """The priority of RFC 5424 for a level of ``logging``: 2 critical, 3 error, 4 warning, 6 information, 7 debug."""
    steps = ((logging.CRITICAL, 2), (logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6))
    return next((priority for floor, priority in steps if level >= floor), 7)


def journal_handler(environ: Mapping[str, str], socket: Path = SOCKET) -> JournalHandler | None:
    """A handler where systemd started us, its journal listens and systemd-python is installed; else None."""
    if "JOURNAL_STREAM" not in environ or not socket.exists():
        return None
    try:
        from systemd import journal
    except ImportError:
        return None
    return JournalHandler(journal.send)
