"""Environments: a venv at its final path, filled by pip from hashed wheels alone, and what a release says of itself."""

import grp
import os
import pwd
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

import msgspec
from msgspec import Struct

from packshot.update.problems import UpdateRefused

BUILD_S = 1800.0
SELFTEST_S = 180.0
DAEMON_USER = "packshot"
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class Part(Struct, frozen=True):
    """One line of ``packshot selftest --json``."""

    part: str
    ok: bool
    text: str = ""


class Builder(Protocol):
    """What has to run to make a slot and to try it."""

    def build(self, slot: Path, wheels: Mapping[Path, str], site_packages: bool, own: bool) -> None:
        """A venv in ``slot`` with exactly these wheels (path to sha256); raises UpdateRefused.

        ``site_packages``: the system's packages are seen, too. ``own``: it is the updater's, so with pip, and without
        what packshot needs to make pictures; else pip checks that nothing is missing.
        """

    def selftest(self, slot: Path, parts: Sequence[str], calm: bool) -> list[Part]:
        """What the release in ``slot`` says of its parts; never raises.

        ``calm``: beside a daemon that serves, so without its accelerator and camera.
        """

    def answers(self, slot: Path, *arguments: str) -> str:
        """Empty if ``packshot ARGUMENTS`` of that slot exits 0, else what it said."""


class VenvBuilder:
    """The real one. ``scratch`` is where pip unpacks: /tmp may be too small for it."""

    def __init__(self, scratch: Path) -> None:
        self._scratch = scratch

    def build(self, slot: Path, wheels: Mapping[Path, str], site_packages: bool, own: bool) -> None:
        """See ``Builder.build``."""
        options = [*(["--system-site-packages"] if site_packages else []), *([] if own else ["--without-pip"])]
        python = os.path.realpath(sys.executable)
        self._run("the environment", [python, "-m", "venv", *options, str(slot)])
        requirements = self._scratch / "requirements.txt"
        requirements.write_text("".join(f"{wheel} --hash=sha256:{digest}\n" for wheel, digest in wheels.items()))
        pip = [sys.executable, "-m", "pip", "--python", str(slot / "bin/python"), "--isolated", "install", "-q"]
        pip += ["--disable-pip-version-check", "--no-cache-dir", "--no-index", "--require-hashes"]
        pip += ["--only-binary", ":all:", *(["--no-deps"] if own else []), "-r", str(requirements)]
        self._run("its packages", pip)

    def selftest(self, slot: Path, parts: Sequence[str], calm: bool) -> list[Part]:
        """See ``Builder.selftest``."""
        command = [str(slot / "bin/packshot"), "selftest", "--json", *(f"--part={part}" for part in parts)]
        if calm:
            command.append("--cpu")
        try:
            done = self._call(command, SELFTEST_S, as_daemon=True)
        except (OSError, subprocess.TimeoutExpired) as error:
            return [Part(part, False, f"the selftest did not end: {error}") for part in parts]
        found = {part.part: part for part in map(_part, done.stdout.splitlines()) if part}
        said = last_line(done.stderr) or f"exit code {done.returncode}"
        return [found.get(part) or Part(part, False, f"the selftest said nothing of it: {said}") for part in parts]

    def answers(self, slot: Path, *arguments: str) -> str:
        """See ``Builder.answers``."""
        try:
            done = self._call([str(slot / "bin/packshot"), *arguments], SELFTEST_S)
        except (OSError, subprocess.TimeoutExpired) as error:
            return str(error)
        return "" if done.returncode == 0 else last_line(done.stderr) or f"exit code {done.returncode}"

    def _run(self, what: str, command: Sequence[str]) -> None:
        try:
            done = self._call(command, BUILD_S)
        except subprocess.TimeoutExpired as error:
            raise UpdateRefused(f"{what} was not built in {BUILD_S / 60:.0f} minutes; is the disk broken?") from error
        if done.returncode:
            lines = [line for line in done.stderr.splitlines() if line.startswith("ERROR:")]
            said = " ".join(lines[:3]) or last_line(done.stderr) or last_line(done.stdout)
            if "No space left" in done.stderr + done.stdout:
                raise OSError(28, "No space left on device", str(self._scratch))
            raise UpdateRefused(f"{what} cannot be built: {said}")

    def _call(
        self, command: Sequence[str], timeout_s: float, as_daemon: bool = False
    ) -> subprocess.CompletedProcess[str]:
        self._scratch.mkdir(exist_ok=True)
        environment = {"PATH": PATH, "LC_ALL": "C.UTF-8", "TMPDIR": str(self._scratch), "PYTHONNOUSERSITE": "1"}
        user, group, groups = _daemon_identity() if as_daemon else (None, None, None)
        if user is not None:
            environment["TMPDIR"] = "/tmp"  # noqa: S108 - the scratch folder is root's
        return subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout_s,
            env=environment,
            cwd="/",
            check=False,
            user=user,
            group=group,
            extra_groups=groups,
        )


def last_line(text: str) -> str:
    """The last line that says something."""
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "")


def _part(line: str) -> Part | None:
    try:
        return msgspec.json.decode(line, type=Part)
    except msgspec.DecodeError:
        return None


def _daemon_identity() -> tuple[int | None, int | None, list[int] | None]:
    """User and groups of the daemon, so that a test of devices and spool meets the same doors; None if not root."""
    if os.geteuid() != 0:
        return None, None, None
    try:
        user = pwd.getpwnam(DAEMON_USER)
    except KeyError:
        return None, None, None
    groups = {group.gr_gid for group in grp.getgrall() if DAEMON_USER in group.gr_mem}
    return user.pw_uid, user.pw_gid, sorted(groups)
