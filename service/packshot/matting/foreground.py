"""The product's own colour where background shines through its edge: blur fusion, level by level.

Blur fusion is Forte: Approximate Fast Foreground Colour Estimation, ICIP 2021; going from coarse to fine, so that
colours reach far into hair, is Germer et al.: Fast Multi-Level Foreground Estimation, ICPR 2020. Fine levels are worked
on in tiles that hold an edge, the last correction uses the photo's own pixels.
"""

from collections import deque
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from packshot.matting.band import Index, Place, Run, in_between, points, samples, scatter, strips
from packshot.matting.tiles import TileGrid, held

Float = NDArray[np.float32]
RGB8 = NDArray[np.uint8]
RGBA8 = NDArray[np.uint8]
Alpha8 = NDArray[np.uint8]

TINY = np.float32(1e-4)
AROUND = 96  # px: how far colours beside the band are looked at
WHOLE_BELOW = 160  # px of the longer side: levels as small as this are not cut into tiles
FINE_ABOVE = 640  # px of the longer side: in such a picture a clean edge is a thin line
FEW = 0.1  # of the tiles with an edge


@dataclass(frozen=True)
class ColourSettings:
    """``sizes`` are the blurs of the passes on each level, in its pixels; alpha to the ``power`` weighs pixels.

    In a large picture only the ``dense`` tiles are worked on, those of hair and fabric, of which more than this share
    is soft; where they are few, half the picture's size does. Along a clean edge the level below has the colours.
    """

    sizes: tuple[int, ...] = (5, 3, 3)
    power: int = 3
    tile: int = 24
    dense: float = 0.2


@dataclass(frozen=True)
class Colours:
    """Foreground and background of a whole picture, each (h, w, 3) uint8; right where alpha is soft."""

    foreground: RGB8
    background: RGB8


def blur_fusion(
    image: Float, alpha: Float, start: tuple[Float, Float], sizes: tuple[int, ...], power: int
) -> tuple[Float, Float]:
    """Foreground F and background B (H, W, 3) of ``image`` (H, W, 3) and ``alpha`` (H, W), all float32 in [0, 1].

    A pass for each size: F = blur(F a^n) / blur(a^n), B = blur(B (1 - a)^n) / blur((1 - a)^n), n = ``power``; then both
    move the least way, measured in squares, that makes a F + (1 - a) B = I, and are clipped. (Forte has n = 1 and moves
    F alone, by a times the residual; this leaves half the error.)
    """
    shares = (alpha, 1 - alpha)
    weights = [_power(share, power) + TINY for share in shares]
    whole = {size: [_three(np.float32(1) / _blur(weight, size)) for weight in weights] for size in set(sizes)}
    three = [_three(weight) for weight in weights]
    squares = shares[0] * shares[0] + shares[1] * shares[1]
    a, give_way = _three(alpha), _three(np.reciprocal(squares))
    foreground, background = start
    for size in sizes:
        foreground = _blur(foreground * three[0], size)
        foreground *= whole[size][0]
        background = _blur(background * three[1], size)
        background *= whole[size][1]
        residual = foreground - background
        residual *= a
        residual += background
        np.subtract(image, residual, out=residual)
        residual *= give_way
        background += residual
        residual *= a
        background -= residual
        foreground += residual
        np.clip(foreground, 0, 1, out=foreground)
        np.clip(background, 0, 1, out=background)
    return foreground, background


def estimate_colours(rgb: RGB8, alpha: Alpha8, settings: ColourSettings | None = None) -> Colours:
    """Foreground and background of ``rgb`` (H, W, 3) with ``alpha`` (H, W), both uint8, at that size or at half of it.

    They are estimated around the soft pixels; elsewhere both are the picture.
    """
    settings = settings or ColourSettings()
    dense = settings.dense if max(alpha.shape) > FINE_ABOVE else 0.0
    if dense and _is_clean(alpha, settings):
        rgb, alpha, dense = _halved(rgb), _halved(alpha), 0.0
    left, top, width, height = cv2.boundingRect(in_between(alpha))
    rows, columns = (
        slice(max(0, first - AROUND), first + length + AROUND) for first, length in ((top, height), (left, width))
    )
    near = _from_coarse_to_fine(np.ascontiguousarray(rgb[rows, columns]), alpha[rows, columns], settings, dense)
    colours = Colours(rgb.copy(), rgb.copy())
    colours.foreground[rows, columns], colours.background[rows, columns] = near.foreground, near.background
    return colours


