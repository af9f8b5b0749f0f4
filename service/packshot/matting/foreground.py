"""The product's own colour where background shines through its edge: blur-fusion foreground estimation.

Forte: Approximate Fast Foreground Colour Estimation, ICIP 2021.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float32]

TINY = np.float32(1e-5)


def blur_fusion(image: Float, alpha: Float, guess_f: Float, guess_b: Float, size: int) -> tuple[Float, Float]:
    """One pass: foreground and smooth background, each (H, W, 3) float32 in [0, 1].

    F = blur(F a) / blur(a), B = blur(B (1 - a)) / blur(1 - a), then F <- clip(F + a (I - a F - (1 - a) B)).
    ``image``, guesses (H, W, 3) and ``alpha`` (H, W) are float32 in [0, 1]; ``size`` is the blur's width in pixels.
    """
    a = alpha[..., None]
    weight = _blur(alpha, size)[..., None]
    foreground = _blur(guess_f * a, size) / (weight + TINY)
    background = _blur(guess_b * (1 - a), size) / (1 - weight + TINY)
    foreground = foreground + a * (image - a * foreground - (1 - a) * background)
    return np.clip(foreground, 0, 1).astype(np.float32), background.astype(np.float32)


def _blur(values: Float, size: int) -> Float:
    return np.asarray(cv2.blur(values, (size, size), borderType=cv2.BORDER_REPLICATE), np.float32)


def estimate_foreground(image: Float, alpha: Float, wide: int = 90, narrow: int = 6) -> Float:
    """Foreground colour (H, W, 3) in [0, 1] by two passes, a wide blur and a narrow one (Forte's x2)."""
    foreground, background = blur_fusion(image, alpha, image, image, wide)
    return blur_fusion(image, alpha, foreground, background, narrow)[0]
