"""The band: where the coarse mask is unsure, and so where work at full resolution pays."""

from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float32]
Trimap = NDArray[np.uint8]

BACKGROUND, UNKNOWN, FOREGROUND = 0, 128, 255
SURE_ABOVE = 0.95
SURE_BELOW = 0.05


def trimap(mask: Float, radius: int) -> Trimap:
    """Sure background 0, sure foreground 255, unknown 128, from a coarse mask (h, w) in [0, 1].

    A pixel is sure when its whole neighbourhood of ``radius`` pixels is above .95 or below .05.
    """
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    lowest = cv2.erode(mask, kernel, borderType=cv2.BORDER_REPLICATE)
    highest = cv2.dilate(mask, kernel, borderType=cv2.BORDER_REPLICATE)
    regions = np.full(mask.shape, UNKNOWN, np.uint8)
    regions[lowest > SURE_ABOVE] = FOREGROUND
    regions[highest < SURE_BELOW] = BACKGROUND
    return regions


def tiles(height: int, width: int, size: int) -> Iterator[tuple[slice, slice]]:
    """Cut a height x width canvas into tiles of at most size x size, row by row."""
    for top in range(0, height, size):
        for left in range(0, width, size):
            yield slice(top, min(top + size, height)), slice(left, min(left + size, width))


def interpolation(source: int, target: int, part: slice) -> tuple[Float, slice]:
    """Bilinear enlargement of a line as a small matrix: weights (len(part), n) over source samples ``slice``.

    Sample centres sit at (i + .5) / length, as in ``cv2.resize``; outside the line its end samples go on.
    """
    at = (np.arange(part.start, part.stop, dtype=np.float64) + 0.5) * (source / target) - 0.5
    low = np.clip(np.floor(at).astype(np.intp), 0, max(source - 2, 0))
    fraction = np.clip(at - low, 0.0, 1.0)
    first, last = int(low[0]), min(int(low[-1]) + 2, source)
    weights = np.zeros((len(at), last - first), np.float32)
    rows = np.arange(len(at))
    weights[rows, low - first] = 1.0 - fraction
    if source > 1:
        weights[rows, low - first + 1] += fraction
    return weights, slice(first, last)


def enlarge_part(planes: Float, height: int, width: int, rows: slice, columns: slice) -> Float:
    """The part [rows, columns] of planes (C, h, w) enlarged bilinearly to (C, height, width), float32."""
    down, source_rows = interpolation(planes.shape[1], height, rows)
    across, source_columns = interpolation(planes.shape[2], width, columns)
    return np.asarray(down @ planes[:, source_rows, source_columns] @ across.T, np.float32)
