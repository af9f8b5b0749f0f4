"""See the subject by its difference to an aligned plate: white on white, mesh, handles; shadows are background."""

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from packshot.matting.band import FOREGROUND, in_between, points, sample, strips
from packshot.matting.foreground import Colours, ColourSettings, estimate_colours
from packshot.matting.refine import EdgeSettings, Matte, Profile, coarse_matte, fine_alpha, softness

Float = NDArray[np.float32]
RGB8 = NDArray[np.uint8]
Alpha8 = NDArray[np.uint8]
Bool = NDArray[np.bool_]

SCALES = (1, 3, 7)  # px of the working picture
AGREEMENT_PX = 15


@dataclass(frozen=True)
class DifferenceSettings:
    """How much a difference from the plate counts; ``noise_floor`` in 1/255, ``sure_z`` and ``trust`` in sigmas.

    ``trust``: how far foreground and background must lie apart for alpha to come from their colours, and fully so.
    """

    noise_floor: float = 0.8
    sure_z: float = 4.0
    shadow_floor: float = 0.35
    lift_to: float = 0.3
    max_lift: float = 8.0
    trust: tuple[float, float] = (6.0, 12.0)


@dataclass(frozen=True)
class PlateMatte:
    """The matte of the lifted difference, the factor it was lifted by, the colours, and the noise in 1/255."""

    matte: Matte
    lift: float
    colours: Colours
    noise: float


