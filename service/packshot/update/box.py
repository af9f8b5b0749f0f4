"""The parts of an updater, built once and handed round, so that a test can put others in their places."""

import platform
import sys
from collections.abc import Callable
from dataclasses import dataclass

from packshot.platform import durable
from packshot.platform.clock import Clock
from packshot.update.builder import Builder
from packshot.update.deployment import SystemFiles
from packshot.update.layout import Layout
from packshot.update.service import Service
from packshot.update.settings import Settings
from packshot.update.slots import Slots
from packshot.update.state import FILE_MODE, Release, StateFile

Sleep = Callable[[float], None]


@dataclass(frozen=True)
class Box:
    """One box. ``machine`` is "<machine>-cp<python>"; ``say`` hears what is being done, for people."""

    layout: Layout
    settings: Settings
    clock: Clock
    states: StateFile
    builder: Builder
    service: Service
    machine: str
    say: Callable[[str], None]
    sleep: Sleep

    @property
    def slots(self) -> Slots:
        """The releases."""
        return Slots(self.layout.prefix)

    @property
    def environments(self) -> Slots:
        """The updater's own environments."""
        return Slots(self.layout.updater)

    @property
    def files(self) -> SystemFiles:
        """Units and rules outside the slots."""
        return SystemFiles(self.layout)

    @property
    def boot_id(self) -> str:
        """Another one after each boot."""
        try:
            return self.layout.boot_id.read_text().strip()
        except OSError:
            return ""

    @property
    def platform(self) -> str:
        """What this box takes: its machine and Python, in the flavour of the slot that runs."""
        running = self.slots.running()
        flavour = self.slots.platform(running.slot).partition("-cp")[2].partition("-")[2] if running else ""
        return f"{self.machine}-{flavour}" if flavour else self.machine

    def running(self) -> Release | None:
        """What ``current`` points to."""
        return self.slots.running()

    def mark(self, guarded: bool, pending: bool) -> None:
        """Say to the units whether starts count and whether a probation is on; durable."""
        for path, there in ((self.layout.guarded, guarded), (self.layout.pending, pending)):
            if there and not path.exists():
                durable.write_file(path, b"", FILE_MODE)
            elif not there and path.exists():
                path.unlink()
                durable.sync_folder(path.parent)


def machine_name() -> str:
    """This machine and the Python that its environments are made with."""
    return f"{platform.machine()}-cp{sys.version_info.major}{sys.version_info.minor}"
