"""JPEG scans in independent pieces: a picture cut at its restart intervals, and scans put together from them.

ITU-T T.81, F.1.1.3: a restart marker sets the prediction back, so what lies between two of them says the same wherever
it stands; markers count from 0 to 7 and begin anew. An interval here is a row of 8 x 8 blocks that divides the
picture's rows of blocks evenly.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import cycle
from math import log

import cv2
import numpy as np
from numpy.typing import NDArray

from packshot.encode.jpeg import EOI, START_OF_FRAME, START_OF_SCAN, segments
from packshot.encode.port import RGB8

Index = NDArray[np.intp]

BLOCK = 8
BEST_LENGTH = 24  # blocks: shorter ones cost bytes, longer ones hold more that is plain
LEAST_LENGTH = 8
RESTART = 0xD0
RESTARTS = tuple(bytes([0xFF, RESTART + number]) for number in range(8))


@dataclass(frozen=True)
class Intervals:
    """A picture (H, W, 3) uint8 cut into intervals, in the order in which a scan holds them.

    ``lines`` (8 * rows * ``per_row``, 3 * px) are those of the intervals, as they follow each other in the picture,
    filled up to whole blocks.
    """

    height: int
    width: int
    per_row: int
    lines: NDArray[np.uint8]

    @classmethod
    def of(cls, rgb: RGB8) -> "Intervals":
        """Cut a picture."""
        height, width = rgb.shape[:2]
        below, right = -height % BLOCK, -width % BLOCK
        if below or right:
            rgb = np.asarray(cv2.copyMakeBorder(rgb, 0, below, 0, right, cv2.BORDER_REPLICATE), np.uint8)
        across = rgb.shape[1] // BLOCK
        per_row = across // _length(across)
        return cls(height, width, per_row, rgb.reshape(rgb.shape[0] * per_row, -1))

    @property
    def count(self) -> int:
        """How many there are."""
        return int(self.lines.shape[0]) // BLOCK

    @property
    def length(self) -> int:
        """Pixels from left to right."""
        return int(self.lines.shape[1]) // 3

    def darkest(self) -> NDArray[np.uint8]:
        """The least value in each, (count,)."""
        least = np.asarray(cv2.reduce(self.lines, 1, cv2.REDUCE_MIN), np.uint8)
        return np.asarray(least.reshape(-1, BLOCK, self.per_row).min(axis=1), np.uint8).reshape(-1)

    def stacked(self, chosen: Index) -> RGB8:
        """Some intervals, by number, one below the other: (8 * n, px, 3)."""
        rows, columns = np.divmod(chosen[:, np.newaxis], self.per_row)
        lines = (rows * BLOCK + np.arange(BLOCK)) * self.per_row + columns
        return self.lines.take(lines.reshape(-1), axis=0).reshape(-1, self.length, 3)

    def joined(self, head: bytes, scans: Iterable[bytes]) -> bytes:
        """A JPEG of this picture's size: the ``head`` of one that has intervals as long, and all scans."""
        frame = next(at for marker, at, _ in segments(head) if marker in START_OF_FRAME)
        size = self.height.to_bytes(2) + self.width.to_bytes(2)
        parts = [head[: frame + 5], size, head[frame + 9 :]]
        for scan, restart in zip(scans, cycle(RESTARTS), strict=False):
            parts += [scan, restart]
        return b"".join([*parts[:-1], EOI])


def split_scans(data: bytes) -> tuple[bytes, list[bytes]]:
    """What a JPEG has before its one scan, and the scan's intervals without the markers between them."""
    start = next(at + 4 + len(payload) for marker, at, payload in segments(data) if marker == START_OF_SCAN)
    coded = np.frombuffer(data, np.uint8)[start : -len(EOI)]
    ends = np.flatnonzero((coded[:-1] == 0xFF) & (coded[1:] & 0xF8 == RESTART)) + start
    starts = [start, *(ends + 2).tolist()]
    return data[:start], [data[a:b] for a, b in zip(starts, [*ends.tolist(), len(data) - len(EOI)], strict=True)]


def _length(across: int) -> int:
    """Blocks of an interval where there are ``across`` in a row."""
    fitting = [length for length in range(LEAST_LENGTH, across + 1) if across % length == 0]
    return min(fitting, key=lambda length: abs(log(length / BEST_LENGTH)), default=across)
