"""Fuzzing beside the other tests, on what they leave idle of the processors."""

import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]


class Beside:
    """One process for each target; ``close`` ends what is left."""

    def __init__(self, names: Sequence[str], seconds: float) -> None:
        self._seconds = seconds
        self._enough_at = 0.0
        self._processes = {name: self._start(name) for name in names}

    def outcome(self, name: str) -> tuple[int, str]:
        """Exit code and output, when the target has had its time, or so long after the first question."""
        process = self._processes[name]
        self._enough_at = self._enough_at or time.monotonic() + self._seconds
        try:
            said, _ = process.communicate(timeout=max(0.0, self._enough_at - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.terminate()
            said, _ = process.communicate()
        return process.returncode, said

    def close(self) -> None:
        for process in self._processes.values():
            process.kill()
            process.communicate()

    def _start(self, name: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "tools.fuzzing", "--behind", "--seconds", str(self._seconds), name]
        return subprocess.Popen(
            command, cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
        )
