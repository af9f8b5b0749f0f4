"""Area averages of 8-bit pictures, rounded alike on every processor.

OpenCV's own average of 8-bit pictures adds in float32, in an order and with fused products as the processor has them:
what lies half-way between two values falls to either side, and the network then sees another picture on a board.
"""

from math import gcd
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

RGB8 = NDArray[np.uint8]
Sums = NDArray[np.floating[Any]]
Index = NDArray[np.intp]

ROUNDOFF = 2.0**-24
WHOLE_IN_FLOAT32 = 2**24
COPY_LIMIT_PX = 1 << 21
WORKING_SIDE = 1024  # px, of the picture on which network, matte and colours work
LEAST_SIDE = 560  # px, the least shorter side of a photo that was halved, or decoded at a part of its size


def working_picture(picture: RGB8) -> RGB8:
    """An (H, W, 3) uint8 picture with its longer side at most ``WORKING_SIDE`` px.

    It is halved first: OpenCV averages four pixels faster than it does any other number.
    """
    while min(picture.shape[:2]) >= 2 * LEAST_SIDE:
        picture = shrink(picture, picture.shape[0] // 2, picture.shape[1] // 2)
    height, width = picture.shape[:2]
    scale = WORKING_SIDE / max(height, width)
    return picture if scale >= 1 else shrink(picture, max(1, round(height * scale)), max(1, round(width * scale)))


def shrink(picture: RGB8, height: int, width: int) -> RGB8:
    """Average an (H, W) or (H, W, C) uint8 picture in height x width cells; H >= height, W >= width.

    A pixel counts by the area of it that lies in the cell. What is half-way between two values is rounded upwards;
    where both factors are whole OpenCV decides, which adds whole numbers then.
    """
    rows, columns = picture.shape[:2]
    if rows % height == 0 and columns % width == 0:
        return np.asarray(_opencv_area(picture, height, width), np.uint8)
    if rows * columns > COPY_LIMIT_PX:
        return _in_whole_numbers(picture, height, width)
    if _floats_tell_apart(rows, columns, height, width):
        return _in_floats(picture, height, width)
    return _in_floats_but_doubts(picture, height, width)


def _grid(rows: int, columns: int, height: int, width: int) -> int:
    """Every average is a multiple of 1 / this."""
    return (rows // gcd(rows, height)) * (columns // gcd(columns, width))


def _floats_tell_apart(rows: int, columns: int, height: int, width: int) -> bool:
    """Whether the error of float32 stays below a quarter of the distance of two averages."""
    return 4 * _error(rows, columns, height, width) * _grid(rows, columns, height, width) < 1


def _error(rows: int, columns: int, height: int, width: int) -> float:
    """The most by which an average in float32 can be wrong.

    n products are added with at most about n + 2 roundings (Higham, Accuracy and Stability of Numerical Algorithms,
    section 3.1), here once for each direction.
    """
    return 255 * (rows / height + columns / width + 9) * ROUNDOFF


def _in_floats(picture: RGB8, height: int, width: int) -> RGB8:
    """A quarter of the averages' distance is added, so that none is half-way and none gets there by an error."""
    rows, columns = picture.shape[:2]
    average: Sums = _opencv_area(picture.astype(np.float32), height, width)
    average += np.float32(0.25 / _grid(rows, columns, height, width))
    return np.asarray(np.rint(average, out=average), np.uint8)


def _in_floats_but_doubts(picture: RGB8, height: int, width: int) -> RGB8:
    """What lies so near half-way that an error could decide is averaged again, in whole numbers."""
    rows, columns = picture.shape[:2]
    average: Sums = _opencv_area(picture.astype(np.float32), height, width)
    nearest = np.rint(average)
    off = np.abs(average - nearest, out=average)
    small = np.asarray(nearest, np.uint8)
    doubts = np.flatnonzero(off > 0.5 - 2 * _error(rows, columns, height, width))
    cells = np.unravel_index(doubts, off.shape)
    small[cells] = _averages_at(picture, height, width, cells)
    return small


def _averages_at(picture: RGB8, height: int, width: int, cells: tuple[Index, ...]) -> NDArray[np.uint8]:
    """The averages in some cells, given by row, column and, for a picture of channels, channel."""
    y, down = _covered(picture.shape[0], height, cells[0])
    x, across = _covered(picture.shape[1], width, cells[1])
    pixels = picture[(y[:, :, None], x[:, None, :], *(channel[:, None, None] for channel in cells[2:]))]
    sums = np.einsum("nyx,ny,nx->n", pixels.astype(np.int64), down, across)
    area = down[:1].sum() * across[:1].sum()
    return np.asarray((2 * sums + area) // (2 * area), np.uint8)


def _covered(length: int, count: int, cells: Index) -> tuple[Index, Index]:
    """Which of ``length`` pixels lie in each of some of ``count`` cells, and by how much in whole units, (N, most)."""
    unit, pitch = count // gcd(length, count), length // gcd(length, count)
    start = cells[:, None] * pitch
    pixels = start // unit + np.arange(pitch // unit + 2)
    shares = np.minimum((pixels + 1) * unit, start + pitch) - np.maximum(pixels * unit, start)
    return np.minimum(pixels, length - 1), np.maximum(shares, 0)


def _opencv_area(picture: NDArray[Any], height: int, width: int) -> NDArray[Any]:
    return np.asarray(cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA))


def _in_whole_numbers(picture: RGB8, height: int, width: int) -> RGB8:
    """Sums of whole numbers, which floating point holds exactly: neither order nor fused products matter."""
    rows, columns = picture.shape[:2]
    tall, area = rows // gcd(rows, height), _grid(rows, columns, height, width)
    across = _weighted_sums(picture.reshape(rows, -1), height, 255 * tall)
    turned = cv2.transpose(across.reshape(height, columns, -1)).reshape(columns, -1)
    sums = _weighted_sums(turned, width, 255 * area).astype(np.float64)
    sums += area / 2
    sums /= area
    average = cv2.transpose(sums.astype(np.uint8).reshape(width, height, -1))
    return np.asarray(average, np.uint8).reshape(height, width, *picture.shape[2:])


def _weighted_sums(lines: NDArray[Any], count: int, most: int) -> Sums:
    """``count`` sums over (n, m) lines, (count, m); a line counts by its share in the sum's cell, in whole units.

    ``most`` is the largest sum that can be. A line on the edge of two cells is split between them.
    """
    unit, pitch = count // gcd(len(lines), count), len(lines) // gcd(len(lines), count)
    kind, depth = (np.float32, cv2.CV_32F) if most < WHOLE_IN_FLOAT32 else (np.float64, cv2.CV_64F)
    sums: Sums = np.empty((count, lines.shape[1]), kind)
    split: Sums = np.zeros(lines.shape[1], kind)
    for cell in range(count):
        (first, before), (last, behind) = divmod(cell * pitch, unit), divmod((cell + 1) * pitch, unit)
        cv2.reduce(lines[first:last], 0, cv2.REDUCE_SUM, sums[cell : cell + 1], depth)
        sums[cell] *= unit
        if before:
            sums[cell] -= split
        if behind:
            np.multiply(lines[last], kind(behind), out=split)
            sums[cell] += split
    return sums
