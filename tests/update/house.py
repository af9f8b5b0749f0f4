"""A shop's box without systemd, network or camera: the real state machine on a folder, a clock that can be turned,
and releases that misbehave as told.

House implements the ports ``Service`` and ``Builder``; its ``sleep`` lets the daemon live, crash and start again, and
runs the guard before each start, as the unit does.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from packshot.platform import durable
from packshot.update import watch
from packshot.update.box import Box
from packshot.update.builder import Part
from packshot.update.fetcher import Source
from packshot.update.guard import guard
from packshot.update.install import Result, Wish, install, only_updater
from packshot.update.layout import COMPLETE, RELEASE, Layout
from packshot.update.manifest import File, SlotRelease, encode
from packshot.update.problems import UpdateBusy, UpdateRefused
from packshot.update.report import status
from packshot.update.repository import Repository, TufRepository, place, read_anchor
from packshot.update.service import DaemonState, Running
from packshot.update.settings import Settings, settings_of
from packshot.update.sources import FolderSource, HttpSource, Patience
from packshot.update.state import StateFile
from tests.update.signing import PLATFORM

NOW_MS = 1_795_000_000_000
IMPATIENT = Patience(silence_s=2.0, window_s=0.3, window_bytes=16 * 1024)
RESTART_S = 3.0
WATCH_EVERY_S = 30.0
PARTS = frozenset({"accelerator", "camera", "spool"})


@dataclass(frozen=True)
class Behaviour:
    """How a release behaves: in its selftest, after READY, with the hardware."""

    broken: frozenset[str] = frozenset()  # parts of the selftest that fail
    ready: bool = True
    crashes_after_s: float = 0.0  # a hang is the same: the watchdog ends it
    bad_boot: bool = False  # crashes at once after a reboot
    ill: frozenset[str] = frozenset()  # parts of the daemon's state with a problem
    silent: bool = False  # says nothing of itself
    engine: str = "edgetpu"


GOOD = Behaviour()


@dataclass
class Wall:
    """The wall clock; ``ms`` can be turned."""

    ms: int = NOW_MS

    def now_ms(self) -> int:
        return self.ms

    def synchronised(self) -> bool:
        return True

    def monotonic_ms(self) -> int:
        return self.ms


@dataclass
class Process:
    """The daemon's process; ``started`` is None between a crash and the next start."""

    slot: str = ""
    pid: int = 0
    started: float | None = None
    starts_at: float | None = None
    restarts: int = 0