def matte_on_plate(
    small: RGB8,
    background: RGB8,
    mask: Float,
    noise: float,
    profile: Profile,
    edges: EdgeSettings,
    settings: DifferenceSettings | None = None,
    colours: ColourSettings | None = None,
) -> PlateMatte:
    """Matte and colours at working size; ``small`` and the moved plate ``background`` are (h, w, 3) uint8.

    ``mask`` (mh, mw) is the network's, ``noise`` the sigma of photo minus plate in 1/255.
    """
    settings = settings or DifferenceSettings()
    height, width = small.shape[:2]
    wide_mask = np.asarray(cv2.resize(mask, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)
    evidence = subject_evidence(small, background, wide_mask, noise, settings)
    factor = lift(small, background, evidence, settings)
    guide = difference_guide(small, background, factor)
    half = (max(1, width // 2), max(1, height // 2))
    seen, coarse, soft = (
        np.asarray(cv2.resize(part, half, interpolation=cv2.INTER_AREA), np.float32)
        for part in (evidence, wide_mask, softness(mask, profile, edges))
    )
    start = seen * (1 - soft) + np.minimum(seen, coarse) * soft  # a difference says "subject", not how much of it
    matte = coarse_matte(guide, np.asarray(start, np.float32), profile, edges)
    matte = replace(matte, softness=np.asarray(cv2.resize(soft, matte.alpha.shape[::-1]), np.float32))
    estimated = estimate_colours(small, fine_alpha(guide, matte, edges), colours)
    return PlateMatte(matte, factor, Colours(estimated.foreground, background), noise)


def alpha_on_plate(
    rgb: RGB8,
    background: RGB8,
    plate_matte: PlateMatte,
    edges: EdgeSettings,
    settings: DifferenceSettings | None = None,
) -> Alpha8:
    """Alpha (H, W) uint8 of the whole photo before its moved plate, both (H, W, 3) uint8.

    In the band alpha is the share of the foreground between two known colours where they lie well apart and solid
    product is near, else the guided filter's answer on the lifted difference.
    """
    settings = settings or DifferenceSettings()
    height, width = rgb.shape[:2]
    matte = plate_matte.matte
    alpha = fine_alpha(difference_guide(rgb, background, plate_matte.lift), matte, edges)
    regions = cv2.resize(matte.regions, (width, height), interpolation=cv2.INTER_NEAREST)
    reach = max(matte.regions.shape) // 8 | 1
    opaque = (matte.regions == FOREGROUND).astype(np.float32)
    solid = np.asarray(cv2.dilate(opaque, np.ones((reach, reach), np.uint8)), np.float32)
    low, high = (level * max(plate_matte.noise, settings.noise_floor) for level in settings.trust)
    for rows in strips(0, height):
        x, y = points(in_between(np.asarray(regions[rows], np.uint8)), 0, rows.start)
        if not len(x):
            continue
        foreground = sample(plate_matte.colours.foreground, x, y, height, width)
        exact, apart = known_background_alpha(_float(rgb[y, x]), _float(background[y, x]), foreground)
        trust = np.clip((apart - low) / (high - low), 0, 1) * sample(solid, x, y, height, width)[:, 0]
        alpha[y, x] = np.rint(exact * 255 * trust + alpha[y, x] * (1 - trust))
    return alpha


def subject_evidence(photo: RGB8, background: RGB8, mask: Float, noise: float, settings: DifferenceSettings) -> Float:
    """Where the subject is, (h, w) float32 in [0, 1], from the difference to the moved plate and the coarse mask.

    Log-odds add up: the difference counts by its significance at three scales, up to where it settles the matter; the
    mask counts where photo and plate agree. Plain darkening where the mask sees nothing is a shadow, and
    background.
    """
    difference = photo.astype(np.float32) - background.astype(np.float32)
    z = _significance(difference, max(noise, settings.noise_floor))
    evidence = np.clip(1.2 * (z - settings.sure_z), -2.5, 6.0)
    wide = np.ones((AGREEMENT_PX, AGREEMENT_PX), np.uint8)
    evidence[cv2.dilate(z, wide) < settings.sure_z] = -5.0  # plate and photo agree all round: a hole, whatever the mask
    shadow = _is_shadow(photo, background, difference, settings)
    evidence[shadow & (mask < 0.1)] = 0.0  # near the subject the mask decides, and the guided filter finds the edge
    evidence[shadow & (mask < 0.02)] = -2.0
    prior = np.clip(np.log((mask + 1e-4) / (1 - mask + 1e-4)), -5, 5) * 0.6
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


def known_background_alpha(image: Float, background: Float, foreground: Float) -> tuple[Float, Float]:
    """Alpha of pixels (N, 3) between two known colours, (N,) in [0, 1], and how far those colours lie apart, (N,).

    The least-squares answer to I = a F + (1 - a) B; colours in any one unit.
    """
    apart = foreground - background
    length = np.einsum("nc,nc->n", apart, apart)
    alpha = np.einsum("nc,nc->n", image - background, apart) / np.maximum(length, 1e-6)
    return np.clip(alpha, 0, 1).astype(np.float32), np.sqrt(length)


def _significance(difference: Float, noise: float) -> Float:
    """The largest over three window sizes of |mean difference| in its own sigmas, (h, w)."""
    best = np.zeros(difference.shape[:2], np.float32)
    for size in SCALES:
        smooth = np.abs(cv2.blur(difference, (size, size))).max(axis=2)
        inside = cv2.erode(smooth, np.ones((size, size), np.uint8))  # takes back what the blur spread outwards
        sigma = max(noise / size, 0.6)  # neighbouring errors are not independent
        best = np.maximum(best, inside / np.float32(sigma))
    return best


def _is_shadow(photo: RGB8, background: RGB8, difference: Float, settings: DifferenceSettings) -> Bool:
    """Where the photo is the plate, darkened alike in all channels."""
    ratio = cv2.blur(photo, (5, 5)).astype(np.float32) / np.maximum(cv2.blur(background, (5, 5)), 8)
    dimmed = ratio.mean(axis=2)
    alike = np.ptp(ratio, axis=2) < 0.06
    darker = (dimmed > settings.shadow_floor) & (dimmed < 1.0) & (difference.mean(axis=2) < 0)
    return np.asarray(alike & darker, np.bool_)


def _float(values: NDArray[np.uint8]) -> Float:
    return values.astype(np.float32)
