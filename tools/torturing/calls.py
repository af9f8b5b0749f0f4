"""strace on a running process: its calls as they are made, and one fault at the n-th call of a name in any thread."""

import re
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

TRACED = "mkdir,write,pwrite64,fsync,fdatasync,rename,unlink,rmdir,sendto,recvfrom"
LINE = re.compile(r"^(\d+) +(?:<\.\.\. )?(\w+)( resumed>|\()(.*)$")
OPEN_PATH = re.compile(r"^\d+<([^>]*)>")
NAMED_PATH = re.compile(r'^"([^"]*)"')
LET_GO_S = 10.0
TEXT = 120  # bytes of each message: enough for its topic


@dataclass(frozen=True)
class Call:
    """One call. ``begun`` is false for the second half of one that was interrupted: it brings data, it is no entry."""

    thread: int
    name: str
    text: str
    begun: bool = True

    @property
    def path(self) -> str:
        """The file or folder it is about, "" if none."""
        match = OPEN_PATH.match(self.text) or NAMED_PATH.match(self.text)
        return match[1] if match else ""


class NobodyThere(Exception):
    """The process ended by itself before strace could look at it."""


@dataclass(frozen=True)
class Shot:
    """The ``when``-th entry (from 1) of ``call`` in one thread."""

    call: str
    when: int


def read_calls(log: Path) -> list[Call]:
    """Every call of a log, in order."""
    return list(_parse(log.read_text("utf-8", "replace"))) if log.exists() else []


def _parse(text: str) -> Iterator[Call]:
    for line in text.splitlines():
        match = LINE.match(line)
        if match:
            yield Call(int(match[1]), match[2], match[4], begun=match[3] == "(")


def find_shot(calls: list[Call], shot: Shot) -> int | None:
    """The index of the call that the shot hits first, as strace counts: per thread."""
    counts: Counter[int] = Counter()
    for index, call in enumerate(calls):
        if call.begun and call.name == shot.call:
            counts[call.thread] += 1
            if counts[call.thread] == shot.when:
                return index
    return None


class Tracer:
    """strace attached to a process for as long as the ``with`` lasts; without a shot it only looks."""

    def __init__(self, pid: int, log: Path, shot: Shot | None = None, fault: str = "signal=KILL") -> None:
        self._log = log
        inject = ["-e", f"inject={shot.call}:{fault}:when={shot.when}"] if shot else []
        self._arguments = ["strace", "-f", "-y", "-s", str(TEXT), "-e", f"trace={TRACED}", *inject]
        self._arguments += ["-o", str(log), "-p", str(pid)]

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(self._arguments, stderr=subprocess.PIPE)
        assert self._process.stderr is not None
        line = self._process.stderr.readline()
        if b"attached" not in line:
            self._process.wait(10)
            raise NobodyThere(f"strace cannot attach: {line.decode(errors='replace').strip()}")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._process.terminate()
        try:
            self._process.communicate(timeout=LET_GO_S)
        except subprocess.TimeoutExpired:  # strace 6.1 may wait for ever for a thread of a process that it has killed
            self._process.kill()
            self._process.communicate()

    @property
    def injected(self) -> bool:
        """Whether an error has been injected so far."""
        return self._log.exists() and "(INJECTED)" in self._log.read_text("utf-8", "replace")

    def wait(self, timeout_s: float) -> bool:
        """Whether the process, and so strace, ended within that time."""
        give_up_at = time.monotonic() + timeout_s
        while self._process.poll() is None and time.monotonic() < give_up_at:
            time.sleep(0.01)
        return self._process.poll() is not None
