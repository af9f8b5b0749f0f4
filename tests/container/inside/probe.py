"""Runs inside the daemon's sandbox and tries what an intruder would: prints one JSON object, attempt -> outcome.

An outcome is "done", the name of the errno, or text that was asked for.
"""

import ctypes
import errno
import json
import mmap
import os
import socket
import subprocess
from pathlib import Path

LIBC = ctypes.CDLL(None, use_errno=True)
CLONE_NEWUSER, CLONE_NEWNS = 0x10000000, 0x00020000
AF_PACKET, AF_ALG, AF_VSOCK = 17, 38, 40
SYSCALLS = {  # x86-64, aarch64
    "reboot": (169, 142),
    "init_module": (175, 105),
    "kexec_load": (246, 104),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "ptrace": (101, 117),
    "swapon": (167, 224),
    "settimeofday": (164, 170),
    "open_by_handle_at": (304, 265),
    "userfaultfd": (323, 282),
    "io_uring_setup": (425, 425),
}
STATE = Path(os.environ["STATE_DIRECTORY"])
WRITABLE = (STATE, Path("/tmp"), Path("/var/tmp"), Path(os.environ["RUNTIME_DIRECTORY"]), Path("/dev/shm"))
READ = ("/etc/shadow", "/root", "/home", "/etc/credstore/mqtt-password", "/dev/mem", "/dev/kmsg")
WRITE = (
    "/etc/packshot/conf.d/x",
    "/etc/packshot/tls/x",
    "/opt/packshot/x",
    "/usr/x",
    "/var/log/x",
    "/var/lib/packshot-uploader/x",
    "/proc/sys/kernel/panic",
    "/sys/kernel/mm/ksm/run",
)


def libc(name: str, *arguments: object) -> str:
    ctypes.set_errno(0)
    return "done" if getattr(LIBC, name)(*arguments) >= 0 else errno.errorcode[ctypes.get_errno()]


def attempt(deed) -> str:
    try:
        deed()
    except OSError as error:
        return errno.errorcode.get(error.errno or 0, str(error))
    return "done"


def system_calls() -> dict[str, str]:
    column = 1 if os.uname().machine == "aarch64" else 0
    return {name: libc("syscall", numbers[column], 0, 0, 0, 0) for name, numbers in SYSCALLS.items()}


def other_calls() -> dict[str, str]:
    return {
        "mount": libc("mount", b"none", b"/tmp", b"tmpfs", 0, None),
        "unshare user": libc("unshare", CLONE_NEWUSER),
        "unshare mounts": libc("unshare", CLONE_NEWNS),
        "become root": attempt(lambda: os.setuid(0)),
        "chroot": attempt(lambda: os.chroot("/")),
        "set host name": attempt(lambda: socket.sethostname("elsewhere")),
        "raise priority": attempt(lambda: os.setpriority(os.PRIO_PROCESS, 0, -10)),
        "packet socket": attempt(lambda: socket.socket(AF_PACKET, socket.SOCK_RAW)),
        "crypto socket": attempt(lambda: socket.socket(AF_ALG, socket.SOCK_SEQPACKET)),
        "vsock": attempt(lambda: socket.socket(AF_VSOCK, socket.SOCK_STREAM)),
        "raw socket": attempt(lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, 1)),
        "write and execute": attempt(lambda: mmap.mmap(-1, 4096, prot=mmap.PROT_WRITE | mmap.PROT_EXEC)),
        "node": attempt(lambda: os.mknod(STATE / "node", 0o20600, os.makedev(1, 1))),
        "set-user-id file": attempt(lambda: written(STATE).chmod(0o4755)),
        **{f"execute from {folder}": attempt(lambda f=folder: execute(f)) for folder in WRITABLE},
    }


def written(folder: Path) -> Path:
    program = folder / "program"
    program.write_bytes(Path("/bin/true").read_bytes())
    return program


def execute(folder: Path) -> None:
    program = written(folder)
    program.chmod(0o755)
    try:
        subprocess.run([str(program)], check=True)
    finally:
        program.unlink()


def paths() -> dict[str, str]:
    attempts = {f"read {path}": attempt(lambda p=path: read(Path(p))) for path in READ}
    attempts |= {f"write {path}": attempt(lambda p=path: Path(p).write_text("1")) for path in WRITE}
    return attempts


def read(path: Path) -> None:
    if path.is_dir():
        list(path.iterdir())
    else:
        path.read_bytes()


def foreign_processes() -> str:
    """How many processes of other users can be seen."""
    entries = [entry for entry in Path("/proc").iterdir() if entry.name.isdecimal()]
    return str(sum(entry.stat().st_uid != os.getuid() for entry in entries))


def needed() -> dict[str, str]:
    credentials = Path(os.environ["CREDENTIALS_DIRECTORY"])
    return {
        "write state": attempt(lambda: (STATE / "x").write_text("x")),
        "write /tmp": attempt(lambda: Path("/tmp/x").write_text("x")),
        "read /proc/cpuinfo": attempt(lambda: Path("/proc/cpuinfo").read_text()),
        "read /sys/devices/system/cpu": attempt(lambda: read(Path("/sys/devices/system/cpu"))),
        "read configuration": attempt(lambda: Path("/etc/packshot/packshot.toml").read_text()),
        "read own key": attempt(lambda: Path("/etc/packshot/tls/client.key").read_text()),
        "password": (credentials / "mqtt-password").read_text(),
        "TCP": attempt(lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM)),
        "udev's netlink": attempt(lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 15)),
        "child process": attempt(lambda: subprocess.run(["/bin/true"], check=True)),
        "shared memory": attempt(lambda: Path("/dev/shm/packshot-probe").write_text("x")),
        "input device": attempt(lambda: os.close(os.open("/dev/input/event9", os.O_RDONLY))),
    }


forbidden = {**system_calls(), **other_calls(), **paths()}
print(json.dumps({"forbidden": forbidden, "needed": needed(), "foreign_processes": foreign_processes()}))
