"""Files of a release that lie outside its slot (units, rules): taken from the slot that runs, and put back with it."""

import shutil
from collections.abc import Iterator
from pathlib import Path

from packshot.platform import durable
from packshot.update.layout import Layout
from packshot.update.manifest import is_deploy_name
from packshot.update.state import FILE_MODE, FOLDER_MODE

DEPLOY = "deploy"


class SystemFiles:
    """``deploy/<folder>/<name>`` of a slot and its place below ``/usr/local/lib``."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout

    def apply(self, slot: Path) -> set[str]:
        """Make the system's files those of a slot; the folders in which something changed. Can be repeated."""
        changed = set()
        for folder, file in _files(slot):
            there, data = self._layout.system_file(folder, file.name), file.read_bytes()
            if not there.is_file() or there.read_bytes() != data:
                durable.make_folder(there.parent, FOLDER_MODE)
                durable.write_file(there, data, FILE_MODE)
                changed.add(folder)
        return changed

    def folders(self, slot: Path) -> set[str]:
        """Those in which a slot has files."""
        return {folder for folder, _ in _files(slot)}

    def remember(self, old: Path, new: Path) -> None:
        """Give an old slot that has no ``deploy/`` of its own copies of what the new one is about to replace."""
        if (old / DEPLOY).exists():
            return
        copies = old / f"{DEPLOY}{durable.TEMPORARY_SUFFIX}"
        shutil.rmtree(copies, ignore_errors=True)
        durable.make_folder(copies, FOLDER_MODE)
        for folder, file in _files(new):
            there = self._layout.system_file(folder, file.name)
            if there.is_file():
                durable.make_folder(copies / folder, FOLDER_MODE)
                durable.write_file(copies / folder / file.name, there.read_bytes(), FILE_MODE)
        copies.rename(old / DEPLOY)
        durable.sync_folder(old)


def _files(slot: Path) -> Iterator[tuple[str, Path]]:
    for file in sorted((slot / DEPLOY).glob("*/*")):
        if is_deploy_name(file.parent.name, file.name):
            yield file.parent.name, file
