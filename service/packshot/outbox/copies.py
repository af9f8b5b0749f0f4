"""Which copies lie in the object store on our account, noted on disk before their first byte goes there.

<folder>/<capture id>    the keys of its copies, one on each line

The notes outlive the process, so a copy is also found and deleted when its capture was cancelled, purged, or
receipted in a life of the daemon that had not staged it.
"""

import re
from collections.abc import Collection
from pathlib import Path

from packshot.domain import CAPTURE_ID
from packshot.errors import SpoolFull
from packshot.platform.durable import make_folder, write_file

KEY = re.compile(r"[a-z0-9-]+/[0-9a-z]{26}/[0-9a-f]{64}")


class Copies:
    """The notes; used by one thread. Only ``note`` raises (SpoolFull); what cannot be read is taken for not there."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def note(self, capture_id: str, keys: Collection[str]) -> None:
        """Remember that these keys are about to be written, beside those noted before."""
        known = self.keys(capture_id)
        if known >= set(keys):
            return
        try:
            make_folder(self._folder)
            write_file(self._folder / capture_id, "\n".join(sorted({*known, *keys})).encode())
        except OSError as error:
            raise SpoolFull(f"{self._folder} cannot be written: {error}; nothing is uploaded without a note") from error

    def keys(self, capture_id: str) -> set[str]:
        """The keys noted for a capture."""
        try:
            lines = (self._folder / capture_id).read_text("ascii", "replace").splitlines()
        except OSError:
            return set()
        return {line for line in lines if KEY.fullmatch(line)}

    def captures(self) -> list[str]:
        """Captures with notes, oldest first."""
        try:
            return sorted(path.name for path in self._folder.iterdir() if CAPTURE_ID.fullmatch(path.name))
        except OSError:
            return []

    def forget(self, capture_id: str) -> None:
        """Its copies are gone."""
        (self._folder / capture_id).unlink(missing_ok=True)
