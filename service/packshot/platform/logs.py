"""Logging: one line per event, as logfmt for people or JSON for machines, with the capture id as a field."""

import json
import logging
import os
import sys
from typing import Any, Literal

_SYSLOG_LEVEL = {logging.DEBUG: 7, logging.INFO: 6, logging.WARNING: 4, logging.ERROR: 3, logging.CRITICAL: 2}


def configure(level: str, form: Literal["auto", "text", "json"]) -> None:
    """Send the ``packshot`` loggers to stderr; under journald lines carry their priority as ``<N>``."""
    handler = logging.StreamHandler(sys.stderr)
    formatter = JsonFormatter() if form == "json" else LogfmtFormatter(prefix="JOURNAL_STREAM" in os.environ)
    handler.setFormatter(formatter)
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

    def __init__(self, prefix: bool) -> None:
        super().__init__()
        self._prefix = prefix

    def format(self, record: logging.LogRecord) -> str:
        """One line; line breaks inside values are escaped so that no value can forge a line."""
        start = f"<{_SYSLOG_LEVEL.get(record.levelno, 6)}>" if self._prefix else self.formatTime(record, "%H:%M:%S ")
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
