"""Two backdrops: the same product before two known colours gives alpha and colour exactly, glass included.

Smith, Blinn: Blue Screen Matting, SIGGRAPH 1996 (triangulation). A bright and a dark backdrop (freemask) are one case.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from packshot.errors import BadImage
from packshot.matting.band import strips

Float = NDArray[np.float32]
RGB8 = NDArray[np.uint8]
RGBA8 = NDArray[np.uint8]


@dataclass(frozen=True)
class BackdropSettings:
    """``min_apart`` is the least median distance of the backdrops, in 1/255; ``noise`` the camera's sigma, in 1/255."""

    min_apart: float = 40.0
    noise: float = 2.0
    plate_blur: float = 1.5
    smooth_radius: int = 2


def triangulate(
    first: RGB8, second: RGB8, plate_first: RGB8, plate_second: RGB8, settings: BackdropSettings | None = None
) -> RGBA8:
    """The cutout (H, W, 4) uint8, straight alpha, from two photos and the photos of their empty backdrops.

    a = 1 - (I1 - I2) . (B1 - B2) / |B1 - B2|², a F = mean of I_k - (1 - a) B_k. All four are (H, W, 3) uint8; raises
    BadImage when they differ in size or the backdrops do not differ in colour.
    """
    settings = settings or BackdropSettings()
    if len({picture.shape for picture in (first, second, plate_first, plate_second)}) != 1:
        raise BadImage("the two photos and their two plates differ in size; take all four with the same settings")
    blurred = (cv2.GaussianBlur(plate, (0, 0), settings.plate_blur) for plate in (plate_first, plate_second))
    backdrops = [np.asarray(plate, np.uint8) for plate in blurred]
    apart = _distance(backdrops[0], backdrops[1])
    if apart < settings.min_apart:
        raise BadImage(
            f"the two backdrops differ by {apart:.0f} of 255 where {settings.min_apart:.0f} is needed; "
            "light them in two clearly different colours"
        )
    backdrops = _matched([first, second], backdrops)
    alpha = _smooth(_alpha(first, second, backdrops[0], backdrops[1]), settings, apart)
    return _coloured([first, second], backdrops, alpha)


def _distance(first: RGB8, second: RGB8) -> float:
    """Median Euclidean distance of two pictures in 1/255, from every eighth pixel."""
    difference = first[::8, ::8].astype(np.float32) - second[::8, ::8]
    return float(np.median(np.sqrt((difference**2).sum(axis=2))))


def _alpha(first: RGB8, second: RGB8, backdrop_first: RGB8, backdrop_second: RGB8) -> Float:
    """Triangulated alpha (H, W), not yet clipped."""
    alpha = np.empty(first.shape[:2], np.float32)
    for rows in strips(0, first.shape[0]):
        apart = backdrop_first[rows].astype(np.float32) - backdrop_second[rows]
        seen = first[rows].astype(np.float32) - second[rows]
        alpha[rows] = 1 - (seen * apart).sum(axis=2) / np.maximum((apart * apart).sum(axis=2), 1.0)
    return alpha


def _matched(photos: list[RGB8], backdrops: list[RGB8]) -> list[RGB8]:
    """The backdrops at the photos' exposure: gains per channel from what is surely background."""
    thin_photos, thin_backdrops = ([part[::4, ::4] for part in parts] for parts in (photos, backdrops))
    empty = np.abs(_alpha(*thin_photos, *thin_backdrops)) < 0.1
    if np.count_nonzero(empty) < 256:
        return backdrops
    matched = []
    for photo, thin, backdrop in zip(thin_photos, thin_backdrops, backdrops, strict=True):
        ratio = photo[empty].sum(axis=0) / np.maximum(thin[empty].sum(axis=0), 1)
        gains = np.where(np.abs(ratio - 1) < 0.2, ratio, 1.0)
        channels = [cv2.convertScaleAbs(backdrop[..., c], alpha=float(gains[c])) for c in range(3)]
        matched.append(np.asarray(cv2.merge(channels), np.uint8))
    return matched


def _smooth(alpha: Float, settings: BackdropSettings, apart: float) -> Float:
    """Alpha in [0, 1] with its noise reduced where it is flat (self-guided filter), and quiet at both ends."""
    sigma = settings.noise * 2**0.5 / apart
    size = 2 * settings.smooth_radius + 1
    mean, square = (cv2.blur(values, (size, size)) for values in (alpha, alpha * alpha))
    variance = np.maximum(square - mean * mean, 0)
    detail = np.maximum(variance - (1.5 * sigma) ** 2, 0) / (variance + 1e-8)
    smooth = mean + detail * (alpha - mean)
    quiet = 1.5 * sigma
    return np.asarray(np.clip(np.where(smooth < quiet, 0, np.where(smooth > 1 - quiet, 1, smooth)), 0, 1), np.float32)


def _coloured(photos: list[RGB8], backdrops: list[RGB8], alpha: Float) -> RGBA8:
    """Straight-alpha RGBA; the colour is what both photos say once the backdrops are taken out."""
    rgba = np.empty((*alpha.shape, 4), np.uint8)
    for rows in strips(0, alpha.shape[0]):
        a = alpha[rows, :, None]
        seen = sum(p[rows].astype(np.float32) - (1 - a) * b[rows] for p, b in zip(photos, backdrops, strict=True))
        rgba[rows, :, :3] = np.rint(np.clip(np.asarray(seen) / np.maximum(2 * a, 1e-3), 0, 255)) * (a > 0)
        rgba[rows, :, 3] = np.rint(alpha[rows] * 255)
    rgba[rgba[..., 3] == 0] = 0
    return rgba
