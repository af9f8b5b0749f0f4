"""Figures for setting a camera and its lamps up: histogram, clipping, focus."""

import cv2
import msgspec
import numpy as np
from numpy.typing import NDArray

RGB8 = NDArray[np.uint8]
BINS = 64
CLIPPED_LIGHT, CLIPPED_DARK = 254, 2


class Meter(msgspec.Struct):
    """One look at a live picture.

    ``histogram`` is red, green, blue as shares of the pixels in 64 bins, dark to light; ``light`` and ``dark`` the
    shares clipped in any channel; ``focus`` grows with sharpness and compares looks at one scene, not scenes.
    """

    histogram: list[list[float]]
    light: float
    dark: float
    mean: float
    focus: float


def measure(rgb: RGB8) -> Meter:
    """The figures of a picture (h, w, 3) uint8.

    Focus is the mean square of the Laplacian over the mean square of the luminance (Subbarao 1993, normalised, so that
    a brighter lamp is not a sharper lens).
    """
    counts = [np.bincount(rgb[..., channel].ravel() >> 2, minlength=BINS) for channel in range(3)]
    pixels = rgb.shape[0] * rgb.shape[1]
    gray = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY).astype(np.float32)
    energy = float(np.mean(gray * gray)) + 1e-6
    detail = cv2.Laplacian(gray, cv2.CV_32F)
    return Meter(
        histogram=[[round(float(count) / pixels, 5) for count in channel] for channel in counts],
        light=round(float((rgb >= CLIPPED_LIGHT).any(axis=-1).mean()), 4),
        dark=round(float((rgb <= CLIPPED_DARK).any(axis=-1).mean()), 4),
        mean=round(float(gray.mean()) / 255, 4),
        focus=round(float(np.mean(detail * detail)) / energy * 1000, 3),
    )


def decode(jpeg: bytes) -> RGB8:
    """A preview's JPEG as (h, w, 3) uint8; raises ValueError for anything else."""
    bgr = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    if bgr is None:
        raise ValueError("not a picture")
    return np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), np.uint8)
