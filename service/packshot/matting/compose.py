"""Cutouts scaled, laid on colours and on pictures."""

import cv2
import numpy as np
from numpy.typing import NDArray

RGB8 = NDArray[np.uint8]
RGBA8 = NDArray[np.uint8]


def scale_rgba(rgba: RGBA8, width: int, height: int) -> RGBA8:
    """Resize straight-alpha RGBA without colour bleeding: scaled premultiplied, then divided again."""
    if rgba.shape[:2] == (height, width):
        return rgba
    alpha = rgba[..., 3:].astype(np.float32) / 255
    premultiplied = np.concatenate([rgba[..., :3] * alpha, alpha], axis=-1)
    shrinks = rgba.shape[0] >= height and rgba.shape[1] >= width
    scaled = cv2.resize(premultiplied, (width, height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
    colour = scaled[..., :3] / np.maximum(scaled[..., 3:], 1e-4)
    return np.rint(np.dstack([np.clip(colour, 0, 255), scaled[..., 3] * 255])).astype(np.uint8)


def lay_on_colour(rgba: RGBA8, colour: tuple[int, int, int]) -> RGB8:
    """Straight-alpha RGBA over one colour, (H, W, 3) uint8; exact where alpha is 0 or 255."""
    alpha = rgba[..., 3:].astype(np.float32) / 255
    mixed = rgba[..., :3] * alpha + np.array(colour, np.float32) * (1 - alpha)
    return np.rint(mixed).astype(np.uint8)


def lay_on_picture(rgba: RGBA8, picture: RGB8) -> RGB8:
    """Straight-alpha RGBA over a picture that is scaled and cropped to cover it."""
    height, width = rgba.shape[:2]
    scale = max(height / picture.shape[0], width / picture.shape[1])
    size = (max(width, round(picture.shape[1] * scale)), max(height, round(picture.shape[0] * scale)))
    covering = cv2.resize(picture, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    top, left = (size[1] - height) // 2, (size[0] - width) // 2
    below = covering[top : top + height, left : left + width].astype(np.float32)
    alpha = rgba[..., 3:].astype(np.float32) / 255
    return np.rint(rgba[..., :3] * alpha + below * (1 - alpha)).astype(np.uint8)
