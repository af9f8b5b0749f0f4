"""The kiosk demo's stage: the sample photos as scenes whose picture moves a little, as before a camera held by hand."""

import math
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

RGB8 = NDArray[np.uint8]
FRAMES = 20
SWAY = 0.012  # of the picture's size
TURN_DEG = 0.5
QUALITY = 92


def build_scenes(folder: Path, photos: Sequence[Path]) -> None:
    """One scene below ``folder`` for each photo, in their order. Raises OSError."""
    for number, photo in enumerate(photos, 1):
        picture = cv2.imread(str(photo), cv2.IMREAD_COLOR)
        if picture is None:
            raise FileNotFoundError(f"{photo} is no photo; install packshot again")
        scene = folder / f"{number:02}-{photo.stem}"
        scene.mkdir(parents=True)
        for frame in range(FRAMES):
            swayed = sway(np.asarray(picture, np.uint8), frame / FRAMES)
            cv2.imwrite(str(scene / f"{frame:03}.jpg"), swayed, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])


def sway(picture: RGB8, phase: float) -> RGB8:
    """The picture (H, W, 3) as seen at ``phase`` (0-1) of a slow sway; the edges are continued by their mirror."""
    height, width = picture.shape[:2]
    angle = math.pi * phase
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), TURN_DEG * math.sin(2 * angle), 1.0)
    matrix[0, 2] += SWAY * width * math.sin(angle)
    matrix[1, 2] += SWAY * height * math.sin(2 * angle) / 2
    moved = cv2.warpAffine(picture, matrix, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    return np.asarray(moved, np.uint8)
