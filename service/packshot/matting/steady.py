"""A preview that does not flicker: coarse masks averaged over time where the picture stands still.

m_t = l m + (1 - l) m_(t-1), with l near 1 where the picture moves, so that the mask does not trail behind a hand. What
counts as motion is measured against the camera's own noise, so that a white product on white is seen to move, too.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float32]
RGB8 = NDArray[np.uint8]

MEDIAN_OF_LARGEST = 1.8  # median of the largest of three |normal| values, over the median of one, about


@dataclass(frozen=True)
class SteadySettings:
    """``still`` is the weight of a new mask where nothing moves.

    Motion counts from the first to the second of ``motion``, in sigmas of the picture's noise, which is at least
    ``noise_floor`` / 255. ``disagreement``: a mask that differs from the steadied one over a whole neighbourhood by so
    much is believed, too.
    """

    still: float = 0.2
    motion: tuple[float, float] = (5.0, 12.0)
    noise_floor: float = 0.35
    disagreement: tuple[float, float] = (0.3, 0.6)
    neighbourhood: int = 5  # px of the mask
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
        small = np.asarray(cv2.resize(rgb, (width, height), interpolation=cv2.INTER_AREA), np.float32)
        picture = np.asarray(cv2.GaussianBlur(small, (0, 0), 1.0), np.float32).reshape(height, width, 3)
        if self._last is None or self._last[1].shape != mask.shape:
            self._last = (picture, mask)
            return mask
        before, steady = self._last
        weight = self._weight(picture - before, mask - steady)
        steady = np.asarray(weight * mask + (1 - weight) * steady, np.float32)
        self._last = (picture, steady)
        return steady

    def _weight(self, change: Float, disagreement: Float) -> Float:
        """How much the new mask counts, by how much the picture (h, w, 3) changed or the mask disagrees nearby."""
        settings = self._settings
        change = change - np.median(change[::3, ::3], axis=(0, 1)).astype(np.float32)  # the lamps, or the camera's gain
        largest = np.abs(change).max(axis=2)
        sigma = max(settings.noise_floor, 1.4826 * float(np.median(largest)) / MEDIAN_OF_LARGEST)
        size = (settings.neighbourhood, settings.neighbourhood)
        doubted = np.abs(cv2.blur(disagreement, size))
        moved = np.maximum(_ramp(largest / sigma, *settings.motion), _ramp(doubted, *settings.disagreement))
        near = cv2.dilate(moved, np.ones((settings.reach, settings.reach), np.uint8))
        return np.asarray(settings.still + (1 - settings.still) * near, np.float32).reshape(disagreement.shape)


def _ramp(values: Float, low: float, high: float) -> Float:
    return np.asarray(np.clip((values - low) / (high - low), 0, 1), np.float32)
