"""A roll of parcel tape standing on its rim; the stage shows through the middle."""

import numpy as np

from tools.samples.render import Scene, Surface
from tools.samples.shapes import Float, extruded, moved, noise, turned, union, vector
from tools.samples.stages import paper


def _shape(p: Float) -> Float:
    q = turned(moved(p, 0, 0.62, 0), 32)
    ring = np.abs(np.hypot(q[0], q[1]) - np.float32(0.5)) - np.float32(0.1)
    roll = extruded(ring, q[2], 0.235) - np.float32(0.012)
    r, end = np.hypot(q[0], q[1]), np.arctan2(q[1], q[0])
    flap = np.maximum(np.abs(r - 0.617) - 0.004, np.maximum(np.abs(end - 0.9) - 0.35, np.abs(q[2]) - 0.235))
    return union(roll, flap * np.float32(0.9)).astype(np.float32)


def _paint(p: Float, _: Float) -> Surface:
    q = turned(moved(p, 0, 0.62, 0), 32)
    r = np.hypot(q[0], q[1])
    card = vector(0.5, 0.36, 0.22) * (0.85 + 0.25 * noise(q * vector(20, 20, 60), 3))
    film = vector(0.56, 0.33, 0.12) * (0.9 + 0.1 * np.sin(r * 420)).astype(np.float32)
    core = r < 0.435
    return Surface(np.where(core, card, film).astype(np.float32), np.where(core, 0.0, 0.045), np.where(core, 1, 0.08))


def scene() -> Scene:
    """The product on its stage."""
    return Scene(
        "tape",
        _shape,
        _paint,
        paper((0.16, 0.28, 0.4)),
        centre=(0, 0.62, 0),
        radius=0.78,
        eye=(0.1, 1.75, 5.2),
        target=(0, 0.58, 0),
        zoom=2.9,
        key=(5, 7, 5),
        seed=14,
    )
