"""The colour guided filter: how alpha follows the photo's colours, as one linear model per pixel.

He, Sun, Tang: Guided Image Filtering, TPAMI 2013; He, Sun: Fast Guided Filter, arXiv:1505.00996.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from packshot.matting.band import grown, scatter

Float = NDArray[np.float32]
Mask = NDArray[np.uint8]
Index = NDArray[np.intp]
Part = tuple[slice, slice]

BORDER = cv2.BORDER_REFLECT
PAIRS = ((0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2))


def box_mean(values: Float, radius: int) -> Float:
    """Mean over the (2 radius + 1)² window, mirrored at the border; (H, W) or (H, W, C) float32, same shape."""
    size = 2 * radius + 1
    return np.asarray(cv2.blur(values, (size, size), borderType=BORDER), np.float32)


@dataclass(frozen=True)
class Guide:
    """A picture and what its windows of ``radius`` hold, which is known before there is a mask.

    ``picture`` (h, w, 4) float32 has the colours in [0, 1] and 1, so that a model's value is the sum of its products
    with it. ``means`` are those of every window, nine of (h, w): of the colours, and of their products by ``PAIRS``.
    """

    picture: Float
    radius: int
    means: tuple[Float, ...]

    @classmethod
    def of(cls, rgb: Float, radius: int) -> "Guide":
        """Look into all windows of a picture (h, w, 3) float32 in [0, 1]."""
        channels = cv2.split(rgb)
        held = [*channels, *(cv2.multiply(channels[i], channels[j]) for i, j in PAIRS)]
        means = tuple(box_mean(np.asarray(values, np.float32), radius) for values in held)
        return cls(np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2RGBA), np.float32), radius, means)  # whose alpha is 1


def fit_linear_model(guide: Guide, mask: Float, eps: float, where: Mask | None = None) -> Float:
    """Coefficients (h, w, 4) such that mask ~ a . guide + b around every pixel.

    ``mask`` is (h, w) float32 in [0, 1]; ``eps`` punishes steep models (variance of colour).
    Per window k: a_k = (Sigma_k + eps I)^-1 cov_k(guide, mask), b_k = mean(mask) - a_k . mean(guide); channels 0-2 are
    the mean of a_k over the window, channel 3 that of b_k. With ``where`` only its non-zero pixels come out right.
    """
    model = np.zeros((*mask.shape, 4), np.float32)
    windows = np.ones(mask.shape, np.uint8) if where is None else grown(where, guide.radius)
    part = around(windows, guide.radius)
    if windows[part].size:
        model[part] = _fit(guide, mask, eps, part, np.flatnonzero(windows[part]))
    return model


def _fit(guide: Guide, mask: Float, eps: float, part: Part, needed: Index) -> Float:
    """The models of a part of a picture, of whose pixels ``needed`` are those that have a window."""
    mean_guide, mean_products = np.split(_means(guide, part, needed), (3,))
    coverage = np.ascontiguousarray(mask[part])
    products = np.asarray(cv2.multiply(guide.picture[part], cv2.merge([coverage] * 4)), np.float32)
    *mean_both, mean_mask = np.ascontiguousarray(box_mean(products, guide.radius).reshape(-1, 4).take(needed, axis=0).T)
    covariance = mean_both - mean_guide * mean_mask
    a = _solve_symmetric(_sigma(mean_guide, mean_products, eps), covariance)
    fitted = np.zeros((coverage.size, 4), np.float32)
    scatter(fitted, needed, np.stack([*a, mean_mask - (a * mean_guide).sum(axis=0)], axis=1))
    return box_mean(fitted.reshape(*coverage.shape, 4), guide.radius)


def evaluate(model: Float, picture: Float) -> Float:
    """The values a . guide + b, (h, w), of models (h, w, 4) and the ``picture`` of a guide."""
    red, green, blue, offset = cv2.split(cv2.multiply(model, picture))
    return np.asarray(red + green + blue + offset, np.float32)


def around(where: Mask, margin: int) -> Part:
    """Rows and columns of all non-zero pixels of a mask (h, w) and of ``margin`` px around them."""
    left, top, width, height = cv2.boundingRect(where)
    if not width:
        return slice(0), slice(0)
    return (
        slice(max(0, top - margin), min(top + height + margin, where.shape[0])),
        slice(max(0, left - margin), min(left + width + margin, where.shape[1])),
    )


def _means(guide: Guide, part: Part, needed: Index) -> Float:
    """The guide's means, (9, n), at the ``needed`` pixels of a part."""
    (top, left), width = (side.start for side in part), part[1].stop - part[1].start
    at = (needed // width + top) * guide.picture.shape[1] + needed % width + left
    return np.stack([plane.take(at) for plane in guide.means])


def _sigma(mean: Float, products: Float, eps: float) -> list[Float]:
    """The six different entries of Sigma + eps I, rr, rg, rb, gg, gb, bb, from means of colours and of products."""
    entries: list[Float] = []
    for (i, j), product in zip(PAIRS, products, strict=True):
        entry = product - mean[i] * mean[j]
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
