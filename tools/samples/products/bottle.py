"""A pump-less shampoo bottle with a printed label."""

from collections.abc import Callable
from functools import partial

import cv2
import numpy as np
from numpy.typing import NDArray

from tools.samples.render import Scene, Surface
from tools.samples.shapes import Float, revolved, union, vector
from tools.samples.stages import paper, printed

PROFILE = [
    (0.30, 0.0), (0.36, 0.03), (0.375, 0.1), (0.375, 1.12),
    (0.365, 1.22), (0.32, 1.31), (0.22, 1.38), (0.16, 1.41), (0.15, 1.45),
]  # fmt: skip
CAP = [(0.19, 1.46), (0.2, 1.48), (0.2, 1.74), (0.185, 1.77), (0.15, 1.78)]


def _draw(picture: NDArray[np.uint8]) -> None:
    picture[:] = (236, 228, 208)
    cv2.circle(picture, (500, 250), 120, (196, 92, 60), -1, cv2.LINE_AA)
    cv2.circle(picture, (455, 270), 120, (222, 164, 76), -1, cv2.LINE_AA)
    font = cv2.FONT_HERSHEY_TRIPLEX
    cv2.putText(picture, "apricot", (330, 490), font, 2.4, (70, 52, 46), 4, cv2.LINE_AA)
    cv2.putText(picture, "hair & body wash", (345, 570), cv2.FONT_HERSHEY_SIMPLEX, 1.1, (70, 52, 46), 2, cv2.LINE_AA)
    cv2.line(picture, (340, 620), (650, 620), (196, 92, 60), 5, cv2.LINE_AA)
    cv2.putText(picture, "250 ml", (440, 690), cv2.FONT_HERSHEY_SIMPLEX, 1.1, (70, 52, 46), 2, cv2.LINE_AA)


def _shape(p: Float) -> Float:
    return union(revolved(p, PROFILE) - np.float32(0.012), revolved(p, CAP) - np.float32(0.012)) * np.float32(0.9)


def _paint(label: Callable[[Float, Float], Float], p: Float, _: Float) -> Surface:
    angle = np.arctan2(p[0], p[2])
    u, v = angle / np.float32(np.pi) + np.float32(0.42), (p[1] - 0.16) / np.float32(0.9)
    on_label = (np.abs(u - 0.5) < 0.46) & (v > 0) & (v < 1) & (p[1] < 1.3)
    plastic = np.where(p[1] > 1.45, vector(0.75, 0.72, 0.66), vector(0.72, 0.24, 0.11))
    ribs = np.where((p[1] > 1.49) & (p[1] < 1.7), 0.9 + 0.1 * np.sin(angle * 60), 1.0)
    albedo = np.where(on_label, label(u, v), plastic * ribs)
    return Surface(albedo.astype(np.float32), np.where(on_label, 0.02, 0.045), np.where(on_label, 0.2, 0.05))


def scene() -> Scene:
    """The product on its stage."""
    label = printed(1000, 760, _draw)
    return Scene(
        "bottle",
        _shape,
        partial(_paint, label),
        paper(),
        centre=(0, 0.9, 0),
        radius=1.0,
        eye=(-0.5, 1.55, 6.2),
        target=(0.0, 0.86, 0),
        zoom=2.45,
        key=(-5.5, 6.5, 4.5),
        seed=12,
    )
