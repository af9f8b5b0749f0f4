"""The product's own colour where background shines through its edge: blur fusion, level by level.

Blur fusion is Forte: Approximate Fast Foreground Colour Estimation, ICIP 2021; going from coarse to fine, so that
colours reach far into hair, is Germer et al.: Fast Multi-Level Foreground Estimation, ICPR 2020. Fine levels are worked
on in tiles that hold an edge, the last correction uses the photo's own pixels.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from packshot.matting.band import Index, Place, Run, channels_at, in_between, points, scatter, strips_by_need
from packshot.matting.tiles import TileGrid, held

Float = NDArray[np.float32]
RGB8 = NDArray[np.uint8]
RGBA8 = NDArray[np.uint8]
Alpha8 = NDArray[np.uint8]
Channels = Sequence[NDArray[np.uint8]]

TINY = np.float32(1e-4)
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


def blur_fusion(image: Float, alpha: Float, start: Float, sizes: tuple[int, ...], power: int) -> Float:
    """Foreground F and background B, (2, 3, H, W), of ``image`` (3, H, W) and ``alpha`` (H, W), float32 in [0, 1].

    A pass for each size: F = blur(F a^n) / blur(a^n), B = blur(B (1 - a)^n) / blur((1 - a)^n), n = ``power``; then both
    move the least way, measured in squares, that makes a F + (1 - a) B = I, and are clipped. (Forte has n = 1 and moves
    F alone, by a times the residual; this leaves half the error.)

    All planes are blurred as one tall picture, with a few calls on large arrays, since beside another thread each small
    call waits for the interpreter: within the sum of all ``sizes // 2`` px of the border the result is wrong.
    """
    shares = np.stack([alpha, 1 - alpha])[:, np.newaxis]  # (2, 1, H, W), as all that follow
    weights = _power(shares, power) + TINY
    whole = {size: np.reciprocal(_blur(weights, size)) for size in set(sizes)}
    give_way = shares / np.sum(shares * shares, axis=0)
    both = start
    for size in sizes:
        both = _blur(both * weights, size)
        both *= whole[size]
        mixed = both * shares
        residual = image - mixed[0]
        residual -= mixed[1]
        both += np.multiply(residual, give_way, out=mixed)
        np.clip(both, 0, 1, out=both)
    return both


@dataclass(frozen=True)
class _Course:
    """How levels are gone through.

    The first has at most ``coarsest`` px on its longer side, all but the last take blurs of ``coarse`` px, the last is
    worked on in tiles of which more than ``dense`` is soft; ``around`` px beside the band are looked at.
    """

    coarsest: int
    coarse: tuple[int, ...]
    dense: float
    around: int


def estimate_colours(rgb: RGB8, alpha: Alpha8, settings: ColourSettings | None = None) -> Colours:
    """Foreground and background of ``rgb`` (H, W, 3) with ``alpha`` (H, W), both uint8, at that size or at half of it.

    They are estimated around the soft pixels; elsewhere both are the picture.
    """
    settings = settings or ColourSettings()
    dense = settings.dense if max(alpha.shape) > FINE_ABOVE else 0.0
    if dense and _is_clean(alpha, settings.tile, settings):
        return _estimate(_halved(rgb), _halved(alpha), settings, _beside_a_line(settings))
    return _estimate(rgb, alpha, settings, _Course(coarsest=8, coarse=settings.sizes, dense=dense, around=96))


def colours_by_mean(rgb: RGB8, mean: Alpha8, settings: ColourSettings | None = None) -> Colours:
    """Foreground and background of a photo of which ``rgb`` (h, w, 3) is an eighth or so, uint8.

    ``mean`` (h, w) uint8 is the average of the whole photo's alpha: an edge that was sharpened at so small a size would
    leave background in what counts as the subject. With a network's alpha a larger picture gives no better colours.
    """
    settings = settings or ColourSettings()
    if _is_clean(mean, settings.tile // 2, settings):
        return _estimate(rgb, mean, settings, _beside_a_line(settings))
    return _estimate(rgb, mean, settings, _Course(coarsest=8, coarse=settings.sizes, dense=0.0, around=48))


def _beside_a_line(settings: ColourSettings) -> _Course:
    """The course where the band is a thin line: its colours lie beside it, none has to be brought from far."""
    return _Course(coarsest=64, coarse=settings.sizes[-1:], dense=0.0, around=32)


def _estimate(rgb: RGB8, alpha: Alpha8, settings: ColourSettings, course: _Course) -> Colours:
    left, top, width, height = cv2.boundingRect(in_between(alpha))
    rows, columns = (
        slice(max(0, first - course.around), first + length + course.around)
        for first, length in ((top, height), (left, width))
    )
    near = _from_coarse_to_fine(np.ascontiguousarray(rgb[rows, columns]), alpha[rows, columns], settings, course)
    colours = Colours(rgb.copy(), rgb.copy())
    colours.foreground[rows, columns], colours.background[rows, columns] = near.foreground, near.background
    return colours


def _is_clean(alpha: Alpha8, tile: int, settings: ColourSettings) -> bool:
    """Whether hardly a tile of so many px that holds an edge is dense."""
    soft = held(in_between(alpha), tile)
    dense = soft > settings.dense * tile**2
    return bool(np.count_nonzero(dense) < FEW * np.count_nonzero(soft))


def _from_coarse_to_fine(rgb: RGB8, alpha: Alpha8, settings: ColourSettings, course: _Course) -> Colours:
    """Level by level."""
    levels = [(rgb, np.ascontiguousarray(alpha))]
    while max(levels[-1][1].shape) > course.coarsest:
        levels.append((_halved(levels[-1][0]), _halved(levels[-1][1])))
    colours = Colours(_halved(levels[-1][0]), _halved(levels[-1][0]))
    coarse = replace(settings, sizes=course.coarse)
    for image, coverage in reversed(levels):
        start = Colours(_enlarged(colours.foreground, coverage), _enlarged(colours.background, coverage))
        last = image is rgb
        colours = _level(image, coverage, start, settings if last else coarse, course.dense if last else 0.0)
    return colours


def _level(rgb: RGB8, alpha: Alpha8, start: Colours, settings: ColourSettings, dense: float) -> Colours:
    """All passes on one level, as a whole or in the tiles that hold an edge."""
    margin = sum(size // 2 for size in settings.sizes)
    if max(alpha.shape) < WHOLE_BELOW:
        grid = TileGrid.whole(alpha.shape[0], alpha.shape[1], margin)
    else:
        grid = TileGrid.over(in_between(alpha), settings.tile, margin, dense)
    if not len(grid.rows):
        return start
    pictures = [grid.padded(part) for part in (rgb, alpha, start.foreground, start.background)]
    fused = [part.copy() for part in pictures[2:]]
    for batch in grid.batches():
        image, coverage, *before = (_planes(grid.cut(part, batch)) for part in pictures)
        after = blur_fusion(image, coverage[0], np.stack(before), settings.sizes, settings.power)
        for part, planes in zip(fused, after, strict=True):
            grid.paste(_tiles(planes, grid.side), batch, part)
    return Colours(grid.unpadded(fused[0]), grid.unpadded(fused[1]))


def _planes(tiles: NDArray[np.uint8]) -> Float:
    """Tiles (n, h, w) or (n, h, w, C) side by side, channel by channel, in [0, 1]: (C, h, n * w)."""
    count, height, width = tiles.shape[:3]
    by_channel = tiles.reshape(count, height, width, -1).transpose(3, 1, 0, 2)
    return np.multiply(by_channel, np.float32(1 / 255), dtype=np.float32).reshape(-1, height, count * width)


def _tiles(planes: Float, width: int) -> NDArray[np.uint8]:
    """``_planes`` undone."""
    eight = cv2.convertScaleAbs(planes.reshape(-1, planes.shape[2]), alpha=255)
    merged = cv2.merge(list(eight.reshape(planes.shape)))
    return np.asarray(merged, np.uint8).reshape(planes.shape[1], -1, width, len(planes)).swapaxes(0, 1)


def decontaminate(rgb: RGB8, alpha: Alpha8, colours: Colours, place: Place | None = None, run: Run = map) -> RGBA8:
    """The cutout (h, w, 4) uint8, straight alpha, of a picture ``rgb`` (h, w, 3) with ``alpha`` (h, w), both uint8.

    Estimated colour where alpha is soft, the picture's where it is 255, zero where it is 0. ``place`` says which part
    of the picture that ``colours`` are of this is, at whatever scale; all of it where that is None.
    """
    rgba = np.zeros((*alpha.shape, 4), np.uint8)
    pixels, where = rgba.reshape(-1, 4), in_between(alpha)

    def colour(rows: slice) -> None:
        opaque = cv2.cvtColor(rgb[rows], cv2.COLOR_RGB2RGBA)
        cv2.copyTo(cv2.insertChannel(alpha[rows], opaque, 3), alpha[rows], rgba[rows])
        soft = _soft_pixels(rgb, alpha, colours, place, points(where[rows], 0, rows.start))
        if len(soft.x):
            rgba8 = _interleaved([*map(_bytes, soft.channels()), soft.alpha])
            scatter(pixels, _flat(soft.x, soft.y, alpha.shape[1]), rgba8)

    deque(run(colour, strips_by_need(where)), maxlen=0)
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
    pixels, below, where = canvas.reshape(-1, 3), canvas[0, 0].astype(np.float32), in_between(alpha)

    def mix(rows: slice) -> None:
        there = canvas[top + rows.start : top + rows.stop, left : left + alpha.shape[1]]
        cv2.copyTo(rgb[rows], alpha[rows], there)
        soft = _soft_pixels(rgb, alpha, colours, place, points(where[rows], 0, rows.start))
        if len(soft.x):
            a = _unit(soft.alpha)
            mixed = (channel * a + under * (1 - a) for channel, under in zip(soft.channels(), below, strict=True))
            at = _flat(soft.x + np.int32(left), soft.y + np.int32(top), canvas.shape[1])
            scatter(pixels, at, _interleaved([*map(_bytes, mixed)]))

    deque(run(mix, strips_by_need(where)), maxlen=0)


@dataclass(frozen=True)
class _SoftPixels:
    """Columns ``x``, rows ``y`` and alpha (N,) of some of the pixels between 0 and 255.

    Colours are kept channel by channel, each (N,): ``image`` what was photographed, and the estimates.
    """

    x: Index
    y: Index
    alpha: Alpha8
    image: Channels = ()
    foreground: Channels = ()
    background: Channels = ()

    def channels(self) -> Iterator[Float]:
        """F + a (I - a F - (1 - a) B), whole numbers of 0 to 255: the foreground that explains the pixel better."""
        a = _unit(self.alpha)
        of_foreground, of_background = 1 - a * a, a * a - a
        for image, foreground, background in zip(self.image, self.foreground, self.background, strict=True):
            value = foreground * of_foreground
            value += background * of_background
            value += image * a
            yield np.rint(np.clip(value, 0, 255, out=value), out=value)


def _soft_pixels(
    rgb: RGB8, alpha: Alpha8, colours: Colours, place: Place | None, spots: tuple[Index, Index]
) -> _SoftPixels:
    """Those at some ``spots``, columns and rows, with what was estimated for them."""
    x, y = spots
    at = _flat(x, y, alpha.shape[1])
    coverage = alpha.reshape(-1).take(at)
    if not len(x):
        return _SoftPixels(x, y, coverage)
    near = (place or Place.whole(*alpha.shape)).within(x, y, *alpha.shape)
    foreground, background = channels_at((colours.foreground, colours.background), *near)
    image = cv2.split(rgb.reshape(-1, 3).take(at, axis=0).reshape(-1, 1, 3))
    return _SoftPixels(x, y, coverage, [np.asarray(part, np.uint8)[:, 0] for part in image], foreground, background)


def _bytes(channel: Float) -> NDArray[np.uint8]:
    """The nearest of 0 to 255."""
    return np.asarray(cv2.convertScaleAbs(channel), np.uint8).reshape(-1)


def _interleaved(channels: list[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """Channels (N,) each as (N, C)."""
    return np.asarray(cv2.merge(channels), np.uint8).reshape(-1, len(channels))


def _flat(x: Index, y: Index, width: int) -> Index:
    return np.asarray(y * np.int32(width) + x, np.int32)


def _halved(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Means of 2 x 2 px, the last row and column repeated where their number is odd."""
    below, right = (length % 2 for length in picture.shape[:2])
    even = cv2.copyMakeBorder(picture, 0, below, 0, right, cv2.BORDER_REPLICATE) if below or right else picture
    return np.asarray(cv2.resize(even, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA), np.uint8)


def _enlarged(picture: RGB8, like: Alpha8) -> RGB8:
    """Where ``_halved`` took a picture of that size to, at that size."""
    height, width = like.shape
    return np.asarray(cv2.resize(picture, (2 * picture.shape[1], 2 * picture.shape[0])), np.uint8)[:height, :width]


def _power(values: Float, power: int) -> Float:
    product = values
    for _ in range(power - 1):
        product = product * values
    return product


def _blur(planes: Float, size: int) -> Float:
    """Mean over size x size px of (..., H, W), taken as one picture; quicker on few pixels than running sums."""
    row = np.full(size, 1 / size, np.float32)
    tall = planes.reshape(-1, planes.shape[-1])
    blurred = np.asarray(cv2.sepFilter2D(tall, -1, row, row, borderType=cv2.BORDER_REPLICATE), np.float32)
    return blurred.reshape(planes.shape)


def _unit(values: NDArray[np.uint8]) -> Float:
    return np.multiply(values, np.float32(1 / 255), dtype=np.float32)
