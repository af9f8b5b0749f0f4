"""Errors of a cutout against the truth, and cutouts side by side."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Bytes8 = NDArray[np.uint8]
Float = NDArray[np.float32]

GRADIENT_SIGMA = 1.4
BAND = (13, 242)  # alpha .05 to .95
TILE = 360
MAGENTA = (255.0, 0.0, 255.0)


@dataclass(frozen=True)
class Truth:
    """Alpha (H, W) and the product's own colour (H, W, 3), uint8."""

    alpha: Bytes8
    foreground: Bytes8


def read_rgba(path: Path) -> Bytes8:
    """An RGBA PNG as (H, W, 4) uint8."""
    picture = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if picture is None:
        raise OSError(f"{path} cannot be read")
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGRA2RGBA), np.uint8)


def errors(rgba: Bytes8, truth: Truth) -> dict[str, float]:
    """Rhemann et al., CVPR 2009: SAD and gradient error in thousands, MSE; mean colour error where alpha is soft."""
    alpha = np.ascontiguousarray(rgba[..., 3])
    difference = cv2.absdiff(alpha, truth.alpha).astype(np.float32) / 255
    band = (truth.alpha > BAND[0]) & (truth.alpha < BAND[1]) & (alpha > 0)
    colour = cv2.absdiff(np.ascontiguousarray(rgba[..., :3]), truth.foreground)[band]
    slopes = _slope(alpha) - _slope(truth.alpha)
    return {
        "sad": float(difference.sum() / 1000),
        "mse": float((difference**2).mean()),
        "gradient": float((slopes**2).sum() / 1000),
        "colour": float(colour.mean() / 255) if band.any() else 0.0,
    }


def _slope(alpha: Bytes8) -> Float:
    """The length of the gradient of alpha, smoothed."""
    smooth = np.asarray(cv2.GaussianBlur(alpha.astype(np.float32) / 255, (0, 0), GRADIENT_SIGMA), np.float32)
    across, down = (cv2.Sobel(smooth, cv2.CV_32F, *axes, ksize=3, scale=1 / 8) for axes in ((1, 0), (0, 1)))
    return np.asarray(cv2.magnitude(across, down), np.float32)


def contact_sheet(scenes: list[Any]) -> Bytes8:
    """A row per scene: the photo, the truth on magenta, every cutout on magenta; the edge magnified below each. BGR."""
    rows = []
    for _, truth, face in scenes:
        left, top, width, height = cv2.boundingRect(truth.alpha)
        box = (slice(top, top + height), slice(left, left + width))
        name, photo = face[0]
        cutouts = [(name, _rgb(photo)[box]), ("truth", _laid(np.dstack([truth.foreground, truth.alpha])[box]))]
        cutouts += [(name, _laid(rgba[box])) for name, rgba in face[1:]]
        rows.append(np.hstack([_labelled(name, picture) for name, picture in cutouts]))
    widest = max(row.shape[1] for row in rows)
    padded = [cv2.copyMakeBorder(row, 0, 0, 0, widest - row.shape[1], cv2.BORDER_CONSTANT) for row in rows]
    return np.asarray(cv2.cvtColor(np.vstack(padded), cv2.COLOR_RGB2BGR), np.uint8)


def _rgb(path: Path) -> Bytes8:
    return np.asarray(cv2.imread(str(path), cv2.IMREAD_COLOR_RGB), np.uint8)


def _laid(rgba: Bytes8) -> Bytes8:
    alpha = rgba[..., 3:].astype(np.float32) / 255
    return np.rint(rgba[..., :3] * alpha + np.array(MAGENTA, np.float32) * (1 - alpha)).astype(np.uint8)


def _labelled(name: str, picture: Bytes8) -> Bytes8:
    """The whole picture over its upper right part at full size, with the name."""
    scale = TILE / max(picture.shape[:2])
    size = (max(1, round(picture.shape[1] * scale)), max(1, round(picture.shape[0] * scale)))
    whole = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    across = max(0, int(picture.shape[1] * 0.75) - TILE // 2)
    part = picture[:TILE, across : across + TILE]
    tile = np.full((2 * TILE + 24, TILE + 8, 3), 40, np.uint8)
    tile[20 : 20 + size[1], : size[0]] = whole
    tile[24 + TILE : 24 + TILE + part.shape[0], : part.shape[1]] = part
    return np.asarray(cv2.putText(tile, name, (4, 14), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (255, 255, 255), 1), np.uint8)
