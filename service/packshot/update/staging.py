"""FETCH, VERIFY, STAGE, SELFTEST: from a manifest to a complete slot that has passed a test beside the old one."""

import hashlib
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from packshot.platform import durable
from packshot.update.box import Box
from packshot.update.deployment import DEPLOY
from packshot.update.layout import MANIFEST, RELEASE
from packshot.update.manifest import File, Manifest, SlotRelease, encode
from packshot.update.problems import UpdateNoRoom, UpdateRefused, UpdateUnhealthy, disk_errors
from packshot.update.repository import Repository, forget_downloads
from packshot.update.slots import Slots
from packshot.update.state import FILE_MODE, FOLDER_MODE, Progress

UNPACKED = 4
"""A slot is about so many times as large as its wheels."""
SPARE_BYTES = 64 << 20
DOCUMENTS = "documents"


def all_files(manifest: Manifest) -> list[File]:
    """What has to be fetched, the updater's wheels included, each once."""
    return list({file.target: file for file in (*manifest.files(), *manifest.updater.wheels)}.values())


def fetch(box: Box, repository: Repository, manifest: Manifest) -> None:
    """Fetch what is not there yet; goes on where an earlier attempt broke off."""
    files = all_files(manifest)
    _make_room(box, files)
    total, done = sum(file.bytes for file in files), 0
    for file in files:
        with disk_errors("the updater's state"):
            box.states.set(progress=Progress(done, total))
        box.say(f"fetching {file.name}")
        repository.fetch(file)
        done += file.bytes


def verify(repository: Repository, files: Sequence[File]) -> dict[Path, str]:
    """Read every file again and hold it against what is signed; path to sha256."""
    return {repository.verified(file): file.sha256 for file in files}


def stage(box: Box, repository: Repository, manifest: Manifest, data: bytes) -> str:
    """The slot's name once it is complete; one that is complete already is taken as it is."""
    stamp = hashlib.sha256(data).hexdigest()
    slot = box.slots.name_for(manifest.version, stamp)
    if box.slots.stamp(slot) == stamp:
        return slot
    wheels = verify(repository, manifest.wheels)

    def fill(path: Path) -> None:
        release = SlotRelease(1, manifest.version, manifest.sequence, manifest.platform, stamp)
        durable.write_new_file(path / MANIFEST, data, FILE_MODE)
        durable.write_new_file(path / RELEASE, encode(release), FILE_MODE)
        for entry in manifest.deploy:
            _copy(repository, entry.file, path / DEPLOY / entry.folder)
        for file in manifest.documents:
            _copy(repository, file, path / DOCUMENTS)

    build(box, box.slots, slot, stamp, wheels, fill=fill)
    return slot


def build(
    box: Box,
    slots: Slots,
    slot: str,
    stamp: str,
    wheels: Mapping[Path, str],
    fill: Callable[[Path], None] | None = None,
) -> None:
    """Build an environment at its final path; the marker comes last, and nothing is left where it fails."""
    box.say(f"building {slot}")
    with disk_errors(f"slot {slot}"):
        path = slots.clear(slot)
        try:
            box.builder.build(path, wheels, fill is not None and _site_packages(box), own=fill is None)
            if fill:
                fill(path)
            slots.seal(slot, stamp)
        except (OSError, UpdateRefused):
            shutil.rmtree(path, ignore_errors=True)
            raise


def selftest(box: Box, slot: str) -> None:
    """The golden photo through the new release's network, while the old one serves; raises UpdateUnhealthy."""
    box.say(f"testing {slot}")
    for part in box.builder.selftest(box.slots.path(slot), ["accelerator"], calm=True):
        if not part.ok:
            raise UpdateUnhealthy(f"{slot} failed its test before the switch: {part.part}: {part.text}")


def _copy(repository: Repository, file: File, folder: Path) -> None:
    folder.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
    durable.write_new_file(folder / file.name, repository.verified(file).read_bytes(), FILE_MODE)


def _site_packages(box: Box) -> bool:
    """Whether the slot that runs sees the system's packages: the camera stack is apt's on some systems."""
    try:
        config = (box.layout.current / "pyvenv.cfg").read_text("utf-8")
    except OSError:
        return False
    return any(line.replace(" ", "").lower() == "include-system-site-packages=true" for line in config.splitlines())


def _make_room(box: Box, files: Sequence[File]) -> None:
    """UpdateNoRoom where files and slot will not fit, after old slots and downloads have gone."""
    need = sum(file.bytes for file in files) * (1 + UNPACKED) + SPARE_BYTES
    if _free(box) >= need:
        return
    state = box.states.load()
    keep = frozenset(release.slot for release in (state.committed, state.previous, state.target) if release)
    box.slots.collect(keep)
    forget_downloads(box.layout, frozenset(file.sha256 for file in files))
    if (free := _free(box)) < need:
        raise UpdateNoRoom(f"{box.layout.prefix}: the update needs {need >> 20} MiB, {free >> 20} MiB are free")


def _free(box: Box) -> int:
    places = [box.layout.memory, box.layout.prefix]
    numbers = [os.statvfs(place) for place in places if place.exists()]
    return min(number.f_bavail * number.f_frsize for number in numbers)
