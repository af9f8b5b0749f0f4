"""Coarse mask and photo to full-resolution alpha: guided filter in two steps, band limit, edge profile.

The coarse mask is first sharpened to a matte at twice its own resolution, with the photo at that size as guide; the
guided filter's linear models of that matte are then evaluated on the photo's own pixels, in the band alone.
"""

from collections import deque
from dataclasses import dataclass
from enum import StrEnum

import cv2
import numpy as np
from numpy.typing import NDArray

from packshot.matting.band import Run, Trimap, grown, in_between, points, sample, strips_by_need, trimap
from packshot.matting.box import Box
from packshot.matting.guided import Guide, around, evaluate, fit_linear_model
from packshot.matting.tensor import stretch

Float = NDArray[np.float32]
RGB8 = NDArray[np.uint8]
Alpha8 = NDArray[np.uint8]
Index = NDArray[np.intp]

NO_OUTLINE = 1e-3
BESIDE = 1  # px: what enlarging bilinearly looks at


class Profile(StrEnum):
    """How edges are treated: ``hard`` products, ``soft`` hair and fabric, or place by place from the band."""

    HARD = "hard"
    SOFT = "soft"
    AUTO = "auto"


@dataclass(frozen=True)
class EdgeSettings:
    """Numbers of the edge treatment; radii in pixels of the resolution they are used at.

    The stretches are what is cut off both ends of alpha before it is spread to [0, 1] again, at the coarse step and at
    the fine one: they sharpen what jitter and blur of the mask have washed out, and would thin hair.
    """

    radius: int = 6
    eps: float = 1e-4
    band_radius: int = 2
    fine_band_radius: int = 1
    hard_stretch: tuple[float, float] = (0.35, 0.25)
    soft_stretch: tuple[float, float] = (0.1, 0.0)
    soft_from: float = 1.5
    soft_fully: float = 2.0


@dataclass(frozen=True)
class Matte:
    """What is known before the photo's own pixels are touched, at the resolution (h, w) of the guide.

    ``alpha`` (h, w) is float32 in [0, 1]; ``regions`` is the trimap; ``softness`` in [0, 1] says how much of the soft
    profile applies where.
    """

    guide: Guide
    alpha: Float
    regions: Trimap
    softness: Float


@dataclass(frozen=True)
class Guides:
    """A photo as the filter takes it: at the size of the coarse mask, and at that of the matte."""

    coarse: Guide
    fine: Guide

    @classmethod
    def of(cls, rgb: RGB8, size: tuple[int, ...], radius: int) -> "Guides":
        """Guides of a photo (H, W, 3) uint8, at any scale, for a coarse mask of ``size`` (h, w).

        The matte has twice the mask's resolution, but no more than the photo.
        """
        height, width = (min(2 * side, limit) for side, limit in zip(size, rgb.shape[:2], strict=True))
        fine = stretch(rgb, height, width)
        return cls(Guide.of(_unit(stretch(fine, size[0], size[1])), radius), Guide.of(_unit(fine), radius))


def coarse_matte(rgb: RGB8, mask: Float, profile: Profile, settings: EdgeSettings) -> Matte:
    """``matte_from`` the photo, (H, W, 3) uint8, at any scale."""
    return matte_from(Guides.of(rgb, mask.shape, settings.radius), mask, profile, settings)


def matte_from(guides: Guides, mask: Float, profile: Profile, settings: EdgeSettings) -> Matte:
    """Sharpen a coarse mask (h, w) in [0, 1] to a matte at twice its resolution; where it is sure it stays."""
    height, width = guides.fine.picture.shape[:2]
    soft = _enlarged(softness(mask, profile, settings), width, height)
    sure = trimap(mask, settings.band_radius)
    model = fit_linear_model(guides.coarse, mask, settings.eps, grown(in_between(sure), BESIDE))
    regions = np.asarray(cv2.resize(sure, (width, height), interpolation=cv2.INTER_NEAREST), np.uint8)
    alpha, unsure = _unit(regions), in_between(regions)
    part = around(unsure, settings.fine_band_radius)
    if alpha[part].size:
        enlarged = _enlarged(model, width, height)
        margin = _margin(soft[part], settings.hard_stretch[0], settings.soft_stretch[0])
        cv2.copyTo(_stretch(evaluate(enlarged[part], guides.fine.picture[part]), margin), unsure[part], alpha[part])
        regions[part] = trimap(alpha[part], settings.fine_band_radius)
    return Matte(guides.fine, alpha, regions, soft)


def fine_alpha(rgb: RGB8, matte: Matte, settings: EdgeSettings, model: Float | None = None) -> Alpha8:
    """Alpha (H, W) uint8 at the resolution of ``rgb``, (H, W, 3) uint8 sRGB; outside the band it is 0 or 255.

    ``model`` is what ``fine_model`` gives, where that is at hand.
    """
    whole = np.zeros(rgb.shape[:2], np.uint8)
    (left, top, width, height), alpha = subject_alpha(rgb, matte, settings, model)
    whole[top : top + height, left : left + width] = alpha
    return whole


