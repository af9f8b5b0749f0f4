"""Releases for the fleet: real ones, made by tools/release from what is committed here, under other version numbers.

The bad ones differ in a few lines that a bad release could have.
"""

import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.container.device import CACHE, REPOSITORY

PLATFORM = "x86_64-cp311"
INIT = "service/packshot/__init__.py"
RUN = "service/packshot/cli/run.py"
UNIT = "deploy/systemd/packshotd.service"
MODELS = "models/released"
# Timings for a test's patience, as a drop-in could set them: how long READY and the watchdog may take.
QUICK = {
    "TimeoutStartSec=120": "TimeoutStartSec=30",
    "WatchdogSec=30": "WatchdogSec=10",
    "RestartSec=3": "RestartSec=1",
}
NEVER_READY = """
def run(args: argparse.Namespace) -> int:
    import time
    time.sleep(86400)
    return 0
"""
HANGS_AFTER_READY = """
_good = run
def run(args: argparse.Namespace) -> int:
    import threading, time, os, signal
    def hang() -> None:
        time.sleep(5)
        os.kill(os.getpid(), signal.SIGSTOP)
    threading.Thread(target=hang, daemon=True).start()
    return _good(args)
"""
CRASHES_AFTER_A_MINUTE = """
_good = run
def run(args: argparse.Namespace) -> int:
    import threading, time, os, signal
    def crash() -> None:
        time.sleep(60)
        os.kill(os.getpid(), signal.SIGSEGV)
    threading.Thread(target=crash, daemon=True).start()
    return _good(args)
"""
FAULTS = ("broken model", "never ready", "hangs after ready", "crashes after a minute")


@dataclass
class Workshop:
    """A clone to tag releases in, keys, and the repository that boxes are served."""

    folder: Path

    @property
    def repository(self) -> Path:
        """What the web server serves."""
        return self.folder / "repository"

    def open(self) -> None:
        """Key ceremony and an empty repository."""
        self._git("clone", "-q", str(REPOSITORY), str(self.checkout), where=self.folder)
        self.release("keys", str(self.folder / "keys"))
        self.release("init", *self.signing)

    def make(self, version: str, fault: str = "") -> str:
        """Build, sign and publish a release; what tools/release printed last."""
        self._git("checkout", "-q", "-f", "origin/HEAD")
        self._edit(version, fault)
        self._git("add", "-A")
        who = ("-c", "user.name=fleet", "-c", "user.email=fleet@example.com")
        self._git(*who, "commit", "-q", "-m", f"{version} {fault}")
        self._git("tag", "-f", f"v{version}")
        build = ("--source", str(self.checkout), "--platform", PLATFORM, "--cache", str(CACHE / "release-wheels"))
        return self.release("make", f"v{version}", *build, *self.signing).splitlines()[-1]

    def kits(self, version: str) -> Path:
        """Folder of what bare machines are installed from."""
        folder = self.folder / f"kits-{version}"
        self.release("kit", version, "-o", str(folder), "--source", str(self.checkout), *self.signing)
        return folder

    def release(self, *arguments: str) -> str:
        """tools/release."""
        command = [sys.executable, "-m", "tools.releasing", *arguments]
        environment = {"PYTHONPATH": f"{REPOSITORY / 'service'}:{REPOSITORY}", "PATH": "/usr/bin:/bin"}
        done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=REPOSITORY)
        assert done.returncode == 0, f"{arguments}: {done.stdout}{done.stderr}"
        return done.stdout

    @property
    def checkout(self) -> Path:
        """A clone that stands at the release made last."""
        return self.folder / "clone"

    @property
    def signing(self) -> tuple[str, ...]:
        """Options that every signing command takes."""
        return ("--repository", str(self.repository), "--keys", str(self.folder / "keys"))

    def _edit(self, version: str, fault: str) -> None:
        self._replace(INIT, r'__version__ = ".*"', f'__version__ = "{version}"')
        self._replace("CHANGELOG.md", r"\A", f"## {version} - 2026-01-01\n\nFor the fleet: {fault or 'good'}.\n\n")
        for old, new in QUICK.items():
            self._replace(UNIT, re.escape(old), new)
        if fault == "broken model":
            network = next((self.checkout / MODELS).glob("u2net-lite-default-*.tflite"))
            network.write_bytes(network.read_bytes()[: network.stat().st_size // 2])
        elif fault:
            code = {FAULTS[1]: NEVER_READY, FAULTS[2]: HANGS_AFTER_READY, FAULTS[3]: CRASHES_AFTER_A_MINUTE}[fault]
            with (self.checkout / RUN).open("a") as file:
                file.write(code)

    def _replace(self, name: str, pattern: str, text: str) -> None:
        path = self.checkout / name
        new, count = re.subn(pattern, lambda _: text, path.read_text(), count=1)
        assert count == 1, f"{name} has no {pattern}"
        path.write_text(new)

    def _git(self, *arguments: str, where: Path | None = None) -> None:
        subprocess.run(["git", "-C", str(where or self.checkout), *arguments], check=True, capture_output=True)
