"""Run a program under strace and read back, call by call, what it did to the files below one folder."""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
CALLS = (
    "write",
    "pwrite64",
    "ftruncate",
    "fsync",
    "fdatasync",
    "rename",
    "renameat",
    "renameat2",
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
    """One successful system call on files; ``path`` is absolute, ``to`` the new name of a rename.

    ``data`` and ``offset`` are those of a write (offset None: at the end), ``offset`` also the length of a truncation.
    ``creates`` is true for an open that may create the file.
    """

    name: str
    path: Path
    to: Path | None = None
    data: bytes = b""
    offset: int | None = None
    creates: bool = False


def driver(root: Path, step: str) -> list[str]:
    """The command line of one step in a process of its own."""
    return [sys.executable, "-m", "tests.power_cut.driver", str(root), step]


def run(command: Sequence[str], *strace_options: str) -> subprocess.CompletedProcess[bytes]:
    """Run the command in the repository's root, under strace if there are options for it."""
    environment = {
        "PYTHONPATH": f"{REPOSITORY / 'service'}:{REPOSITORY}",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PATH": "/usr/bin:/bin",
    }
    wrapper = ["strace", "--seccomp-bpf", "-f", "-qq", *strace_options] if strace_options else []
    return subprocess.run([*wrapper, *command], cwd=REPOSITORY, env=environment, capture_output=True, timeout=120)


def record(command: Sequence[str], log: Path) -> list[Call]:
    """Run the command to its end and return its calls in order; the words it said are writes to ``/dev/stdout``."""
    done = run(command, "-y", "-xx", "-s", str(1 << 20), "-o", str(log), "-e", f"trace={','.join(CALLS)}")
    assert done.returncode == 0, done.stderr.decode()
    return list(parse(log.read_text()))


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
    if name.startswith("mkdir"):
        return Call("mkdir", paths[0])
    if name.startswith("unlink") or name == "rmdir":
        return Call("unlink", paths[0])
    return Call("open", paths[0], creates=True) if "O_CREAT" in arguments else None


def _decode(text: str) -> bytes:
    return bytes.fromhex(text.replace("\\x", ""))
