"""A leather bag with two handles and the wall between them."""

import numpy as np

from tools.samples.render import Scene, Surface
from tools.samples.shapes import Float, blend, box, moved, noise, turned, union, vector
from tools.samples.stages import paper


def _handles(p: Float) -> Float:
    arcs = []
    for z in (-0.13, 0.15):
        q = moved(turned(moved(p, 0, 1.12, z), 8 if z > 0 else -6, 0), 0, 0, 0)
        arc = np.hypot(np.hypot(q[0] * 1.15, np.maximum(q[1], 0) * 0.82) - np.float32(0.46), q[2]) - np.float32(0.034)
        legs = np.hypot(np.abs(q[0]) - np.float32(0.4), q[2]) - np.float32(0.034)
        arcs.append(np.where(q[1] > 0, arc, np.maximum(legs, -q[1] - np.float32(0.3))))
    return union(*arcs)


def _body(p: Float) -> Float:
    taper = (1 + 0.16 * (0.6 - p[1])).astype(np.float32)
    q = np.stack([p[0] / taper, p[1] - np.float32(0.6), p[2] / (taper * taper)])
    bulge = np.float32(0.05) * np.cos(np.clip(q[0] * 1.9, -1.5, 1.5)) * np.cos(np.clip(q[1] * 2.2, -1.5, 1.5))
    sag = np.float32(0.03) * np.cos(np.clip(q[0] * 2, -1.5, 1.5)) * np.clip(q[1] * 2, 0, 1)
    return box(q + np.stack([np.zeros_like(sag), sag, np.zeros_like(sag)]), 0.86, 0.58, 0.24, 0.1) - bulge


def _straps(p: Float) -> Float:
    q = np.stack([np.abs(p[0]) - np.float32(0.4), p[1] - np.float32(0.86), np.abs(p[2]) - np.float32(0.26)])
    return box(q, 0.06, 0.22, 0.045, 0.02)


def _shape(p: Float) -> Float:
    q = turned(p, -22)
    return union(blend(_body(q), _straps(q), 0.03), _handles(q)) * np.float32(0.7)


def _paint(p: Float, _: Float) -> Surface:
    q = turned(p, -22)
    grain = 0.8 + 0.3 * noise(q * 38, 4) * noise(q * 17, 5)
    leather = vector(0.30, 0.105, 0.04) * grain
    dark = (_handles(q) < 0.01) | (_straps(q) < 0.012)
    stitch = (np.abs(np.abs(q[0]) - 0.74) < 0.008) & (np.sin(q[1] * 130) > -0.2) & (q[1] > 0.12) & (q[1] < 1.05)
    albedo = np.where(dark, leather * 0.45, np.where(stitch, vector(0.62, 0.5, 0.33), leather))
    rivet = np.hypot(np.abs(q[0]) - 0.4, q[1] - 0.78) < 0.035
    albedo = np.where(rivet & dark, vector(0.62, 0.48, 0.22), albedo)
    return Surface(albedo.astype(np.float32), np.where(rivet, 0.3, 0.03), 0.28)


def scene() -> Scene:
    """The product on its stage."""
    return Scene(
        "handbag",
        _shape,
        _paint,
        paper((0.6, 0.56, 0.5)),
        centre=(0, 0.85, 0),
        radius=1.35,
        eye=(-0.3, 1.75, 6.6),
        target=(0, 0.78, 0),
        zoom=2.5,
        seed=16,
    )
