"""A glazed mug with a handle, its hole in sight."""

import numpy as np

from tools.samples.render import Scene, Surface
from tools.samples.shapes import Float, blend, cut, cylinder, moved, noise, turned, vector
from tools.samples.stages import table


def _body(p: Float) -> Float:
    outer = cylinder(moved(p, 0, 0.5, 0), 0.42, 0.5, 0.05)
    inner = cylinder(moved(p, 0, 0.62, 0), 0.375, 0.55, 0.06)
    return cut(outer, inner) - np.float32(0.008)


def _handle(p: Float) -> Float:
    q = moved(turned(p, -28), 0.46, 0.52, 0)
    ring = np.hypot(q[0] * 0.85, q[1]) - np.float32(0.27)
    return cut(np.hypot(ring, q[2] * 0.75) - np.float32(0.055), cylinder(moved(p, 0, 0.5, 0), 0.39, 0.6))


def _shape(p: Float) -> Float:
    return blend(_body(p), _handle(p), 0.06) * np.float32(0.85)


def _paint(p: Float, _: Float) -> Surface:
    radius = np.hypot(p[0], p[2])
    glaze = np.where((radius < 0.395) & (p[1] > 0.08), vector(0.78, 0.75, 0.68), vector(0.045, 0.17, 0.23))
    speckle = noise(p * 60, 9) > 0.93
    glaze = np.where(speckle, glaze * 0.75, glaze)
    return Surface(np.where(p[1] < 0.055, vector(0.5, 0.36, 0.25), glaze).astype(np.float32), 0.045, 0.02)


def scene() -> Scene:
    """The product on its stage."""
    return Scene(
        "mug",
        _shape,
        _paint,
        table(),
        centre=(0.1, 0.5, 0),
        radius=0.95,
        eye=(0.9, 2.3, 4.6),
        target=(0.08, 0.47, 0),
        zoom=2.75,
        wall_z=-7,
        bend=0.02,
        seed=11,
    )
