"""The band: where the coarse mask is unsure, and so where work at full resolution pays."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float32]
Bytes8 = NDArray[np.uint8]
RGB8 = NDArray[np.uint8]
Index = NDArray[np.int32]
Trimap = NDArray[np.uint8]
Mask = NDArray[np.uint8]

Truth = TypeVar("Truth", np.uint8, np.bool_)

Run = Callable[[Callable[[slice], None], Iterable[slice]], Iterable[None]]
"""How work is done strip by strip: the built-in ``map``, or that of a thread pool."""

BACKGROUND, UNKNOWN, FOREGROUND = 0, 128, 255
SURE_ABOVE = 0.95
SURE_BELOW = 0.05
STRIP = 512  # rows
LEAST_STRIP = 128  # beside another thread every small call waits for the interpreter
TOGETHER = 65_536  # pixels that are worked on at once, so that what is computed of them stays in the cache
REMAP_COLUMNS = 256


def trimap(mask: Float, radius: int) -> Trimap:
    """Sure background 0, sure foreground 255, unknown 128, from a coarse mask (h, w) in [0, 1].

    A pixel is sure when its whole neighbourhood of ``radius`` pixels is above .95 or below .05.
    """
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    lowest = cv2.erode(mask, kernel, borderType=cv2.BORDER_REPLICATE)
    highest = cv2.dilate(mask, kernel, borderType=cv2.BORDER_REPLICATE)
    unsure = np.where(highest < SURE_BELOW, np.uint8(BACKGROUND), np.uint8(UNKNOWN))
    return np.where(lowest > SURE_ABOVE, np.uint8(FOREGROUND), unsure)


def in_between(gray: Mask) -> Mask:
    """255 where an 8-bit alpha or trimap (H, W) is neither 0 nor 255, else 0."""
    if not gray.size:  # which OpenCV refuses
        return np.zeros_like(gray)
    return np.asarray(cv2.inRange(gray, np.array(1.0), np.array(254.0)), np.uint8)


def grown(mask: NDArray[Truth], px: int) -> NDArray[Truth]:
    """The non-zero pixels of a mask (H, W), bytes or truths, and the squares of ``px`` around them."""
    size = 2 * px + 1
    return np.asarray(cv2.dilate(mask.view(np.uint8), np.ones((size, size), np.uint8)), np.uint8).view(mask.dtype)


def strips(start: int, stop: int, rows: int = STRIP) -> Iterator[slice]:
    """Cut rows ``start`` to ``stop`` into slices of at most ``rows``; it bounds the memory of full-resolution work."""
    for top in range(start, stop, rows):
        yield slice(top, min(top + rows, stop))


def strips_by_need(where: Mask) -> Iterator[slice]:
    """``strips`` of all rows of a mask (H, W), shorter ones where many of its pixels are not zero."""
    per_row = cv2.countNonZero(where) / len(where) if where.size else 0.0
    return strips(0, len(where), min(STRIP, max(LEAST_STRIP, int(TOGETHER / max(per_row, 1.0)))))


def plain(height: int, width: int, colour: tuple[int, int, int]) -> RGB8:
    """A picture (height, width, 3) uint8 of one colour; row by row, since numpy repeats three bytes slowly."""
    if len(set(colour)) == 1:
        return np.full((height, width, 3), colour[0], np.uint8)
    picture = np.empty((height, width * 3), np.uint8)
    picture[:] = np.tile(np.array(colour, np.uint8), width)
    return picture.reshape(height, width, 3)


def points(mask: Mask, left: int = 0, top: int = 0) -> tuple[Index, Index]:
    """Columns and rows of the non-zero pixels of a mask (H, W) whose corner lies at (left, top), in reading order."""
    if not mask.size:
        return np.empty(0, np.int32), np.empty(0, np.int32)
    ones = np.asarray(cv2.threshold(mask, 0, 1, cv2.THRESH_BINARY)[1], np.uint8).reshape(mask.shape)
    # numpy searches booleans far quicker than OpenCV's findNonZero does bytes
    at = np.flatnonzero(ones.view(np.bool_)).astype(np.int32)
    y = at // np.int32(mask.shape[1])
    return at - y * np.int32(mask.shape[1]) + np.int32(left), y + np.int32(top)


def scatter(pixels: Bytes8 | Float, at: NDArray[np.integer], values: Bytes8 | Float) -> None:
    """``pixels[at] = values`` of (M, C) and (N, C), contiguous and of one type, in a part of the time."""
    whole = np.dtype((np.void, pixels.strides[0]))
    np.put(pixels.view(whole)[:, 0], at.astype(np.intp), values.view(whole)[:, 0])


@dataclass(frozen=True)
class Place:
    """The part of a picture of ``of_width`` x ``of_height`` px that begins at (left, top), all in its pixels."""

    left: int
    top: int
    width: int
    height: int
    of_width: int
    of_height: int

    @classmethod
    def whole(cls, height: int, width: int) -> "Place":
        """All of a picture."""
        return cls(0, 0, width, height, width, height)

    def within(self, x: Index, y: Index, height: int, width: int) -> tuple[Float, Float, int, int]:
        """Where pixels (x, y) of the part, scaled to height x width, lie in the whole; as ``sample`` takes it."""
        across, down = np.float32(self.width / width), np.float32(self.height / height)
        half = np.float32(0.5)
        return (
            (x + half) * across + np.float32(self.left - 0.5),
            (y + half) * down + np.float32(self.top - 0.5),
            self.of_height,
            self.of_width,
        )


def sample(coarse: Float | Bytes8, x: Index | Float, y: Index | Float, height: int, width: int) -> Float:
    """``coarse`` (h, w, C), C <= 4, enlarged bilinearly to height x width, at the pixels (x, y) alone: (N, C).

    Sample centres sit at (i + .5) / length, as in ``cv2.resize``.
    """
    values = _remapped((coarse,), x, y, height, width)[0]
    return np.asarray(values, np.float32).reshape(values.shape[0] * REMAP_COLUMNS, -1)[: len(x)]


def channels_at(
    pictures: Sequence[Bytes8], x: Index | Float, y: Index | Float, height: int, width: int
) -> list[list[Bytes8]]:
    """What ``sample`` gives of some pictures (h, w, 3) uint8 of one size, rounded, channel by channel (N,)."""
    values = _remapped(pictures, x, y, height, width)
    return [[np.asarray(channel, np.uint8).reshape(-1)[: len(x)] for channel in cv2.split(part)] for part in values]


def _remapped(
    pictures: Sequence[Float | Bytes8], x: Index | Float, y: Index | Float, height: int, width: int
) -> list[Any]:
    """Values at the pixels in rows of ``REMAP_COLUMNS``, and behind them some of no use."""
    rows, columns = pictures[0].shape[:2]
    map_x, map_y = (_places(values, scale) for values, scale in ((x, columns / width), (y, rows / height)))
    return [cv2.remap(part, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE) for part in pictures]


def _places(values: Index | Float, scale: float) -> Float:
    """(i + .5) * scale - .5 in rows of ``REMAP_COLUMNS``, filled up with nothing of use."""
    places = np.zeros(-(-len(values) // REMAP_COLUMNS) * REMAP_COLUMNS, np.float32)
    places[: len(values)] = values
    places *= np.float32(scale)
    places += np.float32(0.5 * scale - 0.5)
    return places.reshape(-1, REMAP_COLUMNS)
