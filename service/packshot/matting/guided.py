"""The colour guided filter: how alpha follows the photo's colours, as one linear model per pixel.

He, Sun, Tang: Guided Image Filtering, TPAMI 2013; He, Sun: Fast Guided Filter, arXiv:1505.00996.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float32]
RGB8 = NDArray[np.uint8]

BORDER = cv2.BORDER_REFLECT


def box_mean(values: Float, radius: int) -> Float:
    """Mean over the (2 radius + 1)² window, mirrored at the border; (H, W) or (H, W, C) float32, same shape."""
    size = 2 * radius + 1
    return np.asarray(cv2.blur(values, (size, size), borderType=BORDER), np.float32)


def fit_linear_model(guide: Float, mask: Float, radius: int, eps: float) -> Float:
    """Coefficients (h, w, 4) such that mask ~ a . guide + b around every pixel.

    ``guide`` is (h, w, 3) and ``mask`` (h, w), float32 in [0, 1]; ``eps`` punishes steep models (variance of colour).
    Per window k: a_k = (Sigma_k + eps I)^-1 cov_k(guide, mask), b_k = mean(mask) - a_k . mean(guide); channels 0-2 are
    the mean of a_k over the window, channel 3 that of b_k.
    """
    mean_guide = box_mean(guide, radius)
    mean_mask = box_mean(mask, radius)
    covariance = box_mean(guide * mask[..., None], radius) - mean_guide * mean_mask[..., None]
    a = _solve_symmetric(_sigma(guide, mean_guide, radius, eps), covariance)
    b = mean_mask - np.einsum("hwc,hwc->hw", a, mean_guide)
    return box_mean(np.dstack([a, b]), radius)


def _sigma(guide: Float, mean: Float, radius: int, eps: float) -> list[Float]:
    """The six different entries of Sigma + eps I: rr, rg, rb, gg, gb, bb."""
    pairs = ((0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2))
    products = np.stack([guide[..., i] * guide[..., j] for i, j in pairs], axis=-1)
    means = [box_mean(np.ascontiguousarray(products[..., k : k + 3]), radius) for k in (0, 3)]
    entries: list[Float] = []
    for k, (i, j) in enumerate(pairs):
        entry = means[k // 3][..., k % 3] - mean[..., i] * mean[..., j]
        entries.append(entry + np.float32(eps) if i == j else entry)
    return entries


def _solve_symmetric(entries: list[Float], right: Float) -> Float:
    """Solve the 3x3 symmetric system of ``_sigma``'s entries at every pixel by its adjugate; (h, w, 3)."""
    rr, rg, rb, gg, gb, bb = entries
    c_rr, c_rg, c_rb = gg * bb - gb * gb, gb * rb - rg * bb, rg * gb - gg * rb
    c_gg, c_gb, c_bb = rr * bb - rb * rb, rb * rg - rr * gb, rr * gg - rg * rg
    determinant = rr * c_rr + rg * c_rg + rb * c_rb
    x, y, z = right[..., 0], right[..., 1], right[..., 2]
    solved = np.dstack([c_rr * x + c_rg * y + c_rb * z, c_rg * x + c_gg * y + c_gb * z, c_rb * x + c_gb * y + c_bb * z])
    return np.asarray(solved / determinant[..., None], np.float32)
