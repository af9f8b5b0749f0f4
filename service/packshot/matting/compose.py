"""Cutouts scaled, laid on colours and on pictures."""

import cv2
import numpy as np
from numpy.typing import NDArray

from packshot.matting.band import in_between, plain, points, scatter

RGB8 = NDArray[np.uint8]
RGBA8 = NDArray[np.uint8]
Bytes8 = NDArray[np.uint8]


def resize(picture: Bytes8, width: int, height: int) -> Bytes8:
    """A picture (H, W) or (H, W, C) uint8 at another size: areas averaged by whole numbers, the rest bilinear.

    The rest is a scale above one half, where bilinear still sees every pixel, at a fifth of the cost of areas.
    """
    if picture.shape[:2] == (height, width):
        return picture
    down, across = max(1, picture.shape[0] // height), max(1, picture.shape[1] // width)
    if down * across > 1:
        size = (-(-picture.shape[1] // across), -(-picture.shape[0] // down))
        below, right = size[1] * down - picture.shape[0], size[0] * across - picture.shape[1]
        even = cv2.copyMakeBorder(picture, 0, below, 0, right, cv2.BORDER_REPLICATE) if below or right else picture
        picture = np.asarray(cv2.resize(even, size, interpolation=cv2.INTER_AREA), np.uint8)
    return np.asarray(cv2.resize(picture, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)


def scale_rgba(rgba: RGBA8, width: int, height: int) -> RGBA8:
    """Resize straight-alpha RGBA (H, W, 4) uint8 without colour bleeding: premultiplied to 16 bits, scaled, divided."""
    if rgba.shape[:2] == (height, width):
        return rgba
    shrinks = rgba.shape[0] >= height and rgba.shape[1] >= width
    method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    alpha = rgba[..., 3].astype(np.uint16)
    premultiplied = cv2.resize(rgba[..., :3] * alpha[..., None], (width, height), interpolation=method)
    scaled_alpha = cv2.resize(alpha * np.uint16(257), (width, height), interpolation=method)
    parts = [cv2.convertScaleAbs(part, alpha=1 / 255) for part in cv2.split(premultiplied)]
    scaled = np.asarray(cv2.merge([*parts, cv2.convertScaleAbs(scaled_alpha, alpha=1 / 257)]), np.uint8)
    x, y = points(in_between(np.ascontiguousarray(scaled[..., 3])))
    share = scaled_alpha[y, x, None].astype(np.float32) / np.float32(65535)
    scaled[y, x, :3] = np.rint(np.clip(premultiplied[y, x] / np.maximum(share * 255, 1e-3), 0, 255))
    return scaled


def lay_on_colour(rgba: RGBA8, colour: tuple[int, int, int]) -> RGB8:
    """Straight-alpha RGBA over one colour, (H, W, 3) uint8; exact where alpha is 0 or 255."""
    alpha = np.asarray(cv2.extractChannel(rgba, 3), np.uint8)
    opaque = cv2.cvtColor(rgba, cv2.COLOR_RGBA2RGB)
    mixed = np.asarray(cv2.copyTo(opaque, alpha, plain(alpha.shape[0], alpha.shape[1], colour)), np.uint8)
    x, y = points(in_between(alpha))
    at = y * np.int32(alpha.shape[1]) + x
    seen = rgba.reshape(-1, 4).take(at, axis=0)
    share = seen[:, 3:] * np.float32(1 / 255)
    laid = np.rint(seen[:, :3] * share + np.array(colour, np.float32) * (1 - share))
    scatter(mixed.reshape(-1, 3), at, laid.astype(np.uint8))
    return mixed


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


def add_contact_shadow(rgba: RGBA8, strength: float) -> RGBA8:
    """The cutout with a soft shadow on the ground it stands on, as straight-alpha RGBA of the same size.

    The shadow is black with at most ``strength`` (0-1) of alpha: the width of what touches the ground, blurred, falling
    off above and below the subject's lowest row. It ends at the canvas, so the canvas should leave room below.
    """
    _, top, width, height = cv2.boundingRect(np.ascontiguousarray(rgba[..., 3]))
    if strength <= 0 or not width:
        return rgba
    ground, reach = top + height, max(2, round(0.1 * height))
    rows = slice(max(top, ground - reach), min(rgba.shape[0], ground + reach))
    foot = rgba[max(top, ground - max(1, height // 12)) : ground, :, 3].max(axis=0).astype(np.float32)[np.newaxis]
    across = cv2.GaussianBlur(foot, (0, 0), sigmaX=max(1.0, 0.03 * width), sigmaY=1.0)[0] / 255
    down = np.exp(-0.5 * ((np.arange(rows.start, rows.stop) + 0.5 - ground) / (reach / 3)) ** 2)
    shadow = strength * down[:, None].astype(np.float32) * across[None, :]
    part = rgba[rows].astype(np.float32)
    own = part[..., 3] / 255
    both = own + shadow * (1 - own)
    out = rgba.copy()
    out[rows, :, :3] = np.rint(part[..., :3] * (own / np.maximum(both, 1e-6))[..., None])
    out[rows, :, 3] = np.rint(both * 255)
    return out
