"""Plays a button on gpio-sim's line: press.py PULL_FILE DEED. A real contact bounces; so does this one.

Prints the longest pause between two contacts in milliseconds: on a busy host it can be longer than any real one.
"""

import os
import sys
import time

DOWN, UP = b"pull-down", b"pull-up"  # the button connects to ground
HOLD_S = {"short": 0.5, "long": 2.5, "spike": 0.0}


class Line:
    """The line and when it last changed."""

    def __init__(self, path: str) -> None:
        self._file = os.open(path, os.O_WRONLY)
        self._last = 0.0
        self.longest_s = 0.0

    def begin(self) -> None:
        """Pauses count from here on."""
        self._last = time.monotonic()

    def pull(self, level: bytes) -> None:
        os.pwrite(self._file, level, 0)
        now = time.monotonic()
        self.longest_s, self._last = max(self.longest_s, now - self._last), now

    def bounce(self, end: bytes) -> None:
        """Ten contacts in a row before the line stays."""
        self.begin()
        for _ in range(10):
            self.pull(end)
            self.pull(UP if end == DOWN else DOWN)
        self.pull(end)


def main(path: str, deed: str) -> None:
    """Play one deed: short, long, or spike (there and back at once, shorter than the debounce)."""
    line = Line(path)
    if deed == "spike":
        line.begin()
        line.pull(DOWN)
        line.pull(UP)
    else:
        line.bounce(DOWN)
        time.sleep(HOLD_S[deed])
        line.bounce(UP)
    print(f"{line.longest_s * 1000:.1f}")


main(*sys.argv[1:])
