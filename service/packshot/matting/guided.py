"""The colour guided filter: how alpha follows the photo's colours, as one linear model per pixel.

He, Sun, Tang: Guided Image Filtering, TPAMI 2013; He, Sun: Fast Guided Filter, arXiv:1505.00996.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float32]
Mask = NDArray[np.uint8]

BORDER = cv2.BORDER_REFLECT
PAIRS = ((0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2))


def box_mean(values: Float, radius: int) -> Float:
    """Mean over the (2 radius + 1)² window, mirrored at the border; (H, W) or (H, W, C) float32, same shape."""
    size = 2 * radius + 1
    return np.asarray(cv2.blur(values, (size, size), borderType=BORDER), np.float32)


def fit_linear_model(guide: Float, mask: Float, radius: int, eps: float, where: Mask | None = None) -> Float:
    """Coefficients (h, w, 4) such that mask ~ a . guide + b around every pixel.

    ``guide`` is (h, w, 3) and ``mask`` (h, w), float32 in [0, 1]; ``eps`` punishes steep models (variance of colour).
    Per window k: a_k = (Sigma_k + eps I)^-1 cov_k(guide, mask), b_k = mean(mask) - a_k . mean(guide); channels 0-2 are
    the mean of a_k over the window, channel 3 that of b_k. With ``where`` only its non-zero pixels come out right.
    """
    needed = np.flatnonzero(np.ones(mask.shape, np.uint8) if where is None else _dilate(where, radius))
    mean_guide = _gather(box_mean(guide, radius), needed)
    mean_mask = _gather(box_mean(mask, radius), needed)
    covariance = _gather(box_mean(guide * mask[..., None], radius), needed) - mean_guide * mean_mask
    a = _solve_symmetric(_sigma(guide, mean_guide, radius, eps, needed), covariance)
    model = np.zeros((mask.size, 4), np.float32)
    model[needed, :3] = a.T
    model[needed, 3] = mean_mask - (a * mean_guide).sum(axis=0)
    return box_mean(model.reshape(*mask.shape, 4), radius)


def _dilate(where: Mask, radius: int) -> Mask:
    size = 2 * radius + 1
    return np.asarray(cv2.dilate(where, np.ones((size, size), np.uint8)), np.uint8)


def _gather(values: Float, needed: NDArray[np.intp]) -> Float:
    """The needed pixels of (h, w) as (n,), of (h, w, C) as (C, n)."""
    if values.ndim == 2:
        return values.reshape(-1)[needed]
    return np.ascontiguousarray(values.reshape(-1, values.shape[2])[needed].T)


def _sigma(guide: Float, mean: Float, radius: int, eps: float, needed: NDArray[np.intp]) -> list[Float]:
    """The six different entries of Sigma + eps I at the needed pixels: rr, rg, rb, gg, gb, bb."""
    entries: list[Float] = []
    for i, j in PAIRS:
        product = np.asarray(cv2.multiply(guide[..., i], guide[..., j]), np.float32)
        entry = _gather(box_mean(product, radius), needed) - mean[i] * mean[j]
        entries.append(entry + np.float32(eps) if i == j else entry)
    return entries


def _solve_symmetric(entries: list[Float], right: Float) -> Float:
    """Solve the 3x3 symmetric systems of ``_sigma``'s entries for ``right`` (3, n) by their adjugates."""
    rr, rg, rb, gg, gb, bb = entries
    c_rr, c_rg, c_rb = gg * bb - gb * gb, gb * rb - rg * bb, rg * gb - gg * rb
    c_gg, c_gb, c_bb = rr * bb - rb * rb, rb * rg - rr * gb, rr * gg - rg * rg
    determinant = rr * c_rr + rg * c_rg + rb * c_rb
    x, y, z = right
    solved = np.stack([c_rr * x + c_rg * y + c_rb * z, c_rg * x + c_gg * y + c_gb * z, c_rb * x + c_gb * y + c_bb * z])
    return np.asarray(solved / determinant, np.float32)
