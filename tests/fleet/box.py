"""A shop's box as the fleet sees it: a bare Debian with sshd on the bridge."""

import fcntl
import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from packshot.config import to_toml
from tests.container.device import Device
from tests.support.waiting import eventually

PACKAGES = "systemd systemd-sysv dbus udev python3 python3-venv iproute2 ca-certificates openssl openssh-server"
STATE = "var/lib/packshot-updater/state.json"
UPDATER = ("/opt/packshot/updater/run", "update")
SLOW_S = 600.0


class Box(Device):
    """One device, reached by ssh as its manager does; ``update`` and the files are looked at from inside."""

    boot_s = 300.0  # four at once
    run_s = 1200.0  # a whole update

    def __init__(self, folder: Path, root: Path, name: str, bridge: str, address: str, public_key: str) -> None:
        super().__init__(folder, root, folder, name=f"fleet-{name}")
        self.id, self.address, self._bridge = name, address, bridge
        ssh = self.root / "root/.ssh"
        ssh.mkdir(mode=0o700, exist_ok=True)
        (ssh / "authorized_keys").write_text(public_key)
        (self.root / "etc/hostname").write_text(f"{name}\n")

    @property
    def host_key(self) -> str:
        """What ssh has to expect."""
        return (self.root / "etc/ssh/ssh_host_ed25519_key.pub").read_text().rsplit(" ", 1)[0]

    def update(self, *arguments: str) -> dict[str, Any]:
        """The answer of ``packshot update ... --json``."""
        printed = self.run(*UPDATER, *arguments, "--json", check=False).stdout
        assert printed.strip(), f"{self.id}: {arguments} said nothing"
        return dict(json.loads(printed.splitlines()[-1]))

    @property
    def version(self) -> str:
        """Of the release that runs."""
        return (self.root / "opt/packshot/current").readlink().name

    @property
    def state(self) -> dict[str, Any]:
        """The updater's state file, as it lies on the disk; empty before the first update."""
        try:
            return dict(json.loads((self.root / STATE).read_bytes()))
        except (OSError, ValueError):
            return {}

    @property
    def events(self) -> list[dict[str, str]]:
        """The history, oldest first."""
        lines = self.run(*UPDATER, "history", "--json", check=False).stdout.splitlines()
        return [dict(json.loads(line)) for line in lines]

    def wait_serving(self) -> None:
        """Until the daemon is ready."""
        eventually(lambda: self.out("systemctl", "is-active", "packshotd") == "active", f"{self.id} serving", SLOW_S)

    def wait_at_rest(self) -> None:
        """Until no update is in hand."""
        eventually(lambda: self.state.get("phase", "idle") == "idle", f"{self.id} at rest", SLOW_S)

    @contextmanager
    def probation(self, **values: float) -> Iterator[None]:
        """With these settings of ``[update]``."""
        path = self.root / "etc/packshot/conf.d/90-probation.toml"
        path.write_text(to_toml({"update": values}))
        try:
            yield
        finally:
            path.unlink()

    def has_answered_a_wish(self) -> bool:
        """Whether the path unit has handed a wish to the updater since the boot, and that has come to an end."""
        return self.property("packshot-update-request.service", "ExecMainExitTimestampMonotonic") not in ("", "0")

    @contextmanager
    def capture_in_hand(self) -> Iterator[None]:
        """Hold what the daemon holds during a capture: an update stands still before its switch."""
        path = "/run/packshot/capture.lock"
        self.run("runuser", "-u", "packshot", "--", "touch", path)
        with Path(f"/proc/{self.leader}/root{path}").open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH)
            yield

    def wait_at_rest_on(self, version: str) -> None:
        """Until it runs this version, and no update is in hand."""
        eventually(
            lambda: (self.version, self.state.get("phase")) == (version, "idle"), f"{self.id} on {version}", SLOW_S
        )

    def unplug(self) -> None:
        """Take the network cable out."""
        self._ip("link", "set", "host0", "down")

    def plug_in(self) -> None:
        """Put it back."""
        self._connect()

    def freeze(self, frozen: bool) -> None:
        """Alive for the network, and silent: the kernel accepts connections, no process answers."""
        (self._freezer() / "cgroup.freeze").write_text("1" if frozen else "0")

    def _freezer(self) -> Path:
        base = Path("/sys/fs/cgroup")
        group = (base if (base / "cgroup.controllers").exists() else base / "unified") / self.name
        return group / "payload"  # beside it is nspawn's supervisor, which must be able to end

    def _options(self) -> list[str]:
        return [f"--network-bridge={self._bridge}", f"--hostname={self.id}"]

    def _connect(self) -> None:
        eventually(Path(f"/proc/{self.leader}/root/sys/class/net/host0").exists, "the box's network")
        self._ip("addr", "replace", f"{self.address}/24", "dev", "host0")
        self._ip("link", "set", "host0", "up")

    def _ip(self, *arguments: str) -> None:
        command = ["nsenter", "-t", str(self.leader), "-n", "ip", *arguments]
        subprocess.run(command, check=True, capture_output=True)
