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

ROUNDOFF = 2.0**-24
WHOLE_IN_FLOAT32 = 2**24
COPY_LIMIT_PX = 1 << 21


def shrink(picture: RGB8, height: int, width: int) -> RGB8:
    """Average an (H, W) or (H, W, C) uint8 picture in height x width cells; H >= height, W >= width.

    A pixel counts by the area of it that lies in the cell. What is half-way between two values is rounded upwards;
    where both factors are whole OpenCV decides, which adds whole numbers then.
    """
    rows, columns = picture.shape[:2]
    if rows % height == 0 and columns % width == 0:
        return np.asarray(_opencv_area(picture, height, width), np.uint8)
    if rows * columns <= COPY_LIMIT_PX and _floats_tell_apart(rows, columns, height, width):
        return _in_floats(picture, height, width)
    return _in_whole_numbers(picture, height, width)


def _grid(rows: int, columns: int, height: int, width: int) -> int:
    """Every average is a multiple of 1 / this."""
    return (rows // gcd(rows, height)) * (columns // gcd(columns, width))


def _floats_tell_apart(rows: int, columns: int, height: int, width: int) -> bool:
    """Whether the error of float32 stays below a quarter of the distance of two averages.

    n products are added with at most about n + 2 roundings (Higham, Accuracy and Stability of Numerical Algorithms,
    section 3.1), here once for each direction.
    """
    error = 255 * (rows / height + columns / width + 9) * ROUNDOFF
    return 4 * error * _grid(rows, columns, height, width) < 1


def _in_floats(picture: RGB8, height: int, width: int) -> RGB8:
    """A quarter of the averages' distance is added, so that none is half-way and none gets there by an error."""
    rows, columns = picture.shape[:2]
    average: Sums = _opencv_area(picture.astype(np.float32), height, width)
    average += np.float32(0.25 / _grid(rows, columns, height, width))
    return np.asarray(np.rint(average, out=average), np.uint8)


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
