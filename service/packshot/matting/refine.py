"""Coarse mask and photo to full-resolution alpha: guided filter, band limit, edge profile."""

from dataclasses import dataclass
from enum import StrEnum

import cv2
import numpy as np
from numpy.typing import NDArray

from packshot.matting.band import BACKGROUND, FOREGROUND, enlarge_part, tiles, trimap
from packshot.matting.guided import fit_linear_model
from packshot.matting.tensor import stretch

Float = NDArray[np.float32]
RGB8 = NDArray[np.uint8]
Alpha8 = NDArray[np.uint8]


class Profile(StrEnum):
    """How edges are treated: ``hard`` products, ``soft`` hair and fabric, or decided from the band."""

    HARD = "hard"
    SOFT = "soft"
    AUTO = "auto"


@dataclass(frozen=True)
class EdgeSettings:
    """Numbers of the edge treatment; radii in pixels of the coarse mask."""

    radius: int = 6
    eps: float = 1e-4
    band_radius: int = 2
    stretch: float = 0.25
    tile: int = 128


def refine_alpha(rgb: RGB8, mask: Float, profile: Profile, settings: EdgeSettings) -> Alpha8:
    """Alpha (H, W) uint8 at the photo's resolution from a coarse mask (h, w) float32 in [0, 1].

    ``rgb`` is (H, W, 3) uint8 sRGB. Outside the band alpha is 0 or 255.
    """
    height, width = rgb.shape[:2]
    guide = stretch(rgb, *mask.shape).astype(np.float32) / np.float32(255)
    model = fit_linear_model(guide, mask, settings.radius, settings.eps)
    regions = trimap(mask, settings.band_radius)
    alpha = cv2.resize(regions, (width, height), interpolation=cv2.INTER_NEAREST)
    margin = settings.stretch if profile is Profile.HARD else 0.0
    for rows, columns in tiles(height, width, settings.tile):
        part = alpha[rows, columns]
        unknown = (part != BACKGROUND) & (part != FOREGROUND)
        if unknown.any():
            fine = _evaluate(model, rgb, rows, columns, margin)
            part[unknown] = fine[unknown]
    return np.asarray(alpha, np.uint8)


def _evaluate(model: Float, rgb: RGB8, rows: slice, columns: slice, margin: float) -> Alpha8:
    """A . I + b on one tile, contrast-stretched by ``margin`` at both ends, as uint8."""
    height, width = rgb.shape[:2]
    fine = enlarge_part(model, height, width, rows, columns)
    value = np.einsum("hwc,hwc->hw", fine[..., :3], rgb[rows, columns].astype(np.float32)) / 255 + fine[..., 3]
    value = (value - margin) / (1.0 - 2.0 * margin)
    return np.asarray(np.rint(np.clip(value, 0.0, 1.0) * 255), np.uint8)
