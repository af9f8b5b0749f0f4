"""Slots: a folder per release that is complete or not used, and the symlink that says which one runs."""

import ctypes
import os
import shutil
from contextlib import suppress
from pathlib import Path

import msgspec

from packshot.platform import durable
from packshot.update.layout import COMPLETE, MANIFEST, RELEASE
from packshot.update.manifest import Manifest, SlotRelease
from packshot.update.state import FILE_MODE, FOLDER_MODE, Release


class Slots:
    """The slots in ``releases`` and the symlink ``current`` beside that folder.

    The updater's own environments are kept the same way, with a second symlink ``previous``.
    """

    def __init__(self, home: Path) -> None:
        self.home = home
        self.releases = home / "releases"
        self.current = home / "current"

    def path(self, slot: str) -> Path:
        """The folder of a slot."""
        return self.releases / slot

    def running(self) -> Release | None:
        """The release that ``current`` points to, None where nothing is installed."""
        try:
            slot = Path(self.current.readlink()).name
        except OSError:
            return None
        return self.release(slot)

    def release(self, slot: str) -> Release:
        """What lies in a slot, as far as it says so."""
        try:
            said = msgspec.json.decode((self.path(slot) / RELEASE).read_bytes(), type=SlotRelease)
        except (OSError, msgspec.DecodeError):
            return Release(slot.partition("+")[0], 0, slot)
        return Release(said.version, said.sequence, slot)

    def platform(self, slot: str) -> str:
        """The platform that a slot was made for, "" where it does not say."""
        try:
            return msgspec.json.decode((self.path(slot) / RELEASE).read_bytes(), type=SlotRelease).platform
        except (OSError, msgspec.DecodeError):
            return ""

    def manifest(self, slot: str) -> Manifest | None:
        """The manifest that a slot was built from, None where it was laid otherwise."""
        with suppress(OSError, msgspec.DecodeError):
            return msgspec.json.decode((self.path(slot) / MANIFEST).read_bytes(), type=Manifest)
        return None

    def stamp(self, slot: str) -> str:
        """What a complete slot was built from, "" for one that is not complete."""
        try:
            return (self.path(slot) / COMPLETE).read_text("utf-8").strip()
        except OSError:
            return ""

    def name_for(self, version: str, stamp: str) -> str:
        """The slot for what ``stamp`` stands for: never one that holds something else and may be running."""
        there = self.stamp(version)
        return version if there in ("", stamp) and not self._runs(version, stamp) else f"{version}+{stamp[:8]}"

    def _runs(self, slot: str, stamp: str) -> bool:
        running = self.running()
        return running is not None and running.slot == slot and self.stamp(slot) != stamp

    def clear(self, slot: str) -> Path:
        """An empty folder for a slot; what an interrupted attempt left is removed, its marker first."""
        path = self.path(slot)
        (path / COMPLETE).unlink(missing_ok=True)
        shutil.rmtree(path, ignore_errors=True)
        durable.make_folder(path, FOLDER_MODE)
        return path

    def seal(self, slot: str, stamp: str) -> None:
        """Flush everything in the slot, then say that it is complete."""
        sync_file_system(self.path(slot))
        durable.write_file(self.path(slot) / COMPLETE, f"{stamp}\n".encode(), FILE_MODE)

    def switch(self, slot: str, link: str = "current") -> None:
        """Let a symlink point to a slot: the old or the new one at any moment, durable when this returns."""
        fresh = self.home / f".{link}.new"
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(f"releases/{slot}")
        fresh.rename(self.home / link)
        durable.sync_folder(self.home)

    def points_to(self, link: str) -> str:
        """The slot that a symlink points to, "" if there is none."""
        try:
            return (self.home / link).readlink().name
        except OSError:
            return ""

    def collect(self, keep: frozenset[str]) -> list[str]:
        """Delete all slots but ``keep`` and those that a symlink points to; the names of those deleted.

        What is no folder is no slot, and left alone.
        """
        kept = keep | {self.points_to("current"), self.points_to("previous")}
        slots = [path.name for path in sorted(self.releases.glob("*")) if path.is_dir() and not path.is_symlink()]
        gone = [slot for slot in slots if slot not in kept]
        for slot in gone:
            (self.path(slot) / COMPLETE).unlink(missing_ok=True)
            shutil.rmtree(self.path(slot), ignore_errors=True)
        return gone


def sync_file_system(path: Path) -> None:
    """syncfs(2): flush the file system that ``path`` lies on; an error of the disk is raised, which sync(2) hides."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        if ctypes.CDLL(None, use_errno=True).syncfs(descriptor) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), str(path))
    finally:
        os.close(descriptor)
