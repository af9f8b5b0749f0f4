"""What a finished picture is, measured from its bytes, for the rules of a preset."""

from io import BytesIO

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

from packshot.encode.photo import DEFAULT_LIMITS, decode_photo
from packshot.encode.port import DecodeLimits
from packshot.presets import LOSSY_STEP, PictureFacts, Preset, broken_rules

Mask = NDArray[np.uint8]

SEEN_FROM = 8  # a channel this far from the background belongs to the subject
NEARLY_WHITE = 253
EDGE_PX = 2  # mixed pixels of the outline itself are no background
FORMATS = {"JPEG": "jpg", "PNG": "png", "WEBP": "webp", "TIFF": "tiff"}


def lint(data: bytes, preset: Preset, limits: DecodeLimits = DEFAULT_LIMITS) -> list[str]:
    """The preset's rules that a picture file breaks, one sentence each; raises BadImage where it cannot be read."""
    return broken_rules(measure_picture(data, limits), preset)


def measure_picture(data: bytes, limits: DecodeLimits = DEFAULT_LIMITS) -> PictureFacts:
    """Measure a picture file; raises BadImage where it cannot be read."""
    pixels = decode_photo(data, limits).pixels  # transparency lies on white here
    with Image.open(BytesIO(data)) as image:
        has_alpha = image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info
        alpha = np.asarray(image.convert("RGBA").getchannel("A")) if has_alpha else None
        format_name, mode, icc = FORMATS.get(image.format or "", "?"), image.mode, image.info.get("icc_profile")
    border = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    colour = np.median(border, axis=0).astype(np.uint8)
    spread = int(np.abs(border.astype(np.int16) - colour).max())
    seen = alpha if alpha is not None else _differs(pixels, colour)
    height, width = pixels.shape[:2]
    left, top, box_width, box_height = cv2.boundingRect(np.ascontiguousarray(seen))
    return PictureFacts(
        format=format_name,
        width=width,
        height=height,
        size_bytes=len(data),
        has_alpha=has_alpha,
        mode=mode,
        icc_name=_icc_name(icc),
        subject_box=(left, top, box_width, box_height) if box_width else None,
        background=(int(colour[0]), int(colour[1]), int(colour[2])) if spread <= LOSSY_STEP else None,
        background_spread=spread,
        near_background=0 if has_alpha else _nearly_white(pixels),
    )


def _differs(pixels: NDArray[np.uint8], colour: NDArray[np.uint8]) -> Mask:
    """255 where a pixel is clearly not the background colour."""
    distance = cv2.absdiff(pixels, np.broadcast_to(colour, pixels.shape).copy()).max(axis=2)
    return (np.asarray(distance) >= SEEN_FROM).astype(np.uint8) * np.uint8(255)


def _nearly_white(pixels: NDArray[np.uint8]) -> int:
    """How many pixels of the white area that reaches the border are nearly, but not exactly, white."""
    lowest = pixels.min(axis=2)
    _, labels = cv2.connectedComponents((lowest >= NEARLY_WHITE).astype(np.uint8))
    outside = np.unique(np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]]))
    kernel = np.ones((2 * EDGE_PX + 1, 2 * EDGE_PX + 1), np.uint8)
    by_the_edge = cv2.dilate((lowest < NEARLY_WHITE).astype(np.uint8), kernel)
    nearly = (lowest >= NEARLY_WHITE) & (lowest < 255) & (by_the_edge == 0)
    return int(np.count_nonzero(nearly & np.isin(labels, outside[outside > 0])))


def _icc_name(icc: bytes | None) -> str:
    if not icc:
        return ""
    try:
        return str(ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(BytesIO(icc)))).strip()
    except (ImageCms.PyCMSError, OSError):
        return "unreadable"