def subject_alpha(
    rgb: RGB8, matte: Matte, settings: EdgeSettings, model: Float | None = None, run: Run = map
) -> tuple[Box, Alpha8]:
    """The box outside which ``fine_alpha`` is 0, as (left, top, width, height), and alpha (height, width) in it.

    ``run`` may do strips at the same time.
    """
    height, width = rgb.shape[:2]
    x0, y0, across, down = cv2.boundingRect(matte.regions)
    left, columns = _nearest(x0, across, matte.regions.shape[1], width)
    top, rows = _nearest(y0, down, matte.regions.shape[0], height)
    alpha = matte.regions.take(columns, axis=1).take(rows, axis=0)
    colours, values = rgb.reshape(-1, 3), alpha.reshape(-1)
    linear, where = fine_model(matte, settings) if model is None else model, in_between(alpha)

    def see(part: slice) -> None:
        x, y = points(where[part], left, top + part.start)
        if len(x):
            seen = colours.take(y * np.int32(width) + x, axis=0)
            at = (y - np.int32(top)) * np.int32(len(columns)) + x - np.int32(left)
            values[at.astype(np.intp)] = _evaluate(sample(linear, x, y, height, width), seen)

    deque(run(see, strips_by_need(where)), maxlen=0)
    return (left, top, len(columns), len(rows)), alpha


def mean_alpha(alpha: Alpha8, box: Box, of: tuple[int, ...], size: tuple[int, ...]) -> Alpha8:
    """Alpha (h, w) of the box (left, top, w, h) of a photo, averaged to its half, quarter or eighth.

    ``of`` is the photo's size, ``size`` the other, both (height, width, ...); outside the box alpha is 0.
    """
    step, (left, top, width, height) = round(of[1] / size[1]), box
    rows, columns = (slice(first // step, -(-(first + n) // step)) for first, n in ((top, height), (left, width)))
    whole = np.zeros(size[:2], np.uint8)
    if not alpha.size:
        return whole
    before = (top - rows.start * step, left - columns.start * step)
    after = (rows.stop * step - top - height, columns.stop * step - left - width)
    mean = cv2.copyMakeBorder(alpha, before[0], after[0], before[1], after[1], cv2.BORDER_CONSTANT)
    while step > 1:  # by 2 at a time: quicker
        mean, step = cv2.resize(mean, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA), step // 2
    whole[rows, columns] = mean
    return whole


def _nearest(first: int, count: int, length: int, enlarged: int) -> tuple[int, Index]:
    """The first pixel of an enlarged axis that shows one of ``count`` from ``first``, and what each of them shows."""
    nearest = np.arange(enlarged) * length // enlarged
    start, stop = np.searchsorted(nearest, (first, first + count))
    return int(start), nearest[start:stop]


def _evaluate(model: Float, colours: RGB8) -> Alpha8:
    """The models (N, 4) at their pixels' colours (N, 3): a . I + b as uint8."""
    value = model[:, 3] + model[:, 0] * colours[:, 0] + model[:, 1] * colours[:, 1] + model[:, 2] * colours[:, 2]
    return np.asarray(np.rint(np.clip(value, 0.0, 255.0)), np.uint8)


def refine_alpha(rgb: RGB8, mask: Float, profile: Profile, settings: EdgeSettings | None = None) -> Alpha8:
    """Alpha (H, W) uint8 at the photo's resolution from a coarse mask (h, w) float32 in [0, 1].

    ``rgb`` is (H, W, 3) uint8 sRGB. Outside the band alpha is 0 or 255.
    """
    settings = settings or EdgeSettings()
    return fine_alpha(rgb, coarse_matte(rgb, mask, profile, settings), settings)


def fine_model(matte: Matte, settings: EdgeSettings) -> Float:
    """Linear models of the matte for 8-bit pixels and 8-bit alpha, stretch included; (h, w, 4), right in the band."""
    near_band = grown(in_between(matte.regions), BESIDE)
    model = fit_linear_model(matte.guide, matte.alpha, settings.eps, near_band)
    part = around(near_band, 0)
    if model[part].size:
        margin = _margin(matte.softness[part], settings.hard_stretch[1], settings.soft_stretch[1])
        gain = 1.0 / (1.0 - 2.0 * margin)
        model[part] *= np.asarray(cv2.merge([gain, gain, gain, 255 * gain]), np.float32)
        model[part][..., 3] -= 255 * margin * gain
    return model


def softness(mask: Float, profile: Profile, settings: EdgeSettings) -> Float:
    """Where edges are soft: the width of the grey band in mask pixels, averaged over a neighbourhood, as 0 to 1."""
    if profile is not Profile.AUTO:
        return np.full(mask.shape, 1.0 if profile is Profile.SOFT else 0.0, np.float32)
    solid = (mask > 0.5).astype(np.uint8)
    kernel = np.ones((3, 3), np.uint8)
    outline = (cv2.dilate(solid, kernel) - cv2.erode(solid, kernel)).astype(np.float32) / 2
    reach = max(mask.shape) // 8 | 1
    gray, length = (cv2.blur(values, (reach, reach)) for values in (4 * mask * (1 - mask), outline))
    band_width = gray / np.maximum(length, 1e-4)
    soft = (band_width - settings.soft_from) / (settings.soft_fully - settings.soft_from)
    soft[length < NO_OUTLINE] = 0.0  # grey without an edge is the network's doubt, not hair
    return np.asarray(np.clip(soft, 0.0, 1.0), np.float32)


def _margin(softness: Float, hard: float, soft: float) -> Float:
    return np.asarray(hard + (soft - hard) * softness, np.float32)


def _stretch(value: Float, margin: Float) -> Float:
    return np.asarray(np.clip((value - margin) / (1 - 2 * margin), 0, 1), np.float32)


def _enlarged(values: Float, width: int, height: int) -> Float:
    return np.asarray(cv2.resize(values, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)


def _unit(rgb: RGB8) -> Float:
    return rgb.astype(np.float32) / np.float32(255)
