"""The colour guided filter: how alpha follows the photo's colours, as one linear model per pixel.

He, Sun, Tang: Guided Image Filtering, TPAMI 2013; He, Sun: Fast Guided Filter, arXiv:1505.00996.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float32]
Mask = NDArray[np.uint8]
Index = NDArray[np.intp]

BORDER = cv2.BORDER_REFLECT
PAIRS = ((0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2))


def box_mean(values: Float, radius: int) -> Float:
    """Mean over the (2 radius + 1)² window, mirrored at the border; (H, W) or (H, W, C) float32, same shape."""
    size = 2 * radius + 1
    return np.asarray(cv2.blur(values, (size, size), borderType=BORDER), np.float32)


@dataclass(frozen=True)
class Guide:
    """A picture (h, w, 3) float32 in [0, 1] and what its windows hold, which is known before there is a mask.

    ``mean`` (h, w, 3) is that of every window of ``radius``; ``products`` are the windows' mean products of two
    channels, six of (h, w), in the order of ``PAIRS``.
    """

    picture: Float
    radius: int
    mean: Float
    products: tuple[Float, ...]

    @classmethod
    def of(cls, picture: Float, radius: int) -> "Guide":
        """Look into all windows."""
        channels = cv2.split(picture)
        products = (cv2.multiply(channels[i], channels[j]) for i, j in PAIRS)
        means = tuple(box_mean(np.asarray(product, np.float32), radius) for product in products)
        return cls(picture, radius, box_mean(picture, radius), means)

    def part(self, inside: tuple[slice, slice]) -> "Guide":
        """Some rows and columns, with what their windows hold of the whole."""
        products = tuple(product[inside] for product in self.products)
        return Guide(self.picture[inside], self.radius, self.mean[inside], products)


def fit_linear_model(guide: Guide, mask: Float, eps: float, where: Mask | None = None) -> Float:
    """Coefficients (h, w, 4) such that mask ~ a . guide + b around every pixel.

    ``mask`` is (h, w) float32 in [0, 1]; ``eps`` punishes steep models (variance of colour).
    Per window k: a_k = (Sigma_k + eps I)^-1 cov_k(guide, mask), b_k = mean(mask) - a_k . mean(guide); channels 0-2 are
    the mean of a_k over the window, channel 3 that of b_k. With ``where`` only its non-zero pixels come out right.
    """
    if where is None:
        return _fit(guide, mask, eps, None)
    model = np.zeros((*mask.shape, 4), np.float32)
    windows = _dilate(where, guide.radius)
    part = around(windows, guide.radius)
    if windows[part].size:
        model[part] = _fit(guide.part(part), mask[part], eps, np.flatnonzero(windows[part]))
    return model


def _fit(guide: Guide, mask: Float, eps: float, needed: Index | None) -> Float:
    """The models of a picture whose windows are ``needed``, or all."""
    radius = guide.radius
    mean_guide = _gather(guide.mean, needed)
    mean_mask = _gather(box_mean(mask, radius), needed)
    products = np.asarray(cv2.multiply(guide.picture, cv2.merge([mask, mask, mask])), np.float32)
    covariance = _gather(box_mean(products.reshape(guide.picture.shape), radius), needed) - mean_guide * mean_mask
    a = _solve_symmetric(_sigma(guide, mean_guide, eps, needed), covariance)
    fitted = np.stack([*a, mean_mask - (a * mean_guide).sum(axis=0)], axis=1)
    return box_mean(_spread(fitted, needed, mask.size).reshape(*mask.shape, 4), radius)


def around(where: Mask, margin: int) -> tuple[slice, slice]:
    """Rows and columns of all non-zero pixels of a mask (h, w) and of ``margin`` px around them."""
    left, top, width, height = cv2.boundingRect(where)
    if not width:
        return slice(0), slice(0)
    return (
        slice(max(0, top - margin), top + height + margin),
        slice(max(0, left - margin), left + width + margin),
    )


def _dilate(where: Mask, radius: int) -> Mask:
    size = 2 * radius + 1
    return np.asarray(cv2.dilate(where, np.ones((size, size), np.uint8)), np.uint8)


def _gather(values: Float, needed: Index | None) -> Float:
    """The needed pixels, or all, of (h, w) as (n,), of (h, w, C) as (C, n)."""
    flat = values.reshape(-1, *values.shape[2:])
    return np.ascontiguousarray((flat if needed is None else flat.take(needed, axis=0)).T)


def _spread(values: Float, needed: Index | None, count: int) -> Float:
    """What was gathered at its place among ``count`` pixels, zero at the others; (count, C)."""
    if needed is None:
        return values
    whole = np.zeros((count, values.shape[1]), np.float32)
    whole[needed] = values
    return whole


def _sigma(guide: Guide, mean: Float, eps: float, needed: Index | None) -> list[Float]:
    """The six different entries of Sigma + eps I at the needed pixels: rr, rg, rb, gg, gb, bb."""
    entries: list[Float] = []
    for (i, j), product in zip(PAIRS, guide.products, strict=True):
        entry = _gather(product, needed) - mean[i] * mean[j]
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
