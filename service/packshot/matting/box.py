"""Boxes in pictures: (left, top, width, height) in pixels."""

import cv2
import numpy as np
from numpy.typing import NDArray

Box = tuple[int, int, int, int]


def bounding_box(alpha: NDArray[np.uint8]) -> Box | None:
    """The box of what is not fully transparent in an alpha (H, W), or None."""
    left, top, width, height = cv2.boundingRect(alpha)
    return (left, top, width, height) if width and height else None


def inside(picture: NDArray[np.uint8], box: Box) -> NDArray[np.uint8]:
    """A view of the part of a picture (H, W, ...) that a box holds."""
    left, top, width, height = box
    return picture[top : top + height, left : left + width]


def crop(picture: NDArray[np.uint8], box: Box) -> NDArray[np.uint8]:
    """``inside``, in memory of its own."""
    return inside(picture, box).copy()


def moved(inner: Box, outer: Box) -> Box:
    """A box inside another, in what the other one is measured in."""
    return (outer[0] + inner[0], outer[1] + inner[1], inner[2], inner[3])
