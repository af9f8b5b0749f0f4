"""Tiles that hold an edge, stacked into tall pictures: filters run over them and over nothing else."""

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

Bytes8 = NDArray[np.uint8]
Index = NDArray[np.intp]

BATCH_PIXELS = 16_384  # what stays in the cache while a dozen filters pass over it


@dataclass(frozen=True)
class TileGrid:
    """The busy tiles of a picture of ``height`` x ``width``, each ``tile`` px square with ``margin`` px around it.

    ``rows`` and ``columns`` say which tiles, counted from the top left. A stack is a picture of one tile's width, its
    tiles one under the other; a filter that reaches no further than ``margin`` px is right inside the margins.
    """

    height: int
    width: int
    tile: int
    margin: int
    rows: Index
    columns: Index

    @classmethod
    def over(cls, busy: Bytes8, tile: int, margin: int) -> "TileGrid":
        """The tiles that hold a non-zero pixel of ``busy`` (H, W)."""
        height, width = busy.shape
        down, across = -(-height // tile), -(-width // tile)
        even = cv2.copyMakeBorder(busy, 0, down * tile - height, 0, across * tile - width, cv2.BORDER_CONSTANT)
        share = cv2.resize(np.asarray(even, np.float32), (across, down), interpolation=cv2.INTER_AREA)
        rows, columns = np.nonzero(share)
        return cls(height, width, tile, margin, rows, columns)

    def batches(self) -> Iterator[slice]:
        """The tiles in portions of a bounded number of pixels."""
        count = max(1, BATCH_PIXELS // (self.tile + 2 * self.margin) ** 2)
        for first in range(0, len(self.rows), count):
            yield slice(first, min(first + count, len(self.rows)))

    def padded(self, picture: Bytes8) -> Bytes8:
        """The picture (H, W) or (H, W, C) with the margin around it and filled up to whole tiles, border repeated."""
        below, right = -self.height % self.tile + self.margin, -self.width % self.tile + self.margin
        grown = cv2.copyMakeBorder(picture, self.margin, below, self.margin, right, cv2.BORDER_REPLICATE)
        return np.asarray(grown, np.uint8)

    def cut(self, padded: Bytes8, batch: slice) -> Bytes8:
        """A stack of tiles with their margins, (n * side, side) or (n * side, side, C)."""
        side = self.tile + 2 * self.margin
        tiles = _windows(padded, self.tile, side)[self.rows[batch], self.columns[batch]]
        return tiles.reshape(-1, side, *padded.shape[2:])

    def paste(self, stack: Bytes8, batch: slice, picture: Bytes8) -> None:
        """Write a stack's tiles, margins off, to where they lie in ``picture`` (H, W, C)."""
        side = self.tile + 2 * self.margin
        tiles = stack.reshape(-1, side, side, *stack.shape[2:])
        inner = slice(self.margin, self.margin + self.tile)
        for tile, row, column in zip(tiles[:, inner, inner], self.rows[batch], self.columns[batch], strict=True):
            top, left = row * self.tile, column * self.tile
            place = picture[top : top + self.tile, left : left + self.tile]
            place[:] = tile[: place.shape[0], : place.shape[1]]


def _windows(padded: Bytes8, step: int, side: int) -> NDArray[np.uint8]:
    """Every window of ``side`` px at every ``step`` px as (rows, columns, side, side[, C]), without a copy."""
    down, across = ((length - side) // step + 1 for length in padded.shape[:2])
    strides = (padded.strides[0] * step, padded.strides[1] * step, *padded.strides)
    return as_strided(padded, (down, across, side, side, *padded.shape[2:]), strides, writeable=False)
