"""The outline of a mask drawn on a picture, for live previews."""

import cv2
import numpy as np
from numpy.typing import NDArray

RGB8 = NDArray[np.uint8]
Alpha8 = NDArray[np.uint8]

INNER = (255, 255, 255)
OUTER = (0, 0, 0)


def draw_outline(rgb: RGB8, alpha: Alpha8, width: int = 2) -> RGB8:
    """A copy of (H, W, 3) uint8 with the outline of ``alpha`` (H, W) uint8, light on dark: seen on any background.

    Holes have outlines, too; ``width`` is in pixels.
    """
    solid = np.asarray(cv2.inRange(alpha, np.array(128.0), np.array(255.0)), np.uint8)
    outlines, _ = cv2.findContours(solid, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    drawn = rgb.copy()
    for colour, thickness in ((OUTER, width + 2), (INNER, width)):
        cv2.drawContours(drawn, outlines, -1, colour, thickness, cv2.LINE_AA)
    return drawn
