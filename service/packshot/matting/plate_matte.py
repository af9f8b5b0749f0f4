"""Matte, colours and alpha of a subject before an aligned plate."""

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from packshot.matting.band import FOREGROUND, UNKNOWN, Index, in_between, points, sample, strips
from packshot.matting.cleanup import drop_specks
from packshot.matting.foreground import Colours
from packshot.matting.known_background import (
    known_background_alpha,
    known_background_foreground,
    smooth_along_edges,
)
from packshot.matting.plate import PlateFit, move_plate
from packshot.matting.plate_evidence import DifferenceSettings, difference_guide, lift, subject_evidence
from packshot.matting.refine import EdgeSettings, Matte, Profile, coarse_matte, fine_alpha, softness
from packshot.matting.tensor import stretch

Float = NDArray[np.float32]
RGB8 = NDArray[np.uint8]
Alpha8 = NDArray[np.uint8]

HARD_WINDOWS, HARD_POWER = (31, 15, 7), 3  # a solid product's colour: from well inside it
SOFT_WINDOWS, SOFT_POWER = (31, 15, 7, 3), 1  # that of hair: from the hair
ROUNDS = 2
SOMEWHAT_SOFT = 0.05  # mean softness of the band
BAND_PX = 2  # of the working picture, beyond the matte's own edge
SPREAD_WINDOW = 15  # px of half the working picture, in which a product's colours are compared
SPREAD = 0.1  # of the distance of both colours: from there on the photo alone knows more of hair
CORE_PX = 15  # of the half working picture: a difference as thick as this is a body, not hair
NOISE_SAMPLES = 20_000
FLOOR = 0.02  # of alpha, on top of the camera's noise
BLUR, LIKE = (1.1, 0.6), (1.2, 0.7)  # of the guide in px and of likeness in sigmas; hard edges, soft ones
REACH_PX = 3
MARGIN_PX = 6
QUIET = 0.15  # of a pixel's sigma: what is left of the noise at both ends of alpha is cut off
PLAIN_PLATE = 1.15  # times the noise: a plate whose pixels differ no more from their neighbours has no texture


@dataclass(frozen=True)
class PlateMatte:
    """What is known at working size (h, w): the matte, alpha (h, w) from it in [0, 1], and the colours.

    ``spread`` (h, w) is how much the product's colours vary nearby, as a share of their distance to the background.
    ``plain`` is the matte of the photo alone, where there are soft edges: it counts the more, the larger the spread.
    """

    matte: Matte
    alpha: Float
    colours: Colours
    spread: Float
    plain: Matte | None


def matte_on_plate(
    small: RGB8,
    plate: RGB8,
    mask: Float,
    fit: PlateFit,
    profile: Profile,
    edges: EdgeSettings,
    settings: DifferenceSettings | None = None,
) -> PlateMatte:
    """Matte and colours at working size; ``small`` and ``plate`` are (h, w, 3) uint8.

    ``mask`` (mh, mw) is the network's; ``fit`` is how the plate lies under the photo.
    """
    settings = settings or DifferenceSettings()
    background = move_plate(plate, fit)
    wide_mask = np.asarray(cv2.resize(mask, small.shape[1::-1], interpolation=cv2.INTER_LINEAR), np.float32)
    evidence = subject_evidence(small, background, wide_mask, fit.noise, settings)
    guide = difference_guide(small, background, lift(small, background, evidence, settings))
    soft = softness(mask, profile, edges)
    edges = replace(edges, fine_band_radius=BAND_PX)
    matte = coarse_matte(guide, _start(evidence, wide_mask, soft), profile, edges)
    shape = matte.alpha.shape[::-1]
    matte = replace(matte, softness=np.asarray(cv2.resize(soft, shape), np.float32))
    matte = _widened(drop_specks(matte), evidence, wide_mask)
    alpha = fine_alpha(guide, matte, edges).astype(np.float32) / np.float32(255)
    colours, spread = _colours(small, background, alpha, matte)
    plain = drop_specks(coarse_matte(small, mask, profile, edges)) if _soft_share(matte) > SOMEWHAT_SOFT else None
    return PlateMatte(matte, alpha, colours, spread, plain)


def alpha_on_plate(
    rgb: RGB8,
    plate: RGB8,
    fit: PlateFit,
    seen: PlateMatte,
    edges: EdgeSettings,
    settings: DifferenceSettings | None = None,
) -> Alpha8:
    """Alpha (H, W) uint8 of the whole photo before its plate, both (H, W, 3) uint8; only the band is looked at.

    In the band alpha is the share of the foreground between two known colours where they lie well apart, else the
    matte's, with its noise averaged away along edges.
    """
    settings = settings or DifferenceSettings()
    height, width = rgb.shape[:2]
    alpha = np.asarray(cv2.resize(seen.matte.regions, (width, height), interpolation=cv2.INTER_NEAREST), np.uint8)
    noise = max(_noise(rgb, plate, fit, alpha), settings.noise_floor)
    plain = None if seen.plain is None else fine_alpha(rgb, seen.plain, edges)
    band = _Band(rgb, _calm(plate, noise), fit, seen, plain, noise, settings.trust)
    regions = alpha.copy()
    for rows in strips(0, height):
        first = max(rows.start - MARGIN_PX, 0)
        around = regions[first : rows.stop + MARGIN_PX]
        x, y = points(in_between(around))
        if len(x):
            values = band.values(around, x, y, first)
            inside = (y + first >= rows.start) & (y + first < rows.stop)
            alpha[y[inside] + first, x[inside]] = np.rint(np.clip(values[inside], 0, 1) * 255)
    return alpha


