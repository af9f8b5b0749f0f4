"""Logging: one line per event, as logfmt for people or JSON for machines, with the capture id as a field."""

import json
import logging
import os
import sys
from typing import Any, Literal

from packshot.platform.journal import journal_handler, syslog_level


def configure(level: str, form: Literal["auto", "text", "json"]) -> None:
    """Send the ``packshot`` loggers to the journal with fields where that can be had and ``form`` is "auto".

    Else to stderr; what systemd reads from there carries its priority as ``<N>``.
    """
    handler: logging.Handler | None = journal_handler(os.environ) if form == "auto" else None
    if handler:
        handler.setFormatter(LogfmtFormatter(prefix=False, time=False))
    else:
        handler = logging.StreamHandler(sys.stderr)
        prefix = "JOURNAL_STREAM" in os.environ
        handler.setFormatter(JsonFormatter() if form == "json" else LogfmtFormatter(prefix))
    logger = logging.getLogger("packshot")
    logger.handlers[:] = [handler]
    logger.setLevel(level.upper())
    logger.propagate = False


def quieten(name: str) -> None:
    """Keep a part's log to itself, for commands that report its trouble in their own words."""
    logging.getLogger(name).setLevel(logging.CRITICAL)


def event(logger: logging.Logger, text: str, level: int = logging.INFO, /, **fields: object) -> None:
    """Log one structured event; fields that are empty are left out."""
    logger.log(level, text, extra={"fields": {key: value for key, value in fields.items() if value not in ("", None)}})


class LogfmtFormatter(logging.Formatter):
    """``info capture cut capture=01... sku=A-1 ms=312``."""

    def __init__(self, prefix: bool, time: bool = True) -> None:
        super().__init__()
        self._prefix = prefix
        self._time = time

    def format(self, record: logging.LogRecord) -> str:
        """One line; line breaks inside values are escaped so that no value can forge a line."""
        start = self.formatTime(record, "%H:%M:%S ") if self._time else ""
        if self._prefix:
            start = f"<{syslog_level(record.levelno)}>"
        fields = "".join(f" {key}={_logfmt(value)}" for key, value in _fields(record).items())
        line = f"{start}{record.levelname.lower()} {_one_line(record.getMessage())}{fields}"
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


class JsonFormatter(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        """Time (seconds since the epoch), level, message and the event's fields."""
        entry = {"ts": round(record.created, 3), "level": record.levelname.lower(), "message": record.getMessage()}
        entry.update(_fields(record))
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return json.dumps(entry, default=str, ensure_ascii=False)


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    fields = record.__dict__.get("fields", {})
    return fields if isinstance(fields, dict) else {}


def _one_line(text: str) -> str:
    return text.replace("\r", "\\r").replace("\n", "\\n")


def _logfmt(value: Any) -> str:
    text = _one_line(f"{value:.1f}" if isinstance(value, float) else str(value))
    return json.dumps(text, ensure_ascii=False) if " " in text or '"' in text or "=" in text else text
