"""Signed distances to simple solids, negative inside; points are (3, N) float32, lengths in decimetres.

Formulas: J. C. Hart, "Sphere tracing", The Visual Computer 12 (1996), and the rounded, revolved and extruded
variants that are common knowledge since.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float32]
Shape = Callable[[Float], Float]


def vector(*values: float) -> Float:
    """A (3, 1) float32 column."""
    return np.array(values, np.float32)[:, np.newaxis]


def moved(p: Float, x: float = 0.0, y: float = 0.0, z: float = 0.0) -> Float:
    """Points as seen from a solid that was moved to (x, y, z)."""
    return p - vector(x, y, z)


def turned(p: Float, degrees: float, axis: int = 1) -> Float:
    """Points as seen from a solid that was turned about a coordinate axis."""
    angle = np.deg2rad(degrees)
    c, s = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    i, j = [(1, 2), (2, 0), (0, 1)][axis]
    q = p.copy()
    q[i], q[j] = c * p[i] + s * p[j], c * p[j] - s * p[i]
    return q


def ellipsoid(p: Float, a: float, b: float, c: float) -> Float:
    """An ellipsoid's distance to first order, good near its surface."""
    radii = vector(a, b, c)
    k0 = np.sqrt(((p / radii) ** 2).sum(0))
    k1 = np.sqrt(((p / radii**2) ** 2).sum(0))
    return k0 * (k0 - 1) / np.maximum(k1, np.float32(1e-6))


def box(p: Float, a: float, b: float, c: float, rounding: float = 0.0) -> Float:
    """A box of half sizes a, b, c with rounded edges."""
    q = np.abs(p) - vector(a - rounding, b - rounding, c - rounding)
    outside = np.sqrt((np.maximum(q, 0) ** 2).sum(0))
    return outside + np.minimum(q.max(0), 0) - np.float32(rounding)


def cylinder(p: Float, radius: float, half_height: float, rounding: float = 0.0) -> Float:
    """An upright cylinder with rounded rims."""
    return extruded(np.hypot(p[0], p[2]) - np.float32(radius - rounding), p[1], half_height - rounding) - np.float32(
        rounding
    )


def torus(p: Float, radius: float, thickness: float, axis: int = 2) -> Float:
    """A torus around a coordinate axis."""
    i, j = [(1, 2), (2, 0), (0, 1)][axis]
    return np.hypot(np.hypot(p[i], p[j]) - np.float32(radius), p[axis]) - np.float32(thickness)


def capsule(p: Float, a: tuple[float, float, float], b: tuple[float, float, float], radius: float) -> Float:
    """All points within ``radius`` of the segment from a to b."""
    start, along = vector(*a), vector(*b) - vector(*a)
    h = np.clip(((p - start) * along).sum(0) / (along**2).sum(), 0, 1)
    return np.sqrt(((p - start - along * h) ** 2).sum(0)) - np.float32(radius)


def extruded(flat: Float, height: Float, half_height: float) -> Float:
    """A flat shape's distance made solid between -half_height and half_height."""
    above = np.abs(height) - np.float32(half_height)
    outside = np.hypot(np.maximum(flat, 0), np.maximum(above, 0))
    return outside + np.minimum(np.maximum(flat, above), 0)


def revolved(p: Float, profile: list[tuple[float, float]]) -> Float:
    """A body turned on a lathe: ``profile`` lists (radius, height) upwards; its inside is towards the axis."""
    r, y = np.hypot(p[0], p[2]), p[1]
    points = [(0.0, profile[0][1]), *profile, (0.0, profile[-1][1])]
    nearest = np.full_like(y, np.inf)
    inside = np.zeros(y.shape, bool)
    for (r0, y0), (r1, y1) in zip(points, points[1:] + points[:1], strict=True):
        er, ey = r1 - r0, y1 - y0
        length2 = er * er + ey * ey
        if length2 == 0 or r0 == r1 == 0:
            continue
        h = np.clip(((r - r0) * er + (y - y0) * ey) / length2, 0, 1)
        nearest = np.minimum(nearest, (r - r0 - er * h) ** 2 + (y - y0 - ey * h) ** 2)
        crosses = (y0 > y) != (y1 > y)
        if ey:
            inside ^= crosses & (r < er * (y - y0) / ey + r0)
    return np.where(inside, -1, 1).astype(np.float32) * np.sqrt(nearest).astype(np.float32)


def blend(a: Float, b: Float, radius: float) -> Float:
    """Union with a fillet."""
    h = np.maximum(np.float32(radius) - np.abs(a - b), 0) / np.float32(radius)
    return np.minimum(a, b) - h * h * np.float32(radius / 4)


def union(*shapes: Float) -> Float:
    """What lies in any."""
    return np.minimum.reduce(shapes)


def cut(a: Float, b: Float) -> Float:
    """``a`` without ``b``."""
    return np.maximum(a, -b)


def noise(p: Float, seed: int = 0) -> Float:
    """Value noise in [0, 1] over (3, N) points, one lattice cell per unit."""
    cell = np.floor(p)
    f = p - cell
    f = f * f * (3 - 2 * f)
    base = cell.astype(np.int64)
    total = np.zeros(p.shape[1], np.float32)
    for corner in range(8):
        offset = [(corner >> axis) & 1 for axis in range(3)]
        weight = np.ones(p.shape[1], np.float32)
        for axis in range(3):
            weight = weight * (f[axis] if offset[axis] else 1 - f[axis])
        total += weight * _lattice(base + np.array(offset)[:, np.newaxis], seed)
    return total


def _lattice(cell: NDArray[np.int64], seed: int) -> Float:
    h = (cell[0] * 374761393 + cell[1] * 668265263 + cell[2] * 2147483647 + seed * 1274126177) & 0xFFFFFFFF
    h = ((h ^ (h >> 13)) * 1274126177) & 0xFFFFFFFF
    return ((h ^ (h >> 16)) & 0xFFFF).astype(np.float32) / np.float32(65535)
