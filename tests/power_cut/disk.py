"""A disk that can lose its power: what was written, what was flushed, and what may be left afterwards.

The model is harsher than common file systems: a flush of a file says nothing about its name, a flush of a folder
nothing about the bytes of its files, and whatever was not flushed may be kept or lost, names in their order within a
folder, bytes in any order and in sectors of 512. After the all-or-nothing crash states of Pillai et al., "All File
Systems Are Not Created Equal", OSDI 2014.
"""

import random
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from tests.power_cut.trace import Call

SECTOR = 512
NOT_ON_DISK = "-shm"
"""SQLite's shared memory is rebuilt by whoever opens the index first."""


class Loss(Enum):
    """What becomes of all that was not flushed when the power goes."""

    EVERYTHING = "everything unflushed is lost"
    NOTHING = "nothing is lost"
    BYTES = "names survive, bytes are lost"
    NAMES = "bytes survive, names are lost"
    SOME = "some of both is lost"


@dataclass
class File:
    """``now`` as programs see it, ``flushed`` as it was at the last fsync, ``writes`` since then."""

    now: bytearray = field(default_factory=bytearray)
    flushed: bytes = b""
    writes: list[tuple[int | None, bytes]] = field(default_factory=list)

    def write(self, offset: int | None, data: bytes) -> None:
        """``offset`` None is the end of the file."""
        where = len(self.now) if offset is None else offset
        self.now = _written(self.now, where, data)
        self.writes.append((where, data))

    def truncate(self, size: int) -> None:
        """Cut to ``size``, or fill up with zeros."""
        self.now = bytearray(self.now[:size].ljust(size, b"\0"))
        self.writes.append((None, size.to_bytes(8)))

    def flush(self) -> None:
        """What fsync does."""
        self.flushed, self.writes = bytes(self.now), []

    def after(self, loss: Loss, chance: random.Random) -> bytes:
        """The bytes after a power cut."""
        if loss in (Loss.NOTHING, Loss.NAMES):
            return bytes(self.now)
        if loss in (Loss.EVERYTHING, Loss.BYTES):
            return self.flushed
        left = bytearray(self.flushed)
        for where, data in self.writes:
            if where is None:
                left = bytearray(left[: int.from_bytes(data)]) if chance.random() < 0.5 else left
                continue
            for start in range(0, len(data), SECTOR):
                if chance.random() < 0.5:
                    left = _written(left, where + start, data[start : start + SECTOR])
        return bytes(left)


@dataclass
class Folder:
    """Names ``now``, names ``flushed``, and the changes between them, each to be kept or lost as one."""

    now: "dict[str, File | Folder]" = field(default_factory=dict)
    flushed: "dict[str, File | Folder]" = field(default_factory=dict)
    changes: "list[dict[str, File | Folder | None]]" = field(default_factory=list)

    def change(self, names: "dict[str, File | Folder | None]") -> None:
        """Set (or with None remove) names in one step."""
        _apply(self.now, names)
        self.changes.append(names)

    def flush(self) -> None:
        """What fsync of a folder does."""
        self.flushed, self.changes = dict(self.now), []

    def after(self, loss: Loss, chance: random.Random) -> "dict[str, File | Folder]":
        """The names after a power cut."""
        if loss in (Loss.NOTHING, Loss.BYTES):
            return self.now
        left = dict(self.flushed)
        for names in self.changes[: chance.randint(0, len(self.changes)) if loss is Loss.SOME else 0]:
            _apply(left, names)
        return left


class Disk:
    """Everything below one folder, followed call by call."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._top = Folder()

    @classmethod
    def of(cls, root: Path) -> "Disk":
        """A disk that holds what lies below ``root``, all of it flushed."""
        disk = cls(root)
        for path in sorted(root.rglob("*")):
            node: File | Folder = Folder() if path.is_dir() else File(bytearray(path.read_bytes()))
            disk._set(path, node)
        for node in disk._nodes():
            node.flush()
        return disk

    def do(self, call: Call) -> None:
        """Follow one call; calls on other files change nothing."""
        if not call.path.is_relative_to(self._root) or call.path.name.endswith(NOT_ON_DISK):
            return
        node = self._find(call.path)
        if call.name == "open" and node is None:
            self._set(call.path, File())
        elif call.name == "mkdir":
            self._set(call.path, Folder())
        elif call.name == "unlink":
            self._set(call.path, None)
        elif call.name == "rename" and call.to:
            self._rename(call.path, call.to)
        elif call.name == "link" and call.to:
            self._set(call.to, node)
        elif call.name == "write" and isinstance(node, File):
            node.write(call.offset, call.data)
        elif call.name == "ftruncate" and isinstance(node, File):
            node.truncate(call.offset or 0)
        elif call.name == "fsync" and node:
            node.flush()

    def unflushed(self) -> list[str]:
        """Files and folders below the root that a power cut could take back, relative to it."""
        return sorted(_unflushed("", self._top))

    def after_power_cut(self, image: Path, loss: Loss, seed: int = 0) -> None:
        """Write what is left into the folder ``image``."""
        _build(image, self._top, loss, random.Random(seed))

    def _rename(self, path: Path, to: Path) -> None:
        folder = self._find(path.parent)
        assert isinstance(folder, Folder)
        if path.parent == to.parent:
            folder.change({to.name: folder.now[path.name], path.name: None})
            return
        # Between folders nothing holds the two changes together: the file may be in both, or in neither.
        self._set(to, folder.now[path.name])
        self._set(path, None)

    def _set(self, path: Path, node: File | Folder | None) -> None:
        folder = self._find(path.parent)
        assert isinstance(folder, Folder), f"{path.parent} is not there"
        folder.change({path.name: node})

    def _find(self, path: Path) -> File | Folder | None:
        node: File | Folder | None = self._top
        for name in path.relative_to(self._root).parts:
            node = node.now.get(name) if isinstance(node, Folder) else None
        return node

    def _nodes(self) -> Iterable[File | Folder]:
        waiting: list[File | Folder] = [self._top]
        while waiting:
            node = waiting.pop()
            yield node
            if isinstance(node, Folder):
                waiting.extend(node.now.values())


def _written(data: bytearray, offset: int, new: bytes) -> bytearray:
    filled = bytearray(data.ljust(offset, b"\0"))
    filled[offset : offset + len(new)] = new
    return filled


def _apply(entries: dict[str, File | Folder], names: dict[str, File | Folder | None]) -> None:
    for name, node in names.items():
        if node is None:
            entries.pop(name, None)
        else:
            entries[name] = node


def _unflushed(name: str, node: File | Folder) -> list[str]:
    if isinstance(node, File):
        return [name] if node.writes else []
    below = [line for child, inner in node.now.items() for line in _unflushed(f"{name}/{child}".lstrip("/"), inner)]
    return [f"{name}/", *below] if node.changes else below


def _build(path: Path, node: File | Folder, loss: Loss, chance: random.Random) -> None:
    if isinstance(node, File):
        path.write_bytes(node.after(loss, chance))
        return
    path.mkdir()
    for name, inner in node.after(loss, chance).items():
        _build(path / name, inner, loss, chance)
