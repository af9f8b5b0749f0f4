"""A white porcelain teapot before white paper: the hard case."""

from itertools import pairwise

import numpy as np

from tools.samples.render import Scene, Surface
from tools.samples.shapes import Float, blend, capsule, cut, cylinder, ellipsoid, moved, torus, turned, union, vector
from tools.samples.stages import paper


def _shape(p: Float) -> Float:
    q = turned(p, 18)
    belly = ellipsoid(moved(q, 0, 0.52, 0), 0.62, 0.5, 0.62)
    belly = np.maximum(belly, -q[1] + np.float32(0.02))
    foot = cylinder(moved(q, 0, 0.04, 0), 0.3, 0.04, 0.02)
    lid = ellipsoid(moved(q, 0, 0.93, 0), 0.34, 0.12, 0.34)
    knob = ellipsoid(moved(q, 0, 1.1, 0), 0.085, 0.08, 0.085)
    bends = [(0.42, 0.3, 0.13), (0.7, 0.42, 0.105), (0.83, 0.62, 0.082), (0.9, 0.8, 0.07), (1.02, 0.95, 0.06)]
    parts = [capsule(q, (x0, y0, 0), (x1, y1, 0), r1) for (x0, y0, _), (x1, y1, r1) in pairwise(bends)]
    spout = parts[0]
    for part in parts[1:]:
        spout = blend(spout, part, 0.06)
    spout = cut(spout, capsule(q, (0.98, 0.91, 0), (1.2, 1.16, 0), 0.04))
    handle = torus(moved(q, -0.62, 0.56, 0), 0.27, 0.05)
    body = blend(blend(belly, spout, 0.12), handle, 0.06)
    return union(blend(body, foot, 0.05), blend(lid, knob, 0.06)) * np.float32(0.75)


def _paint(p: Float, _: Float) -> Surface:
    q = turned(p, 18)
    gap = np.abs(q[1] - 0.925) < 0.009
    band = np.abs(q[1] - 0.62) < 0.022
    body = np.where(band & (np.hypot(q[0], q[2]) < 0.625), vector(0.05, 0.1, 0.34), vector(0.74, 0.73, 0.71))
    return Surface(np.where(gap, body * 0.4, body).astype(np.float32), 0.05, 0.015)


def scene() -> Scene:
    """The product on its stage."""
    return Scene(
        "teapot",
        _shape,
        _paint,
        paper((0.7, 0.69, 0.67)),
        centre=(0.05, 0.58, 0),
        radius=1.15,
        eye=(0.3, 1.9, 5.6),
        target=(0.06, 0.54, 0),
        zoom=2.5,
        key=(-5, 6.5, 4),
        room=0.42,
        key_power=2.4,
        seed=17,
    )
