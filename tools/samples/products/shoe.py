"""A running shoe, side on."""

import numpy as np

from tools.samples.render import Scene, Surface
from tools.samples.shapes import Float, blend, capsule, cut, ellipsoid, extruded, moved, turned, union, vector
from tools.samples.stages import paper


def _outline(p: Float) -> Float:
    """Distance to the footprint: two circles and what joins them, seen from above."""
    heel = np.hypot(p[0] + 0.95, p[2] - 0.02) - np.float32(0.36)
    ball = np.hypot(p[0] - 0.72, p[2] + 0.04) - np.float32(0.46)
    waist = np.abs(p[2] + 0.02) - np.float32(0.33) + np.maximum(np.abs(p[0] + 0.1) - 0.85, 0)
    return blend(blend(heel, waist, 0.25), ball, 0.3)


def _rise(p: Float) -> Float:
    return 0.16 * np.clip((p[0] - 0.55) / 0.7, 0, 1) ** 2 + 0.05 * np.clip((-p[0] - 0.9) / 0.4, 0, 1) ** 2


def _sole(p: Float) -> Float:
    lifted = p[1] - _rise(p).astype(np.float32)
    thick = np.float32(0.15) - np.float32(0.035) * p[0]
    groove = np.float32(0.012) * np.sin(p[0] * 26) * (lifted < 0.08)
    return (extruded(_outline(p) + np.float32(0.07) + groove, lifted - thick, 0.11) - np.float32(0.04)) * np.float32(
        0.8
    )


def _upper(p: Float) -> Float:
    q = moved(p, 0, 0.3, 0)
    toe = ellipsoid(moved(turned(q, 6, 2), 0.6, 0.06, -0.04), 0.7, 0.34, 0.42)
    instep = ellipsoid(moved(turned(q, 27, 2), 0.02, 0.26, -0.02), 0.72, 0.34, 0.33)
    heel = ellipsoid(moved(turned(q, -6, 2), -0.84, 0.22, 0.02), 0.42, 0.62, 0.35)
    body = blend(blend(toe, instep, 0.3), heel, 0.3)
    collar = turned(moved(q, -0.62, 0.74, 0.02), -12, 2)
    lowered = np.maximum(
        body, collar[1] - np.float32(0.02) + np.float32(0.25) * np.minimum(collar[0] ** 2, np.float32(0.2))
    )
    hollow = ellipsoid(moved(collar, 0, -0.05, 0), 0.44, 0.4, 0.235)
    return cut(np.maximum(lowered - np.float32(0.03), -q[1] - np.float32(0.1)), hollow)


def _laces(p: Float) -> Float:
    rows = []
    for row in range(5):
        x, y = 0.45 - 0.13 * row, 0.775 + 0.072 * row
        rows.append(capsule(p, (x, y - 0.05, -0.2), (x + 0.03, y + 0.01, 0.0), 0.028))
        rows.append(capsule(p, (x + 0.03, y + 0.01, 0.0), (x - 0.02, y - 0.05, 0.2), 0.028))
    return union(*rows)


def _shape(p: Float) -> Float:
    q = turned(p, 24)
    return union(_sole(q), _upper(q), _laces(q)) * np.float32(0.7)


def _paint(p: Float, _: Float) -> Surface:
    q = turned(p, 24)
    parts = np.argmin(np.stack([_sole(q), _upper(q), _laces(q)]), axis=0)
    knit = 0.86 + 0.14 * np.sin(q[0] * 95) * np.sin(q[1] * 110)
    cloth = vector(0.62, 0.075, 0.06) * knit.astype(np.float32)
    stripe = np.abs(q[0] * 0.8 - q[1] * 0.9 + 0.68) < 0.07
    second = np.abs(q[0] * 0.8 - q[1] * 0.9 + 0.42) < 0.07
    side = (np.abs(q[2]) > 0.17) & (q[1] < 0.78)
    cloth = np.where((stripe | second) & side, vector(0.8, 0.78, 0.74), cloth)
    cloth = np.where((q[0] < -1.12) & (np.abs(q[2]) < 0.12), vector(0.8, 0.78, 0.74), cloth)
    cloth = np.where(np.hypot(np.hypot(q[0] + 0.62, (q[2] - 0.02) * 1.6), 0) < 0.37, cloth * 0.25, cloth)
    rubber = np.where((q[1] - _rise(q) < 0.1), vector(0.09, 0.09, 0.1), vector(0.8, 0.79, 0.76))
    albedo = np.where(parts == 0, rubber, np.where(parts == 1, cloth, vector(0.8, 0.79, 0.77)))
    return Surface(albedo.astype(np.float32), np.where(parts == 0, 0.03, 0.0), 0.3)


def scene() -> Scene:
    """The product on its stage."""
    return Scene(
        "shoe",
        _shape,
        _paint,
        paper((0.55, 0.6, 0.63)),
        centre=(0, 0.6, 0),
        radius=1.75,
        eye=(0.4, 2.2, 7.6),
        target=(-0.02, 0.56, 0),
        zoom=2.35,
        seed=13,
    )
