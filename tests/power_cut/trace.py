"""Run something under strace and read back, call by call, what it did to the files below one folder."""

import os
import re
import shutil
import subprocess
import tempfile
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, NoReturn

import pytest

CALLS = (
    "write",
    "pwrite64",
    "ftruncate",
    "fsync",
    "fdatasync",
    "rename",
    "renameat",
    "renameat2",
    "link",
    "linkat",
    "mkdir",
    "mkdirat",
    "unlink",
    "unlinkat",
    "rmdir",
    "openat",
)
LINE = re.compile(r"^\d+ +(\w+)\((.*)\) += (-?\d+)(.*)$")
TEXT = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')
DESCRIPTOR = re.compile(r"^(?:\d+|AT_FDCWD)<((?:\\x[0-9a-f]{2})*)>")
NUMBER = re.compile(r"(-?\d+)$")

needs_strace = pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed (apt install strace)")


@dataclass(frozen=True)
class Call:
    """One successful system call on files; ``path`` is absolute, ``to`` the new name of a rename or link.

    ``data`` and ``offset`` are those of a write (offset None: at the end), ``offset`` also the length of a truncation.
    ``creates`` is true for an open that may create the file.
    """

    name: str
    path: Path
    to: Path | None = None
    data: bytes = b""
    offset: int | None = None
    creates: bool = False


@dataclass(frozen=True)
class Ended:
    """How a process ended: exit code (negative: the signal that killed it), and all it said."""

    code: int
    stdout: bytes
    stderr: bytes


def run(act: Callable[[], int], *strace_options: str) -> Ended:
    """Do ``act`` in a forked process, under strace if there are options for it; its result is the exit code.

    Forking spares the thousands of calls of starting Python, and strace counts from the act's first call.
    """
    with tempfile.TemporaryFile() as stdout, tempfile.TemporaryFile() as stderr:
        gate, opener = os.pipe()
        child = os.fork()
        if child == 0:
            _be_the_child(act, gate, stdout.fileno(), stderr.fileno())
        tracer = _attach(child, strace_options) if strace_options else None
        os.write(opener, b"go")
        _, status = os.waitpid(child, 0)
        if tracer:
            tracer.communicate(timeout=30)
        os.close(gate)
        os.close(opener)
        return Ended(os.waitstatus_to_exitcode(status), *(_all_of(file) for file in (stdout, stderr)))


def _be_the_child(act: Callable[[], int], gate: int, stdout: int, stderr: int) -> NoReturn:
    code = 70
    try:
        os.dup2(stdout, 1)
        os.dup2(stderr, 2)
        os.read(gate, 2)
        code = act()
    except BaseException:
        os.write(2, traceback.format_exc().encode())
    finally:
        os._exit(code)


def _attach(child: int, options: Sequence[str]) -> subprocess.Popen[bytes]:
    """Put strace on a process that waits; it counts from here on."""
    tracer = subprocess.Popen(["strace", "-f", "-p", str(child), *options], stderr=subprocess.PIPE)
    assert tracer.stderr is not None
    line = tracer.stderr.readline()
    assert b"attached" in line, line
    return tracer


def _all_of(file: IO[bytes]) -> bytes:
    file.seek(0)
    return file.read()


def record(act: Callable[[], int], log: Path) -> list[Call]:
    """Do ``act`` to its end and return its calls in order; the words it said are writes to ``/dev/stdout``."""
    return list(parse(logged(act, log)))


def logged(act: Callable[[], int], log: Path) -> str:
    """The log of ``act`` done to its end, as ``parse`` and ``moments`` read it."""
    done = run(act, "-y", "-xx", "-s", str(1 << 20), "-o", str(log), "-e", f"trace={','.join(CALLS)}")
    assert done.code == 0, done.stderr.decode()
    return log.read_text()


def parse(log: str) -> Iterator[Call]:
    """The successful calls of an strace log made with ``-y -xx``."""
    for line in log.splitlines():
        match = LINE.match(line)
        if match and int(match[3]) >= 0:
            call = _call(match[1], match[2])
            if call:
                yield call


def _call(name: str, arguments: str) -> Call | None:
    texts = [_decode(text) for text in TEXT.findall(arguments)]
    folder = DESCRIPTOR.match(arguments)
    base = Path(_decode(folder[1]).decode(errors="replace")) if folder else Path()
    paths = [base / text.decode(errors="replace") for text in texts]
    number = NUMBER.search(arguments)
    if name == "write":
        return Call(name, Path("/dev/stdout") if arguments.startswith("1<") else base, data=texts[0])
    if name == "pwrite64":
        return Call("write", base, data=texts[0], offset=int(number[1]) if number else 0)
    if name == "ftruncate":
        return Call(name, base, offset=int(number[1]) if number else 0)
    if name in ("fsync", "fdatasync"):
        return Call("fsync", base)
    if name.startswith("rename"):
        return Call("rename", paths[0], to=paths[1])
    if name.startswith("link"):
        return Call("link", paths[0], to=paths[1])
    if name.startswith("mkdir"):
        return Call("mkdir", paths[0])
    if name.startswith("unlink") or name == "rmdir":
        return Call("unlink", paths[0])
    return Call("open", paths[0], creates=True) if "O_CREAT" in arguments else None


def _decode(text: str) -> bytes:
    return bytes.fromhex(text.replace("\\x", ""))


@dataclass(frozen=True)
class Moment:
    """The ``number``-th (from 1) call of this name in a process, counted as strace's ``when`` does."""

    call: str
    number: int
    file: str


def moments(log: str, since: str = "begin", until: str = "ack") -> list[Moment]:
    """Every call of an strace log between two words that the process said, the second included."""
    counts: dict[str, int] = {}
    found: list[Moment] = []
    begun = False
    for name, arguments in re.findall(r"^\d+ +(\w+)\((.*)\) += ", log, re.MULTILINE):
        counts[name] = counts.get(name, 0) + 1
        word = _said(name, arguments)
        paths = [
            _decode(text).decode(errors="replace") for text in re.findall(r"[<\"]((?:\\x[0-9a-f]{2})*)[>\"]", arguments)
        ]
        if begun and name != "openat":
            found.append(Moment(name, counts[name], word or paths[0].rpartition("/")[2]))
        begun = begun or word == since
        if begun and word == until:
            return found
    raise AssertionError(f"the process never said {since} and {until}")


def _said(name: str, arguments: str) -> str:
    if name != "write" or not arguments.startswith("1<"):
        return ""
    return _decode(TEXT.findall(arguments)[0]).decode().strip()