class _Band:
    """Alpha at the band's own pixels, strip by strip."""

    def __init__(
        self,
        rgb: RGB8,
        plate: RGB8,
        fit: PlateFit,
        seen: PlateMatte,
        plain: Alpha8 | None,
        noise: float,
        trust: tuple[float, float],
    ) -> None:
        self._rgb, self._plate, self._fit, self._plain = rgb, plate, fit, plain
        self._foreground, self._noise, self._trust = seen.colours.foreground, noise, trust
        self._layers = np.dstack([seen.alpha, cv2.resize(seen.matte.softness, seen.alpha.shape[::-1]), seen.spread])

    def values(self, regions: Alpha8, x: Index, y: Index, first: int) -> Float:
        """Alpha (N,) at the pixels (x, y) of a strip (h, W) of regions whose first row is ``first``."""
        height, width = self._rgb.shape[:2]
        coarse, soft, spread = sample(self._layers, x, y + np.int32(first), height, width).T
        raw, apart = self._share(x, y + np.int32(first))
        low, high = (level * self._noise for level in self._trust)
        trust = np.clip((apart - low) / (high - low), 0, 1)
        canvas = (regions == FOREGROUND).astype(np.float32)
        canvas[y, x] = np.clip(raw, -0.5, 1.5) * trust + coarse * (1 - trust)
        sigma = (1.6 * self._noise / np.maximum(apart, 1) * trust + FLOOR).astype(np.float32)
        values = smooth_along_edges(canvas, x, y, sigma * np.float32(LIKE[0]), BLUR[0], REACH_PX)
        if self._plain is None:
            return _quietened(values, sigma)
        fine = smooth_along_edges(canvas, x, y, sigma * np.float32(LIKE[1]), BLUR[1], REACH_PX)
        values = _quietened(values + (fine - values) * soft, sigma)
        plain = self._plain[y + np.int32(first), x] * np.float32(1 / 255)
        believed = soft * spread**2 / (spread**2 + SPREAD**2) * (np.abs(plain - values) < 0.6)
        return np.asarray(values + (plain - values) * believed, np.float32)

    def _share(self, x: Index, y: Index) -> tuple[Float, Float]:
        height, width = self._rgb.shape[:2]
        foreground = sample(self._foreground, x, y, height, width)
        background = _plate_at(self._plate, self._fit, x, y)
        return known_background_alpha(self._rgb[y, x].astype(np.float32), background, foreground)


def _quietened(values: Float, sigma: Float) -> Float:
    """Alpha (N,) stretched a little, so that noise at both ends does not show."""
    margin = np.minimum(QUIET * sigma, 0.1)
    return np.asarray((values - margin) / (1 - 2 * margin), np.float32)


