"""How sure are we of a cutout: scores from mask and photo, thresholds, reasons that a person reads."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import cv2
import numpy as np
from numpy.typing import NDArray

from packshot.domain import Decision, Verdict
from packshot.matting.band import grown
from packshot.matting.box import Box
from packshot.matting.seen_through import seen_through

Float = NDArray[np.float32]
RGB8 = NDArray[np.uint8]
Mask = NDArray[np.bool_]
Scores = Mapping[str, float]

RIM = 2  # px on either side of the outline


@dataclass(frozen=True)
class Thresholds:
    """Limits of the verdict; each score beyond its limit holds the cutout with a reason.

    ``empty_below`` is the subject's share of the frame, ``empty_peak_below`` the largest mask value,
    ``seen_through_above`` the subject's share that looks like a plain backdrop; at 1 nobody looks for that.
    """

    empty_below: float = 0.002
    empty_peak_below: float = 0.6
    covered_above: float = 0.97
    unsure_above: float = 0.05
    touching_above: float = 0.05
    rim_contrast_below: float = 0.02
    clipped_above: float = 0.6
    seen_through_above: float = 0.02
    shorter_side_below: int = 32


def judge(mask: Float, small: RGB8, bbox: Box | None, limits: Thresholds) -> Verdict:
    """``measure``, then ``decide``."""
    return decide(measure(mask, small, limits), bbox, limits)


def decide(scores: Scores, bbox: Box | None, limits: Thresholds) -> Verdict:
    """The verdict of what was measured and of the cutout's box in photo pixels, None where nothing was found."""
    if bbox is None or scores["coverage"] < limits.empty_below or scores["peak"] < limits.empty_peak_below:
        return Verdict(Decision.EMPTY, ("no subject found",), MappingProxyType(scores))
    scores = {**scores, "shorter_side_px": float(min(bbox[2:]))}
    reasons = tuple(text for failed, text in _checks(scores, limits) if failed)
    return Verdict(Decision.HOLD if reasons else Decision.PUBLISH, reasons, MappingProxyType(scores))


def measure(mask: Float, small: RGB8, limits: Thresholds) -> Scores:
    """The scores by name, each a share in [0, 1], of a coarse mask (h, w) in [0, 1] and the photo at its size."""
    solid = mask > 0.5
    inner, outer = ~grown(~solid, RIM), grown(solid, RIM)
    unsure = (mask > 0.1) & (mask < 0.9) & (inner | ~outer)
    clipped = cv2.inRange(small, np.full(3, 254.0), np.full(3, 255.0)) > 0
    area = max(1, int(np.count_nonzero(solid)))
    border = np.concatenate([solid[0], solid[-1], solid[:, 0], solid[:, -1]])
    return {
        "coverage": float(solid.mean()),
        "peak": float(mask.max()),
        "unsure": min(int(np.count_nonzero(unsure)) / area, 1.0),
        "touching": float(border.mean()),
        "rim_contrast": _rim_contrast(small, solid & ~inner, outer & ~solid),
        "clipped": int(np.count_nonzero(clipped & solid)) / area,
        "seen_through": seen_through(mask, small) if limits.seen_through_above < 1 else 0.0,
    }


def _rim_contrast(small: RGB8, inside: Mask, outside: Mask) -> float:
    """Distance in [0, 1] between the mean colours of the strips just inside and just outside the outline."""
    if not inside.any() or not outside.any():
        return 1.0
    means = [np.array(cv2.mean(small, strip.view(np.uint8))) for strip in (inside, outside)]
    return float(np.abs(means[0] - means[1]).max() / 255)


def _checks(scores: Scores, limits: Thresholds) -> list[tuple[bool, str]]:
    return [
        (scores["coverage"] > limits.covered_above, "the subject covers the whole frame"),
        (scores["unsure"] > limits.unsure_above, "large parts are neither subject nor background"),
        (scores["touching"] > limits.touching_above, "the subject touches the edge of the frame"),
        (scores["rim_contrast"] < limits.rim_contrast_below, "the subject can hardly be told from the background"),
        (scores["clipped"] > limits.clipped_above, "the subject is overexposed"),
        (scores["seen_through"] > limits.seen_through_above, "a part of the subject looks like the background"),
        (scores["shorter_side_px"] < limits.shorter_side_below, "the subject is too small"),
    ]
