"""The log of a fleet test: what happened, box by box, for people."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path

STEPS = {
    "fetch": "fetched",
    "verify": "verified",
    "stage": "built",
    "selftest": "tested beside the old one",
    "switched": "switched to",
    "rollback": "found bad",
}
"""The history's words for what comes next, as what was done."""


class Story:
    """Writes lines to ``fleet.log`` in a folder, and prints them."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self._file = (folder / "fleet.log").open("a", encoding="utf-8")

    def open(self, text: str) -> None:
        """What a reader has to know first."""
        self._write(text)

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


def went_through(events: Sequence[Mapping[str, str]]) -> str:
    """What a box did, from the lines that its history has gained.

    >>> went_through([{"event": "fetch", "version": "3.0.0"}, {"event": "failed", "version": "", "detail": "no room"}])
    '3.0.0: fetched, failed: no room'
    """
    if not events:
        return "was left alone"
    steps = ", ".join(STEPS.get(event["event"], event["event"]) for event in events)
    why = next((event["detail"] for event in events if event["event"] in ("failed", "rolled back")), "")
    return f"{events[0]['version']}: {steps}" + (f": {why}" if why else "")
