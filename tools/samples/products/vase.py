"""A thrown stoneware vase, glazed, with a raw foot."""

import numpy as np

from tools.samples.render import Scene, Surface
from tools.samples.shapes import Float, cut, noise, revolved, vector
from tools.samples.stages import paper

HEIGHTS = np.linspace(0.0, 1.5, 16)
RADII = np.interp(
    HEIGHTS, [0, 0.15, 0.4, 0.65, 0.9, 1.1, 1.25, 1.4, 1.5], [0.26, 0.36, 0.49, 0.52, 0.44, 0.28, 0.19, 0.19, 0.25]
)
WALL = 0.035


def _outside(p: Float) -> Float:
    return revolved(p, list(zip(RADII.tolist(), HEIGHTS.tolist(), strict=True)))


def _inside(p: Float) -> Float:
    above = [
        (radius - WALL, height) for radius, height in zip(RADII.tolist(), HEIGHTS.tolist(), strict=True) if height > 0.9
    ]
    return revolved(p, [*above, (above[-1][0], 1.6)])


def _shape(p: Float) -> Float:
    turned_by_hand = np.float32(0.003) * np.sin(p[1] * 46)
    return (cut(_outside(p) - np.float32(0.014), _inside(p)) + turned_by_hand) * np.float32(0.85)


def _paint(p: Float, _: Float) -> Surface:
    run = 0.17 + 0.035 * noise(np.stack([p[0] * 5, p[2] * 5, np.zeros_like(p[0])]), 3)
    cloud = 0.8 + 0.35 * noise(p * 5, 4) * noise(p * 2, 6)
    glaze = np.where(np.abs(p[1] - 0.98) < 0.05, vector(0.62, 0.58, 0.46), vector(0.05, 0.21, 0.19)) * cloud
    clay = vector(0.42, 0.24, 0.15) * (0.85 + 0.3 * noise(p * 45, 8))
    raw = p[1] < run
    return Surface(np.where(raw, clay, glaze).astype(np.float32), np.where(raw, 0.0, 0.045), np.where(raw, 1.0, 0.03))


def scene() -> Scene:
    """The product on its stage."""
    return Scene(
        "vase",
        _shape,
        _paint,
        paper((0.66, 0.5, 0.42)),
        centre=(0, 0.75, 0),
        radius=0.98,
        eye=(0.2, 1.9, 5.6),
        target=(0, 0.72, 0),
        zoom=2.55,
        key=(5, 6.5, 4.5),
        seed=13,
    )
