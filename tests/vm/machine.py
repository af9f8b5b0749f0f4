"""A whole PC under QEMU's own translation, with Debian's kernel: it has the drivers that a container's host lacks.

with Machine(tmp_path, vm_root(), wheelhouse()) as machine:
    machine.boot()
    machine.run("modprobe", "vivid")
"""

import hashlib
import json
import os
import shutil
import socket
import subprocess
from pathlib import Path
from typing import Any, Self

from tests.container.device import CACHE, PACKAGES, REPOSITORY, host
from tests.support.guest import BROKER, Guest
from tests.support.waiting import eventually

HERE = Path(__file__).parent
HOOK = HERE / "add-gpio-sim"
INSIDE = "/usr/local/lib/packshot-test"
WATCHDOG = REPOSITORY / "firmware/boards/pi4/files/etc/systemd/system.conf.d/50-packshot-watchdog.conf"
VM_PACKAGES = f"{PACKAGES} linux-image-amd64 initramfs-tools kmod v4l-utils"
BOOT_MODULES = "virtio_pci\nvirtio_blk\next4\n"
DISK_BYTES = 3 << 30  # sparse
MEMORY_MB = 1536
BOOT_S = 1200.0
RUN_S = 1200.0
AGENT_UNIT = """[Unit]
Description=Test agent
[Service]
ExecStart=/usr/bin/python3 /usr/local/lib/packshot-test/agent.py
[Install]
WantedBy=multi-user.target
"""
SLOW = """[Service]
TimeoutStartSec=900
WatchdogSec=600
"""
TOOLS = {
    "qemu-system-x86_64": "qemu-system-x86",
    "mmdebstrap": "mmdebstrap",
    "mke2fs": "e2fsprogs",
    "unshare": "util-linux",
}


def what_is_missing() -> str:
    """Empty when the machine can be built and run here, else the reason why not."""
    if os.geteuid() != 0:
        return "needs root to build its disk"
    search = f"{os.environ['PATH']}:/usr/sbin:/sbin"
    missing = [package for tool, package in TOOLS.items() if shutil.which(tool, path=search) is None]
    return f"needs {', '.join(missing)} from apt" if missing else ""


def vm_root() -> Path:
    """Debian 12 with a kernel, vivid and gpio-sim; made once (some minutes), then taken from the cache.

    Raises CalledProcessError where Debian's archive cannot be reached.
    """
    stamp = hashlib.sha256(f"{VM_PACKAGES}{BOOT_MODULES}{HOOK.read_text()}".encode()).hexdigest()[:12]
    root = CACHE / "roots" / f"vm-{stamp}"
    if not root.exists():
        partial = root.with_name(f"{root.name}.part")
        shutil.rmtree(partial, ignore_errors=True)
        partial.parent.mkdir(parents=True, exist_ok=True)
        modules = f'printf "{BOOT_MODULES}" >"$1/etc/initramfs-tools/modules"'.replace("\n", "\\n")
        initrd = 'echo MODULES=list >"$1/etc/initramfs-tools/conf.d/list" && chroot "$1" update-initramfs -u'
        include = VM_PACKAGES.replace(" ", ",")
        hooks = [f"--customize-hook={hook}" for hook in (str(HOOK), modules, initrd)]
        host("mmdebstrap", "-q", "--variant=minbase", f"--include={include}", *hooks, "bookworm", str(partial))
        partial.rename(root)
    return root