def _start(evidence: Float, wide_mask: Float, soft: Float) -> Float:
    """What the guided filter starts from, at half the working size.

    A difference says "subject", not how much of it: where edges are soft the mask may take away from it, unless it
    misses a whole body.
    """
    half = (max(1, evidence.shape[1] // 2), max(1, evidence.shape[0] // 2))
    seen, coarse = (
        np.asarray(cv2.resize(part, half, interpolation=cv2.INTER_AREA), np.float32) for part in (evidence, wide_mask)
    )
    softness_here = np.asarray(cv2.resize(soft, half, interpolation=cv2.INTER_AREA), np.float32)
    soft_start = np.maximum(np.minimum(seen, coarse), _missed_body(seen, coarse, CORE_PX))
    return np.asarray(seen + (soft_start - seen) * softness_here, np.float32)


def _missed_body(seen: Float, coarse: Float, thick: int) -> Float:
    """Where the plate shows something ``thick`` px thick of which the mask sees little, (h, w) in [0, 1]."""
    inside = cv2.erode(seen, np.ones((thick, thick), np.uint8))
    return np.asarray(inside * np.clip((0.4 - coarse) / 0.1, 0, 1), np.float32)


def _widened(matte: Matte, evidence: Float, wide_mask: Float) -> Matte:
    """The matte with a band as wide as the mask's grey where edges are soft and the plate shows something."""
    size = matte.alpha.shape[::-1]
    coarse, seen = (np.asarray(cv2.resize(part, size), np.float32) for part in (wide_mask, evidence))
    gray = cv2.dilate(((coarse > 0.03) & (coarse < 0.97)).astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    something = cv2.dilate(seen, np.ones((3, 3), np.uint8)) > 0.1
    regions = matte.regions.copy()
    hair = (matte.softness > 0.3) & (_missed_body(seen, coarse, CORE_PX) < 0.5)
    regions[hair & gray & something] = UNKNOWN
    return replace(matte, regions=regions)


def _colours(small: RGB8, background: RGB8, alpha: Float, matte: Matte) -> tuple[Colours, Float]:
    """Both colours, uint8, the foreground at half the working size, and its spread (h, w) at working size.

    The foreground comes from alpha (h, w), and then from the alpha that it gives.
    """
    half = tuple(max(1, length // 2) for length in alpha.shape)
    image, behind = (stretch(part, *half).astype(np.float32) / np.float32(255) for part in (small, background))
    alpha_here = np.asarray(cv2.resize(alpha, half[::-1], interpolation=cv2.INTER_AREA), np.float32)
    regions = cv2.resize(matte.regions, half[::-1], interpolation=cv2.INTER_NEAREST)
    foreground = _foreground(image, behind, alpha_here, np.asarray(regions, np.uint8), _soft_share(matte) > 0.5)
    spread = cv2.resize(_spread(image, behind, foreground, alpha_here), alpha.shape[::-1])
    return Colours(np.asarray(np.rint(foreground * 255), np.uint8), background), np.asarray(spread, np.float32)


def _foreground(image: Float, behind: Float, alpha: Float, regions: Alpha8, soft: bool) -> Float:
    x, y = points(in_between(regions))
    windows, power = (SOFT_WINDOWS, SOFT_POWER) if soft else (HARD_WINDOWS, HARD_POWER)
    foreground, given = behind, alpha
    for index in range(ROUNDS):
        foreground = np.clip(known_background_foreground(image, behind, given, windows, power), 0, 1)
        if index + 1 < ROUNDS:
            given = given.copy()
            given[y, x] = np.clip(known_background_alpha(image[y, x], behind[y, x], foreground[y, x])[0], 0, 1)
    return np.asarray(foreground, np.float32)


def _spread(image: Float, behind: Float, foreground: Float, alpha: Float) -> Float:
    """Root mean square of the solid product's colours about ``foreground``, as a share of its distance to the plate."""
    weight = alpha**HARD_POWER
    off = _squares(image - foreground) * weight
    window = (SPREAD_WINDOW, SPREAD_WINDOW)
    variance = np.maximum(cv2.blur(off, window), 0) / (cv2.blur(weight, window) + np.float32(1e-3))
    apart = _squares(foreground - behind)
    return np.asarray(np.sqrt(variance / np.maximum(apart, 1e-5)), np.float32)


def _squares(values: Float) -> Float:
    """The squared length of each of (h, w, 3)."""
    return np.asarray(np.einsum("hwc,hwc->hw", values, values), np.float32)


def _soft_share(matte: Matte) -> float:
    """The mean softness of the band."""
    band = matte.regions == UNKNOWN
    return float(matte.softness[band].mean()) if band.any() else 0.0


def _plate_at(plate: RGB8, fit: PlateFit, x: Index, y: Index) -> Float:
    """The moved plate at the pixels (x, y) of the photo: (N, 3), not rounded after the gain."""
    height, width = plate.shape[:2]
    across, down = (np.float32(shift * side) for shift, side in ((fit.dx, width), (fit.dy, height)))
    return sample(plate, x - across, y - down, height, width) * np.array(fit.gain, np.float32)


def _calm(plate: RGB8, noise: float) -> RGB8:
    """The plate with its noise averaged away, if noise (of photo minus plate, in 1/255) is all that it has."""
    smooth = np.asarray(cv2.blur(plate, (3, 3)), np.uint8)
    step = max(1, round((plate.size / 3 / NOISE_SAMPLES) ** 0.5))
    detail = np.abs(plate[::step, ::step].astype(np.float32) - smooth[::step, ::step])
    plain = PLAIN_PLATE * noise * 2**-0.5 * (8 / 9) ** 0.5 * 0.798  # mean of |normal|
    return smooth if float(detail.mean()) < plain else plate


def _noise(rgb: RGB8, plate: RGB8, fit: PlateFit, regions: Alpha8) -> float:
    """Sigma of photo minus plate on the background at the photo's own size, in 1/255."""
    step = max(1, round((regions.size / NOISE_SAMPLES) ** 0.5))
    thin = np.ascontiguousarray(regions[::step, ::step])
    x, y = (values * np.int32(step) for values in points((thin == 0).astype(np.uint8)))
    if not len(x):
        return fit.noise
    largest = np.abs(rgb[y, x] - _plate_at(plate, fit, x, y)).max(axis=1)
    return 1.4826 * float(np.median(largest)) / 1.6
