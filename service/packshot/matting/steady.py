"""A preview that does not flicker: coarse masks averaged over time where the picture stands still.

m_t = l m + (1 - l) m_(t-1), with l near 1 where the picture moves, so that the mask does not trail behind a hand.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float32]
RGB8 = NDArray[np.uint8]


@dataclass(frozen=True)
class SteadySettings:
    """``still`` is the weight of a new mask where nothing moves; motion counts from ``calm`` to ``moving`` (1/255)."""

    still: float = 0.2
    calm: float = 6.0
    moving: float = 18.0
    reach: int = 7  # px of the mask by which motion is widened


class SteadyMask:
    """Masks of one live picture, one after the other; all of one size."""

    def __init__(self, settings: SteadySettings | None = None) -> None:
        self._settings = settings or SteadySettings()
        self._last: tuple[Float, Float] | None = None

    def update(self, rgb: RGB8, mask: Float) -> Float:
        """The steadied mask (h, w) in [0, 1] for a picture (H, W, 3) uint8 and its own mask (h, w).

        A mask of another size than the last one starts afresh.
        """
        height, width = mask.shape
        small = cv2.resize(rgb, (width, height), interpolation=cv2.INTER_AREA)
        picture = np.asarray(cv2.GaussianBlur(small, (0, 0), 1.0), np.float32)
        if self._last is None or self._last[1].shape != mask.shape:
            self._last = (picture, mask)
            return mask
        before, steady = self._last
        weight = self._weight(np.abs(picture - before).max(axis=2))
        steady = np.asarray(weight * mask + (1 - weight) * steady, np.float32)
        self._last = (picture, steady)
        return steady

    def _weight(self, change: Float) -> Float:
        """How much the new mask counts, by how much the picture changed near every pixel."""
        settings = self._settings
        motion = np.clip((change - settings.calm) / (settings.moving - settings.calm), 0, 1)
        near = cv2.dilate(motion, np.ones((settings.reach, settings.reach), np.uint8))
        return np.asarray(settings.still + (1 - settings.still) * near, np.float32)