class Machine(Guest):
    """One PC with packshot installed from this checkout by ``install.sh``; every run of tests writes its disk anew."""

    address = "127.0.0.1"

    def __init__(self, folder: Path, root: Path, wheels: Path) -> None:
        self.folder = folder
        self.port = _free_port()
        self._root = root
        self._wheels = wheels
        self._qemu: subprocess.Popen[bytes] | None = None
        self._agent: socket.socket | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._qemu is not None:
            self._qemu.kill()
            self._qemu.wait()

    def boot(self) -> None:
        """Write the disk, switch on, and return when the agent inside answers."""
        self._write_disk()
        kernel, initrd = (next((self._root / "boot").glob(f"{name}-*")) for name in ("vmlinuz", "initrd.img"))
        agent = self.folder / "agent"
        command = ["qemu-system-x86_64", "-machine", "q35,accel=tcg", "-cpu", "max", "-smp", "2", "-m", str(MEMORY_MB)]
        command += ["-nographic", "-no-reboot", "-kernel", str(kernel), "-initrd", str(initrd)]
        command += ["-append", "root=/dev/vda rw console=ttyS0 quiet edd=off systemd.mask=serial-getty@ttyS0.service"]
        command += ["-drive", f"file={self.folder / 'disk.ext4'},format=raw,if=virtio,cache=unsafe"]
        command += [
            "-netdev",
            f"user,id=net,hostfwd=tcp:127.0.0.1:{self.port}-:1883",
            "-device",
            "virtio-net,netdev=net",
        ]
        command += ["-chardev", f"socket,id=agent,path={agent},server=on,wait=off", "-device", "virtio-serial"]
        command += ["-device", "virtserialport,chardev=agent,name=org.packshot.test"]
        with (self.folder / "console.log").open("ab") as console:
            self._qemu = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=console, stderr=console)
        eventually(agent.exists, "QEMU's socket")
        self._agent = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._agent.connect(str(agent))
        assert self._answer(BOOT_S)["up"], self._console()
        eventually(lambda: self.out("systemctl", "is-system-running") in ("running", "degraded"), "the boot", BOOT_S)

    def run(self, *command: str, check: bool = True, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """See ``Guest.run``."""
        assert self._agent is not None
        self._agent.sendall(json.dumps({"command": command, "stdin": stdin}).encode() + b"\n")
        answer = self._answer(RUN_S)
        done = subprocess.CompletedProcess(command, answer["code"], answer["out"], answer["err"])
        assert not check or done.returncode == 0, f"{command}: exit {done.returncode}\n{done.stdout}{done.stderr}"
        return done

    def in_background(self, command: str) -> None:
        """A shell command that outlives this call."""
        self.run("systemd-run", "-q", "sh", "-c", command)

    def _answer(self, timeout_s: float) -> dict[str, Any]:
        assert self._agent is not None
        self._agent.settimeout(timeout_s)
        line = b""
        try:
            while not line.endswith(b"\n"):
                got = self._agent.recv(1 << 16)
                assert got, f"the machine went away\n{self._console()}"
                line += got
        except TimeoutError as error:
            raise AssertionError(f"no answer within {timeout_s:.0f} s\n{self._console()}") from error
        return dict(json.loads(line))

    def _console(self) -> str:
        return (self.folder / "console.log").read_text("utf-8", "replace")[-2000:]

    def _write_disk(self) -> None:
        """The cached root with packshot installed in it, natively, as a file system image."""
        for part in ("upper", "work", "disk"):
            (self.folder / part).mkdir()
        script = f"""set -e
            cd {self.folder}
            mount -t overlay overlay -o lowerdir={self._root},upperdir=upper,workdir=work disk
            mkdir -p disk/mnt/packshot disk/mnt/wheels
            mount --bind {REPOSITORY} disk/mnt/packshot
            mount --bind {self._wheels} disk/mnt/wheels
            mount -t proc proc disk/proc
            mount --rbind /dev disk/dev
            env -i PATH="$PATH" chroot disk /mnt/packshot/deploy/install.sh \\
              --wheelhouse /mnt/wheels --uploader --system-site-packages
            umount -l disk/dev
            umount disk/proc disk/mnt/packshot disk/mnt/wheels
            mkdir -p disk{INSIDE}
            install -m 0644 {HERE}/inside/*.py disk{INSIDE}
            install -m 0644 {WATCHDOG} disk{INSIDE}/watchdog.conf
            printf '%s' "$AGENT_UNIT" >disk/etc/systemd/system/test-agent.service
            for unit in packshotd packshot-uploader; do
              install -d disk/etc/systemd/system/$unit.service.d
              printf '%s' "$SLOW" >disk/etc/systemd/system/$unit.service.d/emulated.conf
            done
            printf '%s' "$BROKER" >disk/etc/mosquitto/conf.d/shop.conf
            printf '[Match]\\nName=en*\\n[Network]\\nDHCP=yes\\n' >disk/etc/systemd/network/test.network
            echo 127.0.0.1 localhost >disk/etc/hosts
            chroot disk systemctl -q enable test-agent systemd-networkd
            mke2fs -q -F -t ext4 -d disk disk.ext4 {DISK_BYTES >> 10}k
            umount disk
        """
        texts = {"AGENT_UNIT": AGENT_UNIT, "BROKER": BROKER, "SLOW": SLOW}
        host("unshare", "--mount", "bash", "-c", script, **texts)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
