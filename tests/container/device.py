"""A device: a whole Debian under systemd-nspawn, on an overlay of its own, that can be booted, used and unplugged.

with Device(tmp_path, base_root(), wheelhouse()) as device:
    device.boot()
    device.run("systemctl", "is-active", "packshotd")
    device.cut_power()
    device.boot()
"""

import hashlib
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import Self

from tests.support.guest import Guest
from tests.support.waiting import eventually

PACKAGES = (
    "systemd systemd-sysv dbus udev python3 python3-venv python3-systemd iproute2 mosquitto ca-certificates openssl"
)
CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "packshot"
REPOSITORY = Path(__file__).resolve().parents[2]
TOOLS = ("systemd-nspawn", "mmdebstrap", "nsenter", "ip", "mount")
SOURCE = "/mnt/packshot"
WHEELS = "/mnt/wheels"
BOOT_S = 60.0
RUN_S = 240.0
POWER_OFF = signal.SIGRTMIN + 4


def what_is_missing() -> str:
    """Empty when devices can be booted here, else the reason why not."""
    if os.geteuid() != 0:
        return "needs root to boot containers"
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    if missing:
        return f"needs {', '.join(missing)}: apt install systemd-container mmdebstrap iproute2"
    if not any(Path("/sys/fs/cgroup", name).is_dir() for name in ("systemd", "unified", "cgroup.controllers")):
        return "needs cgroups that can be written to"
    return ""


def base_root(packages: str = PACKAGES, suite: str = "bookworm") -> Path:
    """Debian (bookworm is 12) with these packages; made once (a minute), then taken from the cache.

    Raises CalledProcessError where Debian's archive cannot be reached.
    """
    root = CACHE / "roots" / f"{suite}-{hashlib.sha256(packages.encode()).hexdigest()[:12]}"
    if not root.exists():
        partial = root.with_name(f"{root.name}.{os.getpid()}")
        include = packages.replace(" ", ",")
        try:
            partial.parent.mkdir(parents=True, exist_ok=True)
            host("mmdebstrap", "-q", "--variant=minbase", f"--include={include}", suite, str(partial))
            partial.rename(root)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
    return root


def wheelhouse() -> Path:
    """Wheels of the locked packages (cached) and of the package as it is now."""
    lock = REPOSITORY / "deploy/locks/runtime.txt"
    folder = CACHE / "wheelhouses" / f"runtime-{hashlib.sha256(lock.read_bytes()).hexdigest()[:12]}"
    host(str(REPOSITORY / "deploy/wheelhouse"), str(folder), PYTHON="/usr/bin/python3")
    return folder


class Device(Guest):
    """One machine. Its disk is an overlay over ``root`` in ``folder`` and outlives a power cut, as a disk does.

    The repository is there as ``SOURCE``, the wheels as ``WHEELS``, both read-only.
    """

    boot_s = BOOT_S  # the longest that a boot may take
    run_s = RUN_S  # and a command inside

    def __init__(self, folder: Path, root: Path, wheels: Path, name: str = "box") -> None:
        self.name = f"{name}-{os.getpid()}"
        self.folder = folder
        self.root = folder / "disk"
        self._wheels = wheels
        self.address = f"10.{os.getpid() % 250 + 1}.77.2"
        self._host_address = f"10.{os.getpid() % 250 + 1}.77.1"
        self._interface = f"ve-{self.name}"  # at most 15 characters
        self._nspawn: subprocess.Popen[bytes] | None = None
        self.leader = 0
        for part in ("disk", "upper", "work"):
            (folder / part).mkdir()
        options = f"lowerdir={root},upperdir={folder / 'upper'},workdir={folder / 'work'}"
        host("mount", "-t", "overlay", "overlay", "-o", options, str(self.root))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.cut_power()
        host("umount", str(self.root))
        for group in _cgroups(self.name):
            for inner in sorted(group.rglob("*/"), reverse=True):
                inner.rmdir()
            group.rmdir()

    def boot(self, *arguments: str) -> None:
        """Switch on, and return when systemd has started what it should."""
        groups = " ".join(str(group / "cgroup.procs") for group in _cgroups(self.name, make=True))
        enter = f'for file in {groups}; do echo $BASHPID > "$file"; done'
        command = [
            "systemd-nspawn",
            "-q",
            "-D",
            str(self.root),
            f"--machine={self.name}",
            "--register=no",
            "--keep-unit",
        ]
        command += ["--console=passive", *self._options(), *(arguments or ("--boot",))]
        with (self.folder / "console.log").open("ab") as console:
            self._nspawn = subprocess.Popen(
                ["bash", "-c", f'{enter}; exec setsid "$@"', "bash", *command],
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=console,
            )
        eventually(self._find_leader, "the container's init", self.boot_s)
        self._connect()
        eventually(self._is_up, "the boot", self.boot_s)

    def run(self, *command: str, check: bool = True, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """A command inside, as root."""
        done = subprocess.run(
            ["nsenter", "-t", str(self.leader), "-a", "--", *command],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=self.run_s,
            env={"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"},
        )
        assert not check or done.returncode == 0, f"{command}: exit {done.returncode}\n{done.stdout}{done.stderr}"
        return done

    def power_off(self) -> None:
        """Shut down in good order."""
        os.kill(self.leader, POWER_OFF)
        self._ended()

    def cut_power(self) -> None:
        """Kill -9 of every process at once, init included. The disk keeps what had reached the page cache."""
        if self._nspawn is not None:
            os.kill(self.leader, signal.SIGKILL)
            self._ended()

    def _options(self) -> list[str]:
        binds = [f"--bind-ro={REPOSITORY}:{SOURCE}", f"--bind-ro={self._wheels}:{WHEELS}"]
        return ["--network-veth", *binds]

    def _ended(self) -> None:
        assert self._nspawn is not None
        self._nspawn.wait(BOOT_S)
        self._nspawn = None

    def _find_leader(self) -> bool:
        assert self._nspawn is not None
        assert self._nspawn.poll() is None, (self.folder / "console.log").read_text("utf-8", "replace")[-2000:]
        for task in Path(f"/proc/{self._nspawn.pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                if Path(f"/proc/{child}/comm").read_text().strip() in ("systemd", "init"):
                    self.leader = int(child)
                    return True
        return False

    def _connect(self) -> None:
        eventually(Path("/sys/class/net", self._interface).exists, "the network of the container", BOOT_S)
        host("ip", "addr", "replace", f"{self._host_address}/30", "dev", self._interface)
        host("ip", "link", "set", self._interface, "up")
        inside = ("nsenter", "-t", str(self.leader), "-n", "ip")
        host(*inside, "addr", "replace", f"{self.address}/30", "dev", "host0")
        host(*inside, "link", "set", "host0", "up")

    def _is_up(self) -> bool:
        state = self.out("systemctl", "is-system-running")
        if state in ("running", "degraded"):
            return True
        time.sleep(0.2)
        return False


def _cgroups(name: str, make: bool = False) -> list[Path]:
    base = Path("/sys/fs/cgroup")
    parents = [base] if (base / "cgroup.controllers").exists() else [base / "systemd", base / "unified"]
    groups = [parent / name for parent in parents if parent.is_dir()]
    for group in groups:
        if make:
            group.mkdir(exist_ok=True)
    return [group for group in groups if group.is_dir()]


def host(*command: str, **environment: str) -> None:
    """A command on this machine; raises CalledProcessError with what it said."""
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **environment})
    if done.returncode:
        raise subprocess.CalledProcessError(done.returncode, command, done.stdout, done.stderr)
