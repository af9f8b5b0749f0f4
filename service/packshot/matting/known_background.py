"""Alpha and foreground where the background is known: I = a F + (1 - a) B leaves one unknown too many, no more.

F is found from a first alpha by weighted least squares over windows (the regression behind sampling-based matting, as
in Wang, Cohen: Optimized Color Sampling, CVPR 2007), alpha as the least-squares share between two known colours, and
its noise is averaged away along edges only (cross bilateral filter; Eisemann, Durand 2004).
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from packshot.matting.band import Index

Float = NDArray[np.float32]

TINY = np.float32(1e-6)


def known_background_alpha(image: Float, background: Float, foreground: Float) -> tuple[Float, Float]:
    """Alpha of pixels (N, 3) between two known colours, (N,), not clipped, and how far those colours lie apart, (N,).

    The least-squares answer to I = a F + (1 - a) B; colours in any one unit.
    """
    apart = foreground - background
    length = np.einsum("nc,nc->n", apart, apart)
    alpha = np.einsum("nc,nc->n", image - background, apart) / np.maximum(length, TINY)
    return alpha.astype(np.float32), np.sqrt(length).astype(np.float32)


def known_background_foreground(
    image: Float, background: Float, alpha: Float, windows: tuple[int, ...], power: int, ridge: float = 0.02
) -> Float:
    """The foreground F (h, w, 3) that explains ``image`` before ``background``, all (h, w, 3), best around each pixel.

    Least squares of a F = I - (1 - a) B over square windows in px, widest first, pixels weighted by ``alpha`` (h, w) in
    [0, 1] to the ``power``; each window is drawn by ``ridge`` to the answer of the wider one.
    """
    weight = alpha**power
    share = (alpha * weight)[..., None]
    seen = (image - background) * weight[..., None] + background * share
    foreground = np.zeros_like(image)
    pull = TINY
    for size in windows:
        total, of = (cv2.blur(part, (size, size)).reshape(*alpha.shape, -1) for part in (seen, share))
        foreground = (total + pull * foreground) / (of + pull)
        pull = np.float32(ridge)
    return np.asarray(foreground, np.float32)


def smooth_along_edges(values: Float, x: Index, y: Index, sigma: Float, blur: float, radius: int) -> Float:
    """``values`` (h, w) at the pixels (x, y), (N,), averaged over those near them that are alike.

    Alike by their smoothed values (Gaussian of ``blur`` px), in units of ``sigma`` (N,), so that noise is averaged
    along edges and not across them; the window reaches ``radius`` px.
    """
    smooth = np.asarray(cv2.GaussianBlur(values, (0, 0), blur), np.float32).reshape(values.shape)
    plain, guide = (np.pad(part, radius, mode="edge").reshape(-1) for part in (values, smooth))
    stride = values.shape[1] + 2 * radius
    centre = (y + np.int32(radius)) * np.int32(stride) + x + np.int32(radius)
    here, scale = guide.take(centre), np.float32(-0.5) / (sigma * sigma)
    total, weights = np.zeros(len(x), np.float32), np.zeros(len(x), np.float32)
    for down in range(-radius, radius + 1):
        for across in range(-radius, radius + 1):
            at = centre + np.int32(down * stride + across)
            weight = guide.take(at) - here
            weight *= weight
            weight *= scale
            np.exp(weight, out=weight)
            weights += weight
            weight *= plain.take(at)
            total += weight
    return np.asarray(total / weights, np.float32)
