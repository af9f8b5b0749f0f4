"""The support bundle: what somebody far away needs to know about this box, without secrets and without photos."""

import contextlib
import io
import json
import os
import platform
import subprocess
import tarfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

import msgspec

from packshot import __version__
from packshot.config import Config, Loaded, to_toml
from packshot.domain import Capture
from packshot.errors import PackshotError
from packshot.platform.board import Board
from packshot.platform.procfs import HostFiles
from packshot.redaction import hide_secrets, hide_values, secret_values
from packshot.spool.port import Spool

UNITS = ("packshotd.service", "packshot-uploader.service", "packshot-provision.service", "packshot.target")
JOURNAL_LINES = "5000"
COMMAND_S = 20.0
NEWEST_CAPTURES = 500
USB_FACTS = ("idVendor", "idProduct", "manufacturer", "product", "speed", "power/control")
DEVICE_NODES = ("video*", "media*", "v4l/by-id/*", "apex_*", "gpiochip*", "dma_heap/*", "watchdog*")
CONTENTS = """packshot support bundle of {when}

Left out: passwords, keys, tokens, photos and cutouts{sku}. Please look through it before you pass it on.
"""


@dataclass(frozen=True)
class Sources:
    """Where the bundle's facts come from. ``loaded`` or ``spool`` is the error where it could not be had."""

    loaded: Loaded | PackshotError
    spool: Spool | PackshotError
    secrets: frozenset[str] = frozenset()  # known passwords, to be hidden wherever they turn up
    host: HostFiles = field(default_factory=HostFiles)

    @property
    def config(self) -> Config:
        """The box's configuration, the defaults where that is broken."""
        return Config() if isinstance(self.loaded, PackshotError) else self.loaded.config


def write_bundle(path: Path, sources: Sources) -> list[str]:
    """Write the bundle, a .tar.gz that only its owner may read; returns the names of the files in it.

    One part that cannot be had does not spoil the others: its file says why. Raises OSError for ``path`` itself, of
    which then nothing is left.
    """
    secrets = sources.secrets | secret_values(msgspec.to_builtins(sources.config))
    names = []
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with contextlib.ExitStack() as undo:
        undo.callback(path.unlink, missing_ok=True)
        with os.fdopen(descriptor, "wb") as file:
            with tarfile.open(fileobj=file, mode="w:gz") as archive:
                for name, part in _parts(sources).items():
                    _add(archive, f"packshot-support/{name}", hide_secrets(_text_of(part), secrets))
                    names.append(name)
            file.flush()
            os.fsync(file.fileno())  # some disks say only now that they are full
        undo.pop_all()
    return names


def _add(archive: tarfile.TarFile, name: str, text: str) -> None:
    data = text.encode("utf-8", "replace")
    entry = tarfile.TarInfo(name)
    entry.size, entry.mtime, entry.mode = len(data), int(time.time()), 0o600
    archive.addfile(entry, io.BytesIO(data))


def _text_of(part: Callable[[], str]) -> str:
    try:
        return part()
    except (PackshotError, OSError) as error:
        return f"not available: {error}\n"


def _parts(sources: Sources) -> Mapping[str, Callable[[], str]]:
    journal = ("journalctl", "--no-pager", "-o", "short-precise", "-n", JOURNAL_LINES)
    ours = [word for unit in UNITS for word in ("-u", unit)]
    return {
        "README.txt": lambda: _contents(sources),
        "versions.txt": lambda: _versions(sources.host),
        "configuration.toml": lambda: _configuration(sources.loaded),
        "spool.json": lambda: _spool(sources),
        "captures.jsonl": lambda: _captures(sources),
        "board.json": lambda: _board(sources.host),
        "devices.txt": lambda: "".join(_devices(sources.host)),
        "units.txt": lambda: command_output("systemctl", "--no-pager", "status", *UNITS),
        "unit-settings.txt": lambda: command_output("systemctl", "cat", *UNITS),
        "journal.txt": lambda: command_output(*journal, "-b", *ours),
        "journal-before.txt": lambda: command_output(*journal, "-b", "-1", *ours),
        "kernel.txt": lambda: command_output(*journal, "-b", "-k"),
        "disks.txt": lambda: command_output("df", "-hT") + command_output("df", "-i"),
        "memory.txt": lambda: f"{sources.host.text('proc/meminfo')}\n",
    }


