"""A printed folding box."""

from collections.abc import Callable
from functools import partial

import cv2
import numpy as np
from numpy.typing import NDArray

from tools.samples.render import Scene, Surface
from tools.samples.shapes import Float, box, moved, turned, vector
from tools.samples.stages import paper, printed


def _draw(picture: NDArray[np.uint8]) -> None:
    picture[:] = (28, 74, 82)
    cv2.rectangle(picture, (0, 560), (800, 1000), (234, 222, 196), -1)
    for ring, colour in enumerate(((240, 188, 66), (232, 130, 62), (206, 74, 62))):
        cv2.circle(picture, (400, 560), 250 - 70 * ring, colour, -1, cv2.LINE_AA)
    cv2.rectangle(picture, (0, 560), (800, 1000), (234, 222, 196), -1)
    cv2.putText(picture, "SUNRISE", (150, 720), cv2.FONT_HERSHEY_TRIPLEX, 3.2, (28, 74, 82), 7, cv2.LINE_AA)
    cv2.putText(picture, "loose leaf tea", (215, 810), cv2.FONT_HERSHEY_SIMPLEX, 1.6, (28, 74, 82), 3, cv2.LINE_AA)
    cv2.putText(picture, "100 g", (340, 910), cv2.FONT_HERSHEY_SIMPLEX, 1.4, (28, 74, 82), 3, cv2.LINE_AA)


def _local(p: Float) -> Float:
    return moved(turned(p, -33), 0, 0.75, 0)


def _shape(p: Float) -> Float:
    return box(_local(p), 0.6, 0.75, 0.34, 0.018)


def _paint(label: Callable[[Float, Float], Float], p: Float, normal: Float) -> Surface:
    q, n = _local(p), turned(normal, -33)
    face = label(q[0] / np.float32(1.2) + np.float32(0.5), q[1] / np.float32(1.5) + np.float32(0.5))
    band = np.where(q[1] > -0.09, vector(0.012, 0.07, 0.084), vector(0.7, 0.62, 0.46))
    flap = np.where((np.abs(q[2]) < 0.004) & (n[1] > 0.8), vector(0.005, 0.03, 0.035), band)
    return Surface(np.where(n[2] > 0.7, face, flap).astype(np.float32), 0.035, 0.12)


def scene() -> Scene:
    """The product on its stage."""
    label = printed(800, 1000, _draw)
    return Scene(
        "carton",
        _shape,
        partial(_paint, label),
        paper(),
        centre=(0, 0.75, 0),
        radius=1.1,
        eye=(0.3, 2.0, 5.4),
        target=(0.0, 0.72, 0),
        zoom=2.4,
        key=(5, 7, 5.5),
        seed=15,
    )