@dataclass
class House:
    """One box. ``behaviours`` by version; a version that is not named is good."""

    root: Path
    behaviours: Mapping[str, Behaviour] = field(default_factory=dict)
    device_id: str = "shop-1"
    table: Mapping[str, object] = field(default_factory=dict)
    now: float = 1000.0
    boot_number: int = 1
    camera_plugged: bool = True
    broker_up: bool = True
    capturing: bool = False
    masked: bool = False  # systemctl mask: no start of the daemon has an effect
    daemon: Process = field(default_factory=Process)
    wall: Wall = field(default_factory=Wall)
    said: list[str] = field(default_factory=list)
    built: list[str] = field(default_factory=list)
    seen: list[str] = field(default_factory=list)
    tell: Callable[[Process], None] = lambda process: None  # hears what systemd knows, whoever asked for it

    def __post_init__(self) -> None:
        self.layout = Layout(self.root)
        self._write_boot_id()
        settings: Settings = settings_of({"device": {"id": self.device_id}, "update": dict(self.table)})
        states = StateFile(self.layout, self.wall)
        self.box = Box(self.layout, settings, self.wall, states, self, self, PLATFORM, self.said.append, self.sleep)

    # --- Deeds of the test ---------------------------------------------------------------------------------------

    def lay(self, version: str) -> None:
        """What ``deploy/install.sh`` leaves: a slot without a sequence, and the daemon running."""
        slot = self.layout.releases / version
        durable.make_folder(slot, 0o755)
        (slot / RELEASE).write_bytes(encode(SlotRelease(1, version, 0, PLATFORM)))
        (slot / "pyvenv.cfg").write_text("include-system-site-packages = false\n")
        (slot / COMPLETE).write_text(f"laid {version}\n")
        self.box.slots.switch(version)
        self.start()
        self.sleep(1)

    def trust(self, anchor: bytes) -> None:
        """Give the box its trust anchor."""
        durable.make_folder(self.layout.anchor.parent, 0o755)
        durable.write_file(self.layout.anchor, anchor)

    def repository(self, where: Path | str, source: Source | None = None) -> Repository:
        """A copy of the repository on a stick, or a web server's."""
        base = where if isinstance(where, str) else where.as_uri()
        source = source or (HttpSource(patience=IMPATIENT) if isinstance(where, str) else FolderSource())
        return TufRepository(self.layout, self.wall, read_anchor(self.layout.anchor), base, source, lambda count: None)

    def install(self, where: Path | str | Callable[[], Repository], wish: Wish | None = None) -> Result:
        """``packshot update install``."""
        open_repository = where if callable(where) else lambda: self.repository(where)
        with only_updater(self.box):
            return install(self.box, open_repository, wish or Wish())

    def reboot(self) -> None:
        """Power cut and power back: the boot begins with the daemon's start."""
        self.boot_number += 1
        self._write_boot_id()
        self.daemon = Process(pid=self.daemon.pid)
        (self.layout.daemon_state).unlink(missing_ok=True)
        self.start()

    def live(self, seconds: float) -> None:
        """Time goes by, and the watch's timer fires."""
        end = self.now + seconds
        while self.now < end:
            self.sleep(WATCH_EVERY_S)
            if self.layout.pending.exists():
                with only_updater(self.box):
                    watch.tick(self.box)

    @property
    def runs(self) -> str:
        """The version whose process is alive, "" if there is none."""
        return self.box.slots.release(self.daemon.slot).version if self.daemon.started is not None else ""

    @property
    def points_to(self) -> str:
        """The version that ``current`` points to."""
        running = self.box.running()
        return running.version if running else ""

    def status(self) -> dict[str, object]:
        """``packshot update status``."""
        return status(self.box)

    # --- Service -------------------------------------------------------------------------------------------------

    def running(self) -> Running:
        process = self.daemon
        if process.started is None:
            return Running(False, starting=process.starts_at is not None, restarts=process.restarts)
        behaviour = self._behaviour(process.slot)
        return Running(behaviour.ready, not behaviour.ready, process.pid, self.now - process.started, process.restarts)

    def daemon_state(self) -> DaemonState | None:
        process = self.daemon
        behaviour = self._behaviour(process.slot)
        if process.started is None or behaviour.silent:
            return None
        ill = set(behaviour.ill)
        ill |= set() if self.camera_plugged else {"camera"}
        ill |= set() if self.broker_up else {"broker"}
        degraded = tuple(f"{part}: out of order" for part in sorted(ill))
        return DaemonState(self.box.slots.release(process.slot).version, process.pid, behaviour.engine, degraded)

    def stop(self) -> None:
        assert not self.capturing, "the daemon was stopped during a capture"
        self.daemon = Process(pid=self.daemon.pid)
        self.tell(self.daemon)

    def start(self) -> None:
        if self.daemon.started is None and not self.masked:
            self.daemon.starts_at = self.now
            self._run_daemon()

    def follow(self) -> None:
        """There is nothing beside the daemon here."""

    def reload(self, folders: Collection[str]) -> None:
        self.seen.append(f"reload {' '.join(sorted(folders))}")

    @contextmanager
    def between_captures(self, wait_s: float) -> Iterator[None]:
        self.seen.append("waited for the capture")
        if self.capturing:
            raise UpdateBusy(f"captures were in hand for {wait_s:.0f} seconds; run it again later")
        yield

    def reaches(self, host: str, port: int) -> bool:
        return self.broker_up

    def system(self) -> str:
        return "kernel 6.12"

    def sleep(self, seconds: float) -> None:
        end = self.now + seconds
        while self.now < end:
            self.now += 1.0
            self.wall.ms += 1000
            self._run_daemon()

    # --- Builder -------------------------------------------------------------------------------------------------

    def build(self, slot: Path, wheels: Mapping[Path, str], site_packages: bool, own: bool) -> None:
        for wheel in wheels:
            if b"cannot be installed" in wheel.read_bytes():
                raise UpdateRefused(f"its packages cannot be built: {wheel.name}")
        (slot / "bin").mkdir()
        (slot / "bin/packshot").write_bytes(b"".join(wheel.read_bytes() for wheel in wheels))
        (slot / "pyvenv.cfg").write_text(f"include-system-site-packages = {str(site_packages).lower()}\n")
        self.built.append(slot.name)

    def selftest(self, slot: Path, parts: Sequence[str], calm: bool) -> list[Part]:
        assert calm or self.daemon.started is None, "the devices are still the daemon's"
        broken = set(self._behaviour(slot.name).broken) | (set() if self.camera_plugged else {"camera"})
        return [Part(part, part not in broken, "as told") for part in parts]

    def answers(self, slot: Path, *arguments: str) -> str:
        return "broken updater" if "updater" in self._behaviour(slot.name).broken else ""

    # --- The daemon's life ---------------------------------------------------------------------------------------

    def _run_daemon(self) -> None:
        process = self.daemon
        if process.starts_at is not None and self.now >= process.starts_at:
            with suppress(OSError):  # the unit's "-": whatever becomes of the count, the daemon starts
                guard(self.box)
            running = self.box.running()
            process.starts_at = None
            if running is not None:
                process.slot, process.pid, process.started = running.slot, process.pid + 1, self.now
        if process.started is not None and self._crashes(process):
            self.daemon = replace(process, started=None, starts_at=self.now + RESTART_S, restarts=process.restarts + 1)
        self.tell(self.daemon)

    def _crashes(self, process: Process) -> bool:
        behaviour, up_s = self._behaviour(process.slot), self.now - (process.started or 0)
        after = behaviour.crashes_after_s or (0.0 if behaviour.ready else 120.0)
        if behaviour.bad_boot and self.boot_number > 1:
            after = 1.0
        return after > 0 and up_s >= after

    def _behaviour(self, slot: str) -> Behaviour:
        return self.behaviours.get(slot.partition("+")[0], GOOD)

    def _write_boot_id(self) -> None:
        self.layout.boot_id.parent.mkdir(parents=True, exist_ok=True)
        self.layout.boot_id.write_text(f"boot-{self.boot_number}\n")


class OneRelease:
    """A repository in memory, for simulations of whole fleets."""

    def __init__(self, layout: Layout, documents: Mapping[str, bytes], files: Mapping[str, bytes]) -> None:
        self._layout = layout
        self._documents = documents
        self._files = files

    def refresh(self) -> None:
        """There is nothing newer."""

    def document(self, target: str) -> bytes:
        return self._documents[target]

    def fetch(self, file: File) -> Path:
        return self.verified(file)

    def verified(self, file: File) -> Path:
        path = place(self._layout, file)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(self._files[file.target])
        return path


def committed_on(house: House, version: str) -> bool:
    """What a controller asks: committed on this version."""
    said = house.status()
    installed = said["installed"]
    return bool(said["committed"]) and isinstance(installed, dict) and installed["version"] == version
