"""The daemon as systemd and its own state file show it; stopping and starting it."""

import fcntl
import logging
import os
import socket
import subprocess
import time
from collections.abc import Collection, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import msgspec
from msgspec import Struct

from packshot.update.layout import Layout
from packshot.update.problems import UpdateBusy

log = logging.getLogger(__name__)

UNIT = "packshotd.service"
OTHERS = ("packshot-uploader.service", "packshot-kiosk.service")
LOCK_POLL_S = 0.1
CALL_S = 200.0
CONNECT_S = 5.0
LARGEST_STATE = 1 << 20
SYSTEM_PACKAGES = ("libcamera0*", "libedgetpu1*", "python3-picamera2", "raspi-firmware", "nvidia-l4t-core")
RELOADS: dict[str, list[tuple[str, ...]]] = {
    "sysusers.d": [("systemd-sysusers",)],
    "tmpfiles.d": [("systemd-tmpfiles", "--create")],
    "udev": [("udevadm", "control", "--reload"), ("udevadm", "trigger", "--subsystem-match=usb")],
    "systemd": [("systemctl", "daemon-reload")],
}


class DaemonState(Struct, frozen=True):
    """What the health gate reads of ``/run/packshot/state.json``."""

    version: str = ""
    pid: int = 0
    engine: str = ""
    degraded: tuple[str, ...] = ()  # "part: what is wrong"

    @property
    def ill(self) -> frozenset[str]:
        """The parts that have a problem."""
        return frozenset(line.partition(":")[0] for line in self.degraded)


@dataclass(frozen=True)
class Running:
    """``active``: READY=1 was said. ``starting``: it is about to be, or systemd tries again. ``up_s`` since READY."""

    active: bool
    starting: bool = False
    pid: int = 0
    up_s: float = 0.0
    restarts: int = 0


class Service(Protocol):
    """The daemon's supervisor."""

    def running(self) -> Running:
        """How the daemon does."""

    def daemon_state(self) -> DaemonState | None:
        """What it last said of itself, None if it has not yet."""

    def stop(self) -> None:
        """End the daemon; a capture in hand is finished first."""

    def start(self) -> None:
        """Start the daemon without waiting for READY."""

    def follow(self) -> None:
        """Let the units beside the daemon, where they run, change over to the same release."""

    def reload(self, folders: Collection[str]) -> None:
        """Take up changed files of these folders of ``deploy/``."""

    def between_captures(self, wait_s: float) -> AbstractContextManager[None]:
        """A moment without a capture in hand; raises UpdateBusy if none comes."""

    def reaches(self, host: str, port: int) -> bool:
        """Whether somebody answers there."""

    def system(self) -> str:
        """Versions of what is the system's and not the slot's: kernel, camera and accelerator packages, firmware."""


class SystemdService:
    """systemctl, and the files that the daemon keeps in /run/packshot."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout

    def running(self) -> Running:
        """How the daemon does."""
        names = ("ActiveState", "SubState", "MainPID", "ActiveEnterTimestampMonotonic", "NRestarts")
        said = _systemctl("show", UNIT, *(f"--property={name}" for name in names))
        values = dict(line.partition("=")[::2] for line in said.splitlines())
        state = values.get("ActiveState", "")
        since_us = int(values.get("ActiveEnterTimestampMonotonic") or 0)
        return Running(
            active=state == "active",
            starting=state in ("activating", "reloading", "deactivating"),
            pid=int(values.get("MainPID") or 0),
            up_s=max(0.0, time.monotonic() - since_us / 1e6),
            restarts=int(values.get("NRestarts") or 0),
        )

    def daemon_state(self) -> DaemonState | None:
        """What it last said of itself."""
        try:
            return msgspec.json.decode(_read_of_others(self._layout.daemon_state), type=DaemonState)
        except (OSError, msgspec.DecodeError):
            return None

    def stop(self) -> None:
        """End the daemon."""
        _systemctl("stop", UNIT)

    def start(self) -> None:
        """Start the daemon without waiting for READY."""
        _systemctl("reset-failed", UNIT)
        _systemctl("start", "--no-block", UNIT)

    def follow(self) -> None:
        """Let the units beside the daemon change over to the same release."""
        _systemctl("try-restart", "--no-block", *OTHERS)

    def reload(self, folders: Collection[str]) -> None:
        """Take up changed files outside the slot."""
        for folder, commands in RELOADS.items():
            if folder in folders:
                for command in commands:
                    _call(*command)

    @contextmanager
    def between_captures(self, wait_s: float) -> Iterator[None]:
        """A moment without a capture in hand: while we hold the lock, the daemon takes on no new one."""
        try:
            descriptor = os.open(self._layout.capture_lock, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
        except FileNotFoundError:  # no daemon, no capture
            yield
            return
        try:
            _lock(descriptor, wait_s)
            yield
        finally:
            os.close(descriptor)

    def reaches(self, host: str, port: int) -> bool:
        """Whether somebody answers there."""
        try:
            socket.create_connection((host, port), CONNECT_S).close()
        except OSError:
            return False
        return True

    def system(self) -> str:
        """Versions of what is the system's and not the slot's."""
        found = _call("dpkg-query", "-W", "-f", "${Package} ${Version}, ", *SYSTEM_PACKAGES)
        return f"kernel {os.uname().release}, {found}".rstrip(", ")


def _read_of_others(path: Path) -> bytes:
    """The start of a file in a folder that is not ours: no link is followed, and nobody waited for."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        return os.read(descriptor, LARGEST_STATE)
    finally:
        os.close(descriptor)


def _lock(descriptor: int, wait_s: float) -> None:
    deadline = time.monotonic() + wait_s
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError as error:
            if time.monotonic() >= deadline:
                raise UpdateBusy(f"captures were in hand for {wait_s:.0f} seconds; run it again later") from error
        time.sleep(LOCK_POLL_S)


def _systemctl(*arguments: str) -> str:
    """What systemctl prints; a unit that is not there or does not start shows in its state, not here."""
    return _call("systemctl", *arguments)


def _call(*command: str) -> str:
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=CALL_S, check=False).stdout
    except (OSError, subprocess.TimeoutExpired) as error:
        log.warning("%s: %s", " ".join(command), error)
        return ""