def _is_clean(alpha: Alpha8, settings: ColourSettings) -> bool:
    """Whether hardly a tile that holds an edge is dense."""
    soft = held(in_between(alpha), settings.tile)
    dense = soft > settings.dense * settings.tile**2
    return bool(np.count_nonzero(dense) < FEW * np.count_nonzero(soft))


def _from_coarse_to_fine(rgb: RGB8, alpha: Alpha8, settings: ColourSettings, dense: float) -> Colours:
    """Level by level, on the last one only in tiles of which more than ``dense`` is soft."""
    levels = [(rgb, np.ascontiguousarray(alpha))]
    while max(levels[-1][1].shape) > 1:
        levels.append((_halved(levels[-1][0]), _halved(levels[-1][1])))
    colours = Colours(levels[-1][0], levels[-1][0])
    for image, coverage in reversed(levels):
        size = coverage.shape[::-1]
        enlarged = [cv2.resize(part, size) for part in (colours.foreground, colours.background)]
        start = Colours(np.asarray(enlarged[0], np.uint8), np.asarray(enlarged[1], np.uint8))
        colours = _level(image, coverage, start, settings, dense if image is rgb else 0.0)
    return colours


def _level(rgb: RGB8, alpha: Alpha8, start: Colours, settings: ColourSettings, dense: float) -> Colours:
    """All passes on one level, as a whole or in the tiles that hold an edge."""
    if max(alpha.shape) < WHOLE_BELOW:
        return _fused(rgb, alpha, start, settings)
    grid = TileGrid.over(in_between(alpha), settings.tile, sum(size // 2 for size in settings.sizes), dense)
    if not len(grid.rows):
        return start
    image, coverage, foreground, background = (
        grid.padded(part) for part in (rgb, alpha, start.foreground, start.background)
    )
    fused = Colours(foreground.copy(), background.copy())
    for batch in grid.batches():
        before = Colours(grid.cut(foreground, batch), grid.cut(background, batch))
        after = _fused(grid.cut(image, batch), grid.cut(coverage, batch), before, settings)
        grid.paste(after.foreground, batch, fused.foreground)
        grid.paste(after.background, batch, fused.background)
    return Colours(grid.unpadded(fused.foreground), grid.unpadded(fused.background))


def _fused(rgb: RGB8, alpha: Alpha8, start: Colours, settings: ColourSettings) -> Colours:
    before = (_unit(start.foreground), _unit(start.background))
    foreground, background = blur_fusion(_unit(rgb), _unit(alpha), before, settings.sizes, settings.power)
    return Colours(_eight_bits(foreground), _eight_bits(background))


def decontaminate(rgb: RGB8, alpha: Alpha8, colours: Colours, place: Place | None = None, run: Run = map) -> RGBA8:
    """The cutout (h, w, 4) uint8, straight alpha, of a picture ``rgb`` (h, w, 3) with ``alpha`` (h, w), both uint8.

    Estimated colour where alpha is soft, the picture's where it is 255, zero where it is 0. ``place`` says which part
    of the picture that ``colours`` are of this is, at whatever scale; all of it where that is None.
    """
    rgba = np.zeros((*alpha.shape, 4), np.uint8)
    pixels = rgba.reshape(-1, 4)

    def colour(rows: slice) -> None:
        opaque = cv2.cvtColor(rgb[rows], cv2.COLOR_RGB2RGBA)
        cv2.copyTo(cv2.insertChannel(alpha[rows], opaque, 3), alpha[rows], rgba[rows])
        x, y, coverage, foreground = _soft_pixels(rgb, alpha, colours, place, rows)
        scatter(pixels, _flat(x, y, alpha.shape[1]), np.column_stack([foreground, coverage]))

    deque(run(colour, strips(0, alpha.shape[0])), maxlen=0)
    return rgba


def lay_subject(
    rgb: RGB8,
    alpha: Alpha8,
    colours: Colours,
    place: Place | None,
    canvas: RGB8,
    corner: tuple[int, int],
    run: Run = map,
) -> None:
    """``decontaminate`` laid on a ``canvas`` (H, W, 3) of one colour, its top left pixel at ``corner`` (x, y)."""
    left, top = corner
    pixels, below = canvas.reshape(-1, 3), canvas[0, 0].astype(np.float32)

    def mix(rows: slice) -> None:
        there = canvas[top + rows.start : top + rows.stop, left : left + alpha.shape[1]]
        cv2.copyTo(rgb[rows], alpha[rows], there)
        x, y, coverage, foreground = _soft_pixels(rgb, alpha, colours, place, rows)
        if len(x):
            share = _three(_unit(coverage))
            at = _flat(x + np.int32(left), y + np.int32(top), canvas.shape[1])
            scatter(pixels, at, _rounded(foreground * share + below * (1 - share)))

    deque(run(mix, strips(0, alpha.shape[0])), maxlen=0)


def _soft_pixels(
    rgb: RGB8, alpha: Alpha8, colours: Colours, place: Place | None, rows: slice
) -> tuple[Index, Index, Alpha8, RGB8]:
    """Column (N,), row (N,), alpha (N,) and own colour (N, 3) of the pixels between 0 and 255 in some rows."""
    x, y = points(in_between(alpha[rows]), 0, rows.start)
    at = _flat(x, y, alpha.shape[1])
    image, coverage = rgb.reshape(-1, 3).take(at, axis=0), alpha.reshape(-1).take(at)
    if not len(x):
        return x, y, coverage, image
    near = (place or Place.whole(*alpha.shape)).within(x, y, *alpha.shape)
    foreground, background = samples((colours.foreground, colours.background), *near)
    return x, y, coverage, _corrected(image, _unit(coverage), foreground, background)


def _flat(x: Index, y: Index, width: int) -> Index:
    return np.asarray(y * np.int32(width) + x, np.int32)


def _corrected(image: RGB8, a: Float, foreground: Float, background: Float) -> RGB8:
    """F + a (I - a F - (1 - a) B), clipped, in 1/255 (N, 3): the foreground that explains the pixel better."""
    foreground *= _three(1 - a * a)
    foreground += image * _three(a)
    background *= _three(a * (1 - a))
    foreground -= background
    return _rounded(foreground)


def _halved(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    height, width = (max(1, length // 2) for length in picture.shape[:2])
    return np.asarray(cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def _three(values: Float) -> Float:
    """The values three times over, as a last axis."""
    return np.asarray(cv2.merge([values, values, values]), np.float32).reshape(*values.shape, 3)


def _power(values: Float, power: int) -> Float:
    product = values
    for _ in range(power - 1):
        product = product * values
    return product


def _blur(values: Float, size: int) -> Float:
    """Mean over size x size px, the border repeated; for so few pixels faster than OpenCV's running sums."""
    row = np.full(size, 1 / size, np.float32)
    return np.asarray(cv2.sepFilter2D(values, -1, row, row, borderType=cv2.BORDER_REPLICATE), np.float32)


def _unit(values: NDArray[np.uint8]) -> Float:
    return np.multiply(values, np.float32(1 / 255), dtype=np.float32)


def _eight_bits(values: Float) -> NDArray[np.uint8]:
    return np.asarray(cv2.convertScaleAbs(values, alpha=255), np.uint8)


def _rounded(values: Float) -> NDArray[np.uint8]:
    """The nearest of 0 to 255; values below are 0."""
    return np.asarray(cv2.convertScaleAbs(np.maximum(values, 0, out=values)), np.uint8)
