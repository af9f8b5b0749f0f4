"""A wooden toy truck."""

import numpy as np

from tools.samples.render import Scene, Surface
from tools.samples.shapes import Float, box, cut, cylinder, moved, noise, turned, union, vector
from tools.samples.stages import paper


def _wheels(p: Float) -> Float:
    q = turned(np.stack([np.abs(p[0] + 0.02) - np.float32(0.55), p[1] - np.float32(0.22), p[2]]), 90, 0)
    q[1] = np.abs(q[1]) - np.float32(0.37)
    return cut(cylinder(q, 0.22, 0.07, 0.03), cylinder(moved(q, 0, 0.09, 0), 0.12, 0.05, 0.01))


def _chassis(p: Float) -> Float:
    return box(moved(p, 0, 0.32, 0), 0.95, 0.1, 0.32, 0.04)


def _cabin(p: Float) -> Float:
    q = moved(p, 0.52, 0.7, 0)
    slope = q[0] * np.float32(0.86) + q[1] * np.float32(0.5) - np.float32(0.36)
    block = np.maximum(box(q, 0.36, 0.34, 0.33, 0.06), slope)
    window = box(moved(q, 0.02, 0.08, 0), 0.17, 0.13, 0.5, 0.04)
    return cut(block, window)


def _load(p: Float) -> Float:
    tub = box(moved(p, -0.42, 0.62, 0), 0.5, 0.22, 0.33, 0.04)
    tub = cut(tub, box(moved(p, -0.42, 0.74, 0), 0.44, 0.3, 0.27, 0.03))
    balls = [
        np.sqrt(((p - vector(x, 0.72, z)) ** 2).sum(0)) - 0.17 for x, z in ((-0.66, 0.08), (-0.34, -0.07), (-0.1, 0.1))
    ]
    return union(tub, *balls).astype(np.float32)


def _pegs(p: Float) -> Float:
    lamp = np.stack([p[0] - 0.93, p[1] - np.float32(0.52), np.abs(p[2]) - np.float32(0.2)])
    return (np.sqrt((lamp**2).sum(0)) - np.float32(0.06)).astype(np.float32)


def _parts(q: Float) -> list[Float]:
    return [_wheels(q), _chassis(q), _cabin(q), _load(q), _pegs(q)]


def _shape(p: Float) -> Float:
    return union(*_parts(turned(p, 30))) * np.float32(0.85)


def _paint(p: Float, _: Float) -> Surface:
    q = turned(p, 30)
    grain = (0.82 + 0.25 * noise(q * vector(3, 40, 40), 2)).astype(np.float32)
    maple, red = vector(0.66, 0.44, 0.22) * grain, vector(0.6, 0.05, 0.035)
    blue, yellow = vector(0.04, 0.16, 0.36), vector(0.85, 0.52, 0.05)
    balls = np.where(q[0] < -0.5, yellow, np.where(q[0] < -0.2, vector(0.05, 0.3, 0.12), red))
    in_tub = (q[1] > 0.55) & (np.abs(q[2]) < 0.26) & (np.abs(q[0] + 0.42) < 0.43)
    colours = [maple, maple, red, np.where(in_tub, balls, blue), yellow]
    part = np.argmin(np.stack(_parts(q)), axis=0)
    albedo = np.select([part == k for k in range(5)], [np.broadcast_to(c, p.shape) for c in colours])
    return Surface(albedo.astype(np.float32), 0.035, 0.1)


def scene() -> Scene:
    """The product on its stage."""
    return Scene(
        "truck",
        _shape,
        _paint,
        paper((0.72, 0.68, 0.6)),
        centre=(0, 0.5, 0),
        radius=1.3,
        eye=(0.8, 2.3, 5.6),
        target=(0.02, 0.46, 0),
        zoom=2.25,
        seed=18,
    )
