"""A copy of the repository on a stick in a box, and the damage that can be done to it."""

import hashlib
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from tests.fleet.box import Box

WHERE = "mnt/stick"
DIGEST_CHARACTERS = 64


class Stick:
    """The stick lies in ``box`` from the beginning to the end of the ``with``; names are paths below its folder."""

    def __init__(self, box: Box, repository: Path) -> None:
        self.folder = box.root / WHERE
        shutil.copytree(repository, self.folder)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self.folder)

    @contextmanager
    def damaged(self, name: str) -> Iterator[None]:
        """One bit in the middle of a file is another."""
        path = self.folder / name
        whole = path.read_bytes()
        middle = len(whole) // 2
        path.write_bytes(whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :])
        yield
        path.write_bytes(whole)

    def overwrite_all_but(self, names: Iterable[str]) -> int:
        """Put something else into every other file; how many these are."""
        others = {path for path in self.folder.rglob("*") if path.is_file()} - {self.folder / name for name in names}
        for path in others:
            path.write_bytes(b"something else")
        return len(others)


def asked_for(asked: Iterable[str], repository: Path) -> list[str]:
    """What a web server was asked for and had, in order, each once."""
    names = dict.fromkeys(path.removeprefix("/") for path in asked)
    return [name for name in names if (repository / name).is_file()]


def plain_name(name: str) -> str:
    """A file's name without its folder, and without the digest before it."""
    first, _, rest = name.rpartition("/")[2].partition(".")
    return rest if len(first) == DIGEST_CHARACTERS else f"{first}.{rest}"


def contents(box: Box, slot: str) -> dict[str, str]:
    """Path to sha256 of every file in a slot, but for what Python compiles by itself."""
    folder = box.root / "opt/packshot/releases" / slot
    files = (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink() and path.suffix != ".pyc")
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def forget_downloads(box: Box) -> None:
    """Let the next install fetch everything anew."""
    shutil.rmtree(box.root / "var/lib/packshot-updater/downloads", ignore_errors=True)
