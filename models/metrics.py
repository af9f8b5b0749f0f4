"""What a coarse mask is worth: salient-object measures, boundary IoU, alpha errors, and whether it could be published.

Masks and truth are float32 (H, W) in [0, 1] at the picture's own size.
"""

import warnings
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.float32]
Bits = NDArray[np.bool_]

BOUNDARY_SHARE = 0.02  # width of the boundary band over the picture's diagonal (Cheng et al., CVPR 2021)
PUBLISHABLE_IOU = 0.97
PUBLISHABLE_BLOB = 0.003  # largest connected error over the frame
GRADIENT_SIGMA = 1.4  # Rhemann et al., CVPR 2009


def iou(mask: Mask, truth: Mask) -> float:
    """Intersection over union of the halves above 0.5; 1 where both are empty."""
    return _iou(mask > 0.5, truth > 0.5)


def _iou(a: Bits, b: Bits) -> float:
    union = int(np.count_nonzero(a | b))
    return float(np.count_nonzero(a & b) / union) if union else 1.0


def boundary_iou(mask: Mask, truth: Mask) -> float:
    """IoU of the bands inside both outlines, 2 % of the diagonal wide (Cheng et al., CVPR 2021)."""
    width = max(1, round(BOUNDARY_SHARE * float(np.hypot(*mask.shape))))
    return _iou(_inner_band(mask > 0.5, width), _inner_band(truth > 0.5, width))


def _inner_band(bits: Bits, width: int) -> Bits:
    padded = np.pad(bits.astype(np.uint8), 1)  # the frame counts as outline too
    core = cv2.erode(padded, np.ones((3, 3), np.uint8), iterations=width)[1:-1, 1:-1]
    return np.asarray(bits & ~core.astype(np.bool_), np.bool_)


def largest_blob(mask: Mask, truth: Mask) -> float:
    """Largest 8-connected area of wrong pixels as a share of the frame."""
    wrong = ((mask > 0.5) != (truth > 0.5)).astype(np.uint8)
    areas = cv2.connectedComponentsWithStats(wrong, connectivity=8)[2][1:, cv2.CC_STAT_AREA]
    return float(areas.max() / wrong.size) if len(areas) else 0.0


def publishable(mask: Mask, truth: Mask) -> bool:
    """Would the bare coarse mask do without retouch: IoU of .97 and no wrong blob over 0.3 % of the frame."""
    return iou(mask, truth) >= PUBLISHABLE_IOU and largest_blob(mask, truth) <= PUBLISHABLE_BLOB


def gradient_error(mask: Mask, truth: Mask) -> float:
    """Sum of squared differences of Gaussian gradient magnitudes, in thousands (Rhemann et al., CVPR 2009)."""
    return float(((_gradient(mask) - _gradient(truth)) ** 2).sum() / 1000.0)


def _gradient(x: Mask) -> NDArray[np.float64]:
    reach = int(np.ceil(3 * GRADIENT_SIGMA))
    t = np.arange(-reach, reach + 1, dtype=np.float64)
    smooth = np.exp(-(t**2) / (2 * GRADIENT_SIGMA**2))
    slope = -t * smooth
    smooth, slope = smooth / np.linalg.norm(smooth), slope / np.linalg.norm(slope)
    wide = x.astype(np.float64)
    across = cv2.sepFilter2D(wide, cv2.CV_64F, slope, smooth, borderType=cv2.BORDER_REPLICATE)
    down = cv2.sepFilter2D(wide, cv2.CV_64F, smooth, slope, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(np.hypot(across, down), np.float64)


@dataclass
class Figures:
    """Gathers one slice; ``result`` gives its means. ``alpha``: the truth is exact; ``empty``: nothing to be found."""

    alpha: bool = False
    empty: bool = False
    _values: dict[str, list[float]] = field(default_factory=dict)
    _measures: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.empty:
            self._measures = _salient_measures()

    def add(self, mask: Mask, truth: Mask) -> float:
        """Take one picture in; returns its IoU, or for an empty scene 1 - mean mask."""
        self._note("mae", float(np.abs(mask - truth).mean()))
        if self.empty:
            self._note("clean", float(mask.max() < 0.5))
            return 1.0 - float(mask.mean())
        overlap = iou(mask, truth)
        self._note("iou", overlap)
        self._note("boundary_iou", boundary_iou(mask, truth))
        self._note("publishable", float(publishable(mask, truth)))
        if self.alpha:
            self._alpha(mask, truth)
        prediction, binary = np.rint(mask * 255).astype(np.uint8), ((truth > 0.5) * 255).astype(np.uint8)
        for measure in self._measures.values():
            measure.step(prediction, binary)
        return overlap

    def _alpha(self, mask: Mask, truth: Mask) -> None:
        self._note("sad", float(np.abs(mask - truth).sum() / 1000.0))
        self._note("mse", float(((mask - truth) ** 2).mean()))
        self._note("gradient", gradient_error(mask, truth))

    def _note(self, key: str, value: float) -> None:
        self._values.setdefault(key, []).append(value)

    def result(self) -> dict[str, float]:
        """Mean of every figure over the slice; F and E also at their best threshold."""
        found = {key: float(np.mean(values)) for key, values in self._values.items()}
        if self._measures:
            f_curve = self._measures["f"].get_results()["fm"]["curve"]
            e_curve = self._measures["e"].get_results()["em"]["curve"]
            found |= {"max_f": float(f_curve.max()), "mean_f": float(f_curve.mean())}
            found |= {"max_e": float(e_curve.max()), "mean_e": float(e_curve.mean())}
            found["weighted_f"] = float(self._measures["weighted"].get_results()["wfm"])
            found["s"] = float(self._measures["s"].get_results()["sm"])
        return {key: round(value, 5) for key, value in found.items()}


def _salient_measures() -> dict[str, Any]:
    """F, weighted F, S and E as the field computes them: each mask stretched to its own range; MAE here is raw."""
    import py_sod_metrics as sod

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return {"f": sod.Fmeasure(), "weighted": sod.WeightedFmeasure(), "s": sod.Smeasure(), "e": sod.Emeasure()}
