"""The log of a fleet test: what happened, box by box, for people."""

import time
from pathlib import Path


class Story:
    """Writes lines to ``fleet.log`` in a folder, and prints them."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self._file = (folder / "fleet.log").open("a", encoding="utf-8")

    def chapter(self, title: str) -> None:
        """A new scene."""
        self._write(f"\n== {title}")

    def tell(self, who: str, what: str) -> None:
        """Something that a box, or another part of the scene, did."""
        self._write(f"{time.strftime('%H:%M:%S')}  {who:10} {what}")

    def close(self) -> None:
        """No more is told."""
        self._file.close()

    def _write(self, line: str) -> None:
        print(line, flush=True)
        self._file.write(f"{line}\n")
        self._file.flush()
