"""Counts attempts that killed the process: a job that did so too often must not be tried for ever."""

import json
from contextlib import suppress
from pathlib import Path

from packshot.errors import SpoolFull


class Attempts:
    """A small file names the job in hand; whoever finds it at start knows what the last process died of.

    It needs to outlive a crash, not a power cut, so it is not flushed.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def begin(self, job: str) -> int:
        """Note that ``job`` is in hand; returns which attempt this is, from 1. Raises SpoolFull on a full disk."""
        before = self._read()
        count = before[1] + 1 if before[0] == job else 1
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._path.write_text(json.dumps([job, count]), "utf-8")
        except OSError as error:
            raise SpoolFull(f"{self._path} cannot be written: {error.strerror}; make room") from error
        return count

    def survived(self) -> None:
        """The job is done, or has failed without harm."""
        with suppress(OSError):  # at worst the same job is counted once too often
            self._path.unlink(missing_ok=True)

    def _read(self) -> tuple[str, int]:
        try:
            job, count = json.loads(self._path.read_text("utf-8"))
            return str(job), int(count)
        except (OSError, ValueError, TypeError):
            return "", 0
