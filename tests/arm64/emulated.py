"""Python on an emulated Raspberry Pi 4: Debian's arm64 interpreter and the box's locked wheels under QEMU.

Nothing is installed and nothing becomes root: packages are unpacked, and QEMU looks for every file there first.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "packshot"
REPOSITORY = Path(__file__).resolve().parents[2]
LOCK = REPOSITORY / "deploy/locks/runtime.txt"
PACKAGES = "python3,python3-minimal,libc6,libstdc++6,libgcc-s1,zlib1g,libexpat1,libffi8,libssl3,libbz2-1.0,liblzma5"
PYTHON = "3.11"
GLIBC = range(17, 37)  # wheels built for any of these run on Debian 12
TOOLS = {"qemu-aarch64-static": "qemu-user-static", "mmdebstrap": "mmdebstrap"}
CORES = 4
CORE = """processor\t: {number}
BogoMIPS\t: 108.00
Features\t: fp asimd evtstrm crc32 cpuid
CPU implementer\t: 0x41
CPU architecture: 8
CPU variant\t: 0x0
CPU part\t: 0xd08
CPU revision\t: 3

"""
BOARD = "Hardware\t: BCM2835\nRevision\t: c03111\nModel\t\t: Raspberry Pi 4 Model B Rev 1.1\n"


def what_is_missing() -> str:
    """Empty when programs for arm64 can be run here, else the reason why not."""
    missing = [package for tool, package in TOOLS.items() if shutil.which(tool) is None]
    return f"needs {', '.join(missing)} from apt" if missing else ""


def arm64_root() -> Path:
    """Debian 12's arm64 interpreter; made once (a minute), then taken from the cache.

    Raises CalledProcessError where Debian's archive cannot be reached.
    """
    stamp = hashlib.sha256(f"{PACKAGES}{CORE}{BOARD}".encode()).hexdigest()[:12]
    root = CACHE / "roots" / f"arm64-{stamp}"
    if not root.exists():
        partial = _partial(root)
        options = ("--architectures=arm64", "--variant=extract", f"--include={PACKAGES}")
        _host("mmdebstrap", "-q", *options, "bookworm", str(partial))
        _describe_processor(partial)
        partial.rename(root)
    return root


def arm64_site() -> Path:
    """The box's locked packages for arm64, unpacked; made once. Raises CalledProcessError without PyPI."""
    site = CACHE / "wheelhouses" / f"arm64-{hashlib.sha256(LOCK.read_bytes()).hexdigest()[:12]}"
    if not site.exists():
        partial = _partial(site)
        kinds = [f"--platform=manylinux_2_{version}_aarch64" for version in GLIBC]
        kinds += ["--platform=manylinux2014_aarch64", f"--python-version={PYTHON}", "--implementation=cp"]
        kinds += [f"--abi=cp{PYTHON.replace('.', '')}", "--abi=abi3", "--abi=none", "--only-binary=:all:", "--no-deps"]
        install = (sys.executable, "-m", "pip", "install", "-q", "--disable-pip-version-check", "--require-hashes")
        _host(*install, *kinds, "--target", str(partial), "-r", str(LOCK))
        partial.rename(site)
    return site


def run(root: Path, site: Path, script: Path, *arguments: str) -> str:
    """Run a script on the emulated Cortex-A72 with this checkout's packshot; what it prints."""
    environment = {"PYTHONPATH": f"{site}:{REPOSITORY / 'service'}", "PYTHONDONTWRITEBYTECODE": "1"}
    settings = [word for pair in environment.items() for word in ("-E", "=".join(pair))]
    python = root / f"usr/bin/python{PYTHON}"
    command = ["qemu-aarch64-static", "-cpu", "cortex-a72", "-L", str(root), *settings, str(python)]
    return _host(*command, str(script), *arguments)


def _describe_processor(root: Path) -> None:
    """/proc/cpuinfo and /sys as on a Raspberry Pi 4: LiteRT reads them, and QEMU 7 would show the host's."""
    cpu = root / "sys/devices/system/cpu"
    files = {"possible": f"0-{CORES - 1}", "present": f"0-{CORES - 1}", "online": f"0-{CORES - 1}", "kernel_max": "255"}
    for number in range(CORES):
        files |= {f"cpu{number}/topology/core_id": str(number), f"cpu{number}/topology/physical_package_id": "0"}
        files |= {f"cpu{number}/topology/core_siblings_list": f"0-{CORES - 1}"}
        files |= {f"cpu{number}/cpufreq/cpuinfo_max_freq": "1500000", f"cpu{number}/cpufreq/cpuinfo_min_freq": "600000"}
    for name, text in files.items():
        (cpu / name).parent.mkdir(parents=True, exist_ok=True)
        (cpu / name).write_text(f"{text}\n")
    (root / "proc").mkdir(exist_ok=True)
    (root / "proc/cpuinfo").write_text("".join(CORE.format(number=number) for number in range(CORES)) + BOARD)


def _partial(final: Path) -> Path:
    """A fresh name beside the final one: what was interrupted is not taken for whole."""
    partial = final.with_name(f"{final.name}.part")
    shutil.rmtree(partial, ignore_errors=True)
    partial.parent.mkdir(parents=True, exist_ok=True)
    return partial


def _host(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout
