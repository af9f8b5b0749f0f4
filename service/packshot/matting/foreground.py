"""The product's own colour where background shines through its edge: blur-fusion foreground estimation.

Forte: Approximate Fast Foreground Colour Estimation, ICIP 2021. The passes run on a picture of about a megapixel, the
wide one at half of that, the narrow ones in tiles that hold an edge; the last correction uses the photo's own pixels.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from packshot.matting.band import in_between, points, sample, strips

Float = NDArray[np.float32]
RGB8 = NDArray[np.uint8]
RGBA8 = NDArray[np.uint8]
Alpha8 = NDArray[np.uint8]
Box = tuple[int, int, int, int]
Window = tuple[slice, slice]

TINY = np.float32(1e-5)


@dataclass(frozen=True)
class ColourSettings:
    """Blur widths in pixels of the picture they run on: of the wide pass at half of it, and of the narrow passes."""

    wide: int = 61
    narrow: tuple[int, ...] = (15, 5, 3)
    tile: int = 96


@dataclass(frozen=True)
class Colours:
    """Foreground and background of a whole picture, each (h, w, 3) float32 in [0, 1]; right where alpha is soft."""

    foreground: Float
    background: Float


def blur_fusion(image: Float, alpha: Float, colours: Colours, size: int) -> Colours:
    """One pass over ``image`` (H, W, 3) and ``alpha`` (H, W), float32 in [0, 1], with a blur of ``size`` px.

    F = blur(F a) / blur(a), B = blur(B (1 - a)) / blur(1 - a); then both move the least way, measured in squares, that
    makes a F + (1 - a) B = I, and are clipped. (Forte moves F alone, by a times the residual; this halves the error.)
    """
    a, b = alpha[..., None], (1 - alpha)[..., None]
    weight = _blur(alpha, size)[..., None]
    foreground = _blur(colours.foreground * a, size)
    foreground *= 1 / (weight + TINY)
    background = _blur(colours.background * b, size)
    background *= 1 / (1 - weight + TINY)
    residual = image - a * foreground
    residual -= b * background
    residual *= 1 / (a * a + b * b)
    foreground += a * residual
    background += b * residual
    return Colours(np.clip(foreground, 0, 1, out=foreground), np.clip(background, 0, 1, out=background))


def estimate_colours(rgb: RGB8, alpha: Alpha8, settings: ColourSettings | None = None) -> Colours:
    """Foreground and background at the resolution of ``rgb`` (H, W, 3) and ``alpha`` (H, W), both uint8."""
    settings = settings or ColourSettings()
    height, width = alpha.shape
    half = (max(1, width // 2), max(1, height // 2))
    halves = (np.asarray(cv2.resize(part, half, interpolation=cv2.INTER_AREA), np.uint8) for part in (rgb, alpha))
    small, coverage = (_unit(part) for part in halves)
    wide = blur_fusion(small, coverage, Colours(small, small), settings.wide)
    enlarged = (cv2.resize(part, (width, height)) for part in (wide.foreground, wide.background))
    foreground, background = (np.asarray(part, np.float32) for part in enlarged)
    margin = sum(size // 2 for size in settings.narrow)
    result = Colours(foreground.copy(), background.copy())
    for outer, inner, place in _edge_tiles(alpha, settings.tile, margin):
        here = Colours(foreground[outer], background[outer])
        image, coverage = _unit(rgb[outer]), _unit(alpha[outer])
        for size in settings.narrow:
            here = blur_fusion(image, coverage, here, size)
        result.foreground[place], result.background[place] = here.foreground[inner], here.background[inner]
    return result


def decontaminate(rgb: RGB8, alpha: Alpha8, colours: Colours, box: Box) -> RGBA8:
    """The cutout inside ``box`` (left, top, width, height): (height, width, 4) uint8, straight alpha.

    Estimated colour where alpha is soft, the photo's where it is 255, zero where it is 0. ``rgb`` (H, W, 3) and
    ``alpha`` (H, W) are uint8; ``colours`` are of the same picture at any scale.
    """
    left, top, width, height = box
    inside = (slice(top, top + height), slice(left, left + width))
    rgba = np.asarray(cv2.cvtColor(rgb[inside], cv2.COLOR_RGB2RGBA), np.uint8)
    cv2.insertChannel(alpha[inside], rgba, 3)
    for rows in strips(0, height):
        coverage = rgba[rows, :, 3]
        x, y = points(in_between(np.ascontiguousarray(coverage)))
        if len(x):
            a, image = _unit(coverage[y, x])[:, None], _unit(rgba[rows][y, x, :3])
            at = (x + np.int32(left), y + np.int32(top + rows.start), *alpha.shape)
            foreground, background = sample(colours.foreground, *at), sample(colours.background, *at)
            rgba[rows][y, x, :3] = np.rint(_correct(image, a, foreground, background) * 255)
        rgba[rows] = cv2.copyTo(rgba[rows], coverage.copy())
    return rgba


def _edge_tiles(alpha: Alpha8, size: int, margin: int) -> Iterator[tuple[Window, Window, Window]]:
    """Tiles that hold soft alpha: with their margin, without it inside that, without it in the picture."""
    height, width = alpha.shape
    band = in_between(alpha)
    for rows in strips(0, height, size):
        for columns in strips(0, width, size):
            if cv2.hasNonZero(band[rows, columns]):
                outer_rows, inner_rows = _widen(rows, margin, height)
                outer_columns, inner_columns = _widen(columns, margin, width)
                yield (outer_rows, outer_columns), (inner_rows, inner_columns), (rows, columns)


def _widen(part: slice, margin: int, length: int) -> tuple[slice, slice]:
    """The part with a margin on both sides, and where the part lies inside that."""
    start, stop = max(part.start - margin, 0), min(part.stop + margin, length)
    return slice(start, stop), slice(part.start - start, part.stop - start)


def _correct(image: Float, a: Float, foreground: Float, background: Float) -> Float:
    """F + a (I - a F - (1 - a) B), clipped: the foreground that explains the pixel better."""
    return np.asarray(np.clip(foreground + a * (image - a * foreground - (1 - a) * background), 0, 1), np.float32)


def _blur(values: Float, size: int) -> Float:
    return np.asarray(cv2.blur(values, (size, size), borderType=cv2.BORDER_REPLICATE), np.float32)


def _unit(values: NDArray[np.uint8]) -> Float:
    return np.multiply(values, np.float32(1 / 255), dtype=np.float32)
