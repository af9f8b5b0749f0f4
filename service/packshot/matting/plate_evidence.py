"""Where the subject is, by its difference to an aligned plate: white on white, mesh, holes; shadows do not count."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float32]
RGB8 = NDArray[np.uint8]
Bool = NDArray[np.bool_]

SCALES = (1, 3, 7)  # px of the working picture
AGREEMENT_PX = 5


@dataclass(frozen=True)
class DifferenceSettings:
    """How much a difference from the plate counts; ``noise_floor`` in 1/255, ``*_z`` and ``trust`` in sigmas.

    ``nearby_px``, ``mask_error_px``: the windows, in px of the working picture, in which the product's own darkness is
    taken and in which it may go on beyond the mask, if it differs from that by less than the share ``alike``.
    ``trust``: how far foreground and background must lie apart for alpha to come from their colours, and fully so.
    """

    noise_floor: float = 0.8
    sure_z: float = 4.0
    agree_z: float = 2.5
    shadow_floor: float = 0.35
    nearby_px: int = 41
    mask_error_px: int = 21
    alike: float = 0.1
    lift_to: float = 0.3
    max_lift: float = 8.0
    trust: tuple[float, float] = (3.0, 6.0)


def subject_evidence(photo: RGB8, background: RGB8, mask: Float, noise: float, settings: DifferenceSettings) -> Float:
    """Where the subject is, (h, w) float32 in [0, 1], from the difference to the moved plate and the coarse mask.

    Log-odds add up: the difference counts by its significance at three scales, up to where it settles the matter; the
    mask counts where photo and plate agree. Plain darkening where the mask sees nothing is a shadow, and
    background.
    """
    difference = photo.astype(np.float32) - background.astype(np.float32)
    scales = [_significance(difference, size, max(noise, settings.noise_floor)) for size in SCALES]
    evidence = np.clip(1.2 * (np.maximum.reduce(scales) - settings.sure_z), -2.5, 6.0)
    wide = np.ones((AGREEMENT_PX, AGREEMENT_PX), np.uint8)
    evidence[
        cv2.dilate(scales[-1], wide) < settings.agree_z
    ] = -5.0  # no difference all round: a hole, whatever the mask
    dimmed, plain = _dimmed(photo, background)
    beside = _beside_and_alike(dimmed, mask, settings)
    shadow = plain & (dimmed > settings.shadow_floor) & (np.einsum("hwc->hw", difference) < 0) & ~beside
    evidence[shadow & (mask < 0.1)] = 0.0  # near the subject the mask decides, and the guided filter finds the edge
    evidence[shadow & (mask < 0.02)] = -2.0
    prior = np.clip(np.log((mask + 1e-4) / (1 - mask + 1e-4)), -5, 5) * 0.6
    prior[beside] = np.maximum(prior[beside], 0.0)
    log_odds = cv2.GaussianBlur((evidence + prior).astype(np.float32), (0, 0), 0.8)
    return np.asarray(1 / (1 + np.exp(-2 * log_odds)), np.float32)


def difference_guide(photo: RGB8, background: RGB8, factor: float) -> RGB8:
    """128 + factor * (photo - plate), uint8: a guide in which the background is plain, whatever its texture."""
    lifted = cv2.addWeighted(photo, factor, background, -factor, 128.0)
    return np.asarray(cv2.blur(lifted, (3, 3)) if factor > 2 else lifted, np.uint8)


def lift(photo: RGB8, background: RGB8, evidence: Float, settings: DifferenceSettings) -> float:
    """How much the subject's difference to the background must be lifted to fill the guide's range, at least 1."""
    subject = evidence > 0.5
    if not subject.any():
        return 1.0
    level = np.abs(photo[subject].astype(np.float32) - background[subject]).max(axis=1)
    return float(np.clip(settings.lift_to * 255 / max(float(np.median(level)), 1.0), 1.0, settings.max_lift))


def _significance(difference: Float, size: int, noise: float) -> Float:
    """|mean difference| over windows of ``size`` px in its own sigmas, (h, w)."""
    smooth = np.abs(cv2.blur(difference, (size, size)).reshape(difference.shape))
    smooth = np.maximum(np.maximum(smooth[..., 0], smooth[..., 1]), smooth[..., 2])
    inside = cv2.erode(smooth, np.ones((size, size), np.uint8))  # takes back what the blur spread outwards
    sigma = max(noise / size, 0.6)  # neighbouring errors are not independent
    return np.asarray(inside / np.float32(sigma), np.float32)


def _dimmed(photo: RGB8, background: RGB8) -> tuple[Float, Bool]:
    """How bright the photo is as a share of the plate, (h, w), and where all channels agree that it is darker."""
    ratio = cv2.blur(photo, (5, 5)).astype(np.float32) / np.maximum(cv2.blur(background, (5, 5)), 8)
    red, green, blue = cv2.split(ratio)
    dimmed = np.asarray((red + green + blue) / 3, np.float32)
    spread = np.maximum(np.maximum(red, green), blue) - np.minimum(np.minimum(red, green), blue)
    return dimmed, np.asarray((spread < 0.06) & (dimmed < 1.0), np.bool_)


def _beside_and_alike(dimmed: Float, mask: Float, settings: DifferenceSettings) -> Bool:
    """Where a white product goes on beyond the mask: as dark as the product nearby, within the mask's own error.

    A shadow is lighter than that or, where the product stands on it, darker.
    """
    solid = (mask > 0.9).astype(np.float32)
    window = (settings.nearby_px, settings.nearby_px)
    weight = cv2.blur(solid, window)
    level = cv2.blur(dimmed * solid, window) / np.maximum(weight, np.float32(1e-6))
    reach = np.ones((settings.mask_error_px, settings.mask_error_px), np.uint8)
    near = (cv2.dilate((mask > 0.5).astype(np.uint8), reach) > 0) & (weight > 1e-3)
    return np.asarray(near & (np.abs(dimmed - level) < settings.alike * (1 - level)), np.bool_)
