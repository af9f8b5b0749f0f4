"""Encoded stills: what they are, a small picture of them, and pixels made into a JPEG once."""

import io
import logging

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from packshot.errors import CameraError

RGB8 = NDArray[np.uint8]
log = logging.getLogger(__name__)

PREVIEW_SIDE = 640
PREVIEW_MAX_PIXELS = 100_000_000
JPEG_QUALITY = 95


def media_type_of(data: bytes) -> str | None:
    """The media type of a JPEG, PNG or WebP by its first bytes, None for anything else."""
    if data.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    return None


def shrink(rgb: RGB8, side: int = PREVIEW_SIDE) -> RGB8:
    """A copy of (H, W, 3) uint8 whose longer side is at most ``side`` pixels."""
    height, width = rgb.shape[:2]
    scale = side / max(height, width)
    if scale >= 1:
        return rgb.copy()
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), np.uint8)


def small_picture(data: bytes) -> RGB8 | None:
    """An encoded still at preview size, the right way up; None if it is broken or too large to look at in passing."""
    try:
        with Image.open(io.BytesIO(data)) as picture:
            if picture.width * picture.height > PREVIEW_MAX_PIXELS:
                return None
            picture.draft("RGB", (PREVIEW_SIDE, PREVIEW_SIDE))  # JPEG: decode at a fraction of the size
            upright = ImageOps.exif_transpose(picture)
            upright.thumbnail((PREVIEW_SIDE, PREVIEW_SIDE))
            return np.asarray(upright.convert("RGB"), np.uint8)
    except Exception:  # Pillow raises whatever a damaged file brings about: struct.error, TypeError, AttributeError
        log.debug("no small picture", exc_info=True)
        return None


def encode_jpeg(bgr: NDArray[np.uint8]) -> bytes:
    """(H, W, 3) uint8 BGR as a JPEG of quality 95 without chroma subsampling: colour edges stay where they are."""
    settings = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, 0x111111]
    done, data = cv2.imencode(".jpg", bgr, settings)
    if not done:
        raise CameraError(f"a frame of {bgr.shape} could not be written as JPEG")
    return data.tobytes()
