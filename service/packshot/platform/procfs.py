"""The kernel's files under /proc, /sys and /run, reached through one prefix that tests point at a small folder."""

from dataclasses import dataclass
from pathlib import Path

LARGEST_FILE = 1 << 20


@dataclass(frozen=True)
class HostFiles:
    """``prefix`` is "/" on a real machine; names are relative ("run/systemd/timesync/synchronized")."""

    prefix: Path = Path("/")

    def path(self, name: str) -> Path:
        """Where the file lies below the prefix."""
        return self.prefix / name

    def exists(self, name: str) -> bool:
        """Whether the file is there; False also when we may not look."""
        try:
            return self.path(name).exists()
        except OSError:
            return False

    def text(self, name: str) -> str | None:
        """The file's text without surrounding space, or None when it cannot be read on this board."""
        try:
            with self.path(name).open("rb") as file:
                return file.read(LARGEST_FILE).decode("utf-8", "replace").strip()
        except OSError:
            return None

    def number(self, name: str) -> int | None:
        """The file's text as a whole number (decimal, or hexadecimal with 0x), or None."""
        text = self.text(name)
        try:
            return int(text, 0) if text else None
        except ValueError:
            return None