def command_output(*command: str) -> str:
    """What the command prints on both outputs, or why it could not be run."""
    environment = {**os.environ, "LC_ALL": "C.UTF-8", "SYSTEMD_COLORS": "0"}
    try:
        done = subprocess.run(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=environment,
            timeout=COMMAND_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"not available: {error}\n"
    return done.stdout.decode("utf-8", "replace")


def _contents(sources: Sources) -> str:
    sku = ", SKUs" if sources.config.spool.privacy else ""
    return CONTENTS.format(when=time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime()), sku=sku)


def _versions(host: HostFiles) -> str:
    lines = [f"packshot {__version__}", f"python {platform.python_version()}", f"kernel {platform.release()}"]
    lines += [
        f"machine {platform.machine()}",
        f"board {Board(host).model()}",
        "",
        host.text("etc/os-release") or "",
        "",
    ]
    lines += sorted({f"{item.name} {item.version}" for item in distributions()}, key=str.lower)
    return "\n".join(lines) + "\n"


def _configuration(loaded: Loaded | PackshotError) -> str:
    if isinstance(loaded, PackshotError):
        return f"# broken: {loaded}\n"
    origins = "".join(f"# {key} from {origin}\n" for key, origin in sorted(loaded.origins.items()))
    return f"{to_toml(hide_values(msgspec.to_builtins(loaded.config)))}\n{origins}"


def _spool(sources: Sources) -> str:
    return _as_json(msgspec.to_builtins(_opened(sources.spool).depth()))


def _captures(sources: Sources) -> str:
    captures = _opened(sources.spool).captures(limit=NEWEST_CAPTURES, newest_first=True)
    with_sku = not sources.config.spool.privacy
    return "".join(f"{json.dumps(_capture_facts(capture, with_sku))}\n" for capture in reversed(captures))


def _capture_facts(capture: Capture, with_sku: bool) -> dict[str, Any]:
    facts = {
        "capture": capture.capture_id,
        "stage": capture.stage.value,
        "created_at": capture.created_at,
        "reason": capture.reason,
        "verdict": capture.verdict.reasons if capture.verdict else None,
        "engine": capture.engine,
        "stage_ms": dict(capture.stage_ms),
        "bytes": {item.name: item.size_bytes for item in capture.artefacts},
    }
    return {**facts, "sku": capture.request.sku} if with_sku else facts


def _opened(spool: Spool | PackshotError) -> Spool:
    if isinstance(spool, PackshotError):
        raise spool
    return spool


def _board(host: HostFiles) -> str:
    board = Board(host)
    return _as_json(
        {
            "model": board.model(),
            "temperature_c": board.temperature_c(),
            "throttled": board.throttled(),
            "memory_available_bytes": board.memory_available_bytes(),
            "uptime": host.text("proc/uptime"),
            "load": host.text("proc/loadavg"),
            "kernel_options": host.text("proc/cmdline"),
        }
    )


def _devices(host: HostFiles) -> Iterator[str]:
    yield "USB\n"
    for device in sorted(host.path("sys/bus/usb/devices").glob("*")):
        facts = [host.text(f"sys/bus/usb/devices/{device.name}/{fact}") or "" for fact in USB_FACTS]
        if facts[0]:
            yield f"  {device.name:12} {' '.join(facts)}\n"
    yield "Nodes\n"
    yield from _nodes(host, DEVICE_NODES)


def _nodes(host: HostFiles, patterns: Sequence[str]) -> Iterator[str]:
    for pattern in patterns:
        for node in sorted(host.path("dev").glob(pattern)):
            facts = node.lstat()
            yield f"  {node}  mode {facts.st_mode & 0o777:o}  uid {facts.st_uid}  gid {facts.st_gid}\n"


def _as_json(value: Any) -> str:
    return json.dumps(value, indent=2) + "\n"
