"""Tiles that hold an edge: filters run over them and over nothing else."""

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from packshot.matting.band import points

Bytes8 = NDArray[np.uint8]
Index = NDArray[np.intp]

BATCH_PIXELS = 16_384  # what stays in the cache while a dozen filters pass over it


@dataclass(frozen=True)
class TileGrid:
    """The busy tiles of a picture of ``height`` x ``width``, each ``tile`` px square with ``margin`` px around it.

    ``rows`` and ``columns`` say which tiles, counted from the top left. A filter that reaches no further than
    ``margin`` px is right inside the margins, whatever lies beside the tile.
    """

    height: int
    width: int
    tile: int
    margin: int
    rows: Index
    columns: Index

    @classmethod
    def over(cls, busy: Bytes8, tile: int, margin: int, share: float = 0.0) -> "TileGrid":
        """The tiles of whose pixels more than a ``share`` are not zero in ``busy`` (H, W)."""
        rows, columns = np.nonzero(held(busy, tile) > share * tile * tile)
        return cls(busy.shape[0], busy.shape[1], tile, margin, rows, columns)

    @classmethod
    def whole(cls, height: int, width: int, margin: int) -> "TileGrid":
        """One tile that holds all of a picture."""
        return cls(height, width, max(height, width), margin, np.zeros(1, np.intp), np.zeros(1, np.intp))

    @property
    def side(self) -> int:
        """Pixels of a tile's side with its margins."""
        return self.tile + 2 * self.margin

    def batches(self) -> Iterator[slice]:
        """The tiles in portions of a bounded number of pixels."""
        count = max(1, BATCH_PIXELS // self.side**2)
        for first in range(0, len(self.rows), count):
            yield slice(first, min(first + count, len(self.rows)))

    def padded(self, picture: Bytes8) -> Bytes8:
        """The picture (H, W) or (H, W, C) with the margin around it and filled up to whole tiles, border repeated."""
        below, right = -self.height % self.tile + self.margin, -self.width % self.tile + self.margin
        grown = cv2.copyMakeBorder(picture, self.margin, below, self.margin, right, cv2.BORDER_REPLICATE)
        return np.asarray(grown, np.uint8)

    def cut(self, padded: Bytes8, batch: slice) -> Bytes8:
        """Tiles with their margins, (n, side, side) or (n, side, side, C)."""
        tiles: Bytes8 = _windows(padded, self.tile, self.side)[self.rows[batch], self.columns[batch]]
        return tiles

    def paste(self, tiles: Bytes8, batch: slice, padded: Bytes8) -> None:
        """Write tiles as ``cut`` gives them, margins off, to where they lie in a padded picture."""
        inner = slice(self.margin, self.margin + self.tile)
        places = _windows(padded[self.margin :, self.margin :], self.tile, self.tile, writeable=True)
        places[self.rows[batch], self.columns[batch]] = tiles[:, inner, inner]

    def unpadded(self, padded: Bytes8) -> Bytes8:
        """The picture without what ``padded`` put around it."""
        down, across = (slice(self.margin, self.margin + length) for length in (self.height, self.width))
        return padded[down, across]


def held(busy: Bytes8, tile: int) -> Index:
    """How many non-zero pixels of ``busy`` (H, W) each tile holds, (rows, columns) of tiles."""
    down, across = (-(-length // tile) for length in busy.shape)
    x, y = points(busy)
    return np.bincount(y // tile * across + x // tile, minlength=down * across).reshape(down, across)


def _windows(padded: Bytes8, step: int, side: int, writeable: bool = False) -> NDArray[np.uint8]:
    """Every window of ``side`` px at every ``step`` px as (rows, columns, side, side[, C]), without a copy."""
    down, across = ((length - side) // step + 1 for length in padded.shape[:2])
    strides = (padded.strides[0] * step, padded.strides[1] * step, *padded.strides)
    return as_strided(padded, (down, across, side, side, *padded.shape[2:]), strides, writeable=writeable)
