"""A plain backdrop seen inside the subject: a hole that the network filled with certainty.

Light on a backdrop falls off smoothly: what lies outside the mask tells, as a polynomial of second degree in x and y,
how the backdrop looks behind the subject. A part of the subject that looks just so is a hole, or a surface that a
person had better look at. Where the backdrop is not plain nothing is said.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from packshot.matting.band import grown

Float = NDArray[np.float32]
RGB8 = NDArray[np.uint8]
Mask = NDArray[np.bool_]

PLAIN_BELOW = 6.0  # in 1/255: what a plain backdrop differs by from the polynomial
ALIKE_BELOW = 2.5  # of that difference, and no less than
LEAST_ALIKE = 2.0  # in 1/255
ROUNDS = 3  # of fitting, each without what differed most in the one before
LEAST_PIXELS = 500  # of backdrop
CLEAR_OF_SUBJECT = 3  # px: nearer pixels have some of the subject in them
INSIDE = 2  # px
EVERY = 3  # px down and across: enough to fit six numbers, and too little for BLAS to wake its threads


def seen_through(mask: Float, small: RGB8) -> float:
    """The share of the subject that the largest part of it takes which looks like a plain backdrop, 0 to 1.

    ``mask`` is the coarse mask (h, w) in [0, 1], ``small`` (h, w, 3) uint8 the photo at its size.
    """
    solid = mask > 0.5
    backdrop = ~grown(mask > 0.1, CLEAR_OF_SUBJECT)
    if not solid.any() or np.count_nonzero(backdrop) < LEAST_PIXELS:
        return 0.0
    fitted, usual = _fit(small, backdrop)
    if usual > PLAIN_BELOW:
        return 0.0
    difference = _difference(small, fitted)
    alike = (difference < max(ALIKE_BELOW * usual, LEAST_ALIKE)) & ~grown(~solid, INSIDE)
    whole = cv2.morphologyEx(alike.view(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    _, _, stats, _ = cv2.connectedComponentsWithStats(whole, connectivity=4)
    largest = stats[1:, cv2.CC_STAT_AREA].max(initial=0)
    return float(largest / np.count_nonzero(solid))


def _fit(picture: RGB8, backdrop: Mask) -> tuple[Float, float]:
    """Six polynomial coefficients for each channel, (3, 6), and how far the backdrop usually is from them."""
    rows, columns = np.nonzero(backdrop[::EVERY, ::EVERY])
    y, x = (_place(at * EVERY, length) for at, length in zip((rows, columns), backdrop.shape, strict=True))
    terms = np.stack([np.ones_like(x), x, y, x * x, x * y, y * y])
    colours = picture[rows * EVERY, columns * EVERY].astype(np.float32)
    near, usual = np.ones(len(x), np.bool_), np.inf
    fitted = np.zeros((3, 6), np.float32)
    for _ in range(ROUNDS):
        kept = terms[:, near]
        fitted = np.linalg.lstsq(kept @ kept.T, kept @ colours[near], rcond=None)[0].T
        difference = np.abs(colours.T - fitted @ terms).max(axis=0)
        usual = 1.4826 * float(np.median(difference[near]))  # the standard deviation, if errors were normal
        near = difference < 3 * max(usual, 1.0)
    return fitted, usual


def _difference(picture: RGB8, fitted: Float) -> Float:
    """How far each pixel (h, w) is from the fitted backdrop, by its worst channel."""
    y, x = (_place(np.arange(length), length) for length in picture.shape[:2])
    y, worst = y[:, np.newaxis], np.zeros(picture.shape[:2], np.float32)
    for seen, (c, c_x, c_y, c_xx, c_xy, c_yy) in zip(cv2.split(picture), fitted, strict=True):
        expected = (c + c_y * y + c_yy * y * y) + (c_x + c_xy * y) * x + c_xx * x * x
        np.maximum(worst, np.abs(seen - expected), out=worst)
    return worst


def _place(at: NDArray[np.intp], length: int) -> Float:
    """Pixels of an axis from -1 to 1."""
    return (2 * at / max(1, length - 1) - 1).astype(np.float32)
