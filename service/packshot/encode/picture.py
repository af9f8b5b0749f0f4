"""Arrays to picture files, tagged as sRGB: PNG, JPEG, WebP, TIFF."""

import struct
from functools import lru_cache
from io import BytesIO

import cv2
import numpy as np
from PIL import Image, ImageCms

from packshot.encode.memory import encoded
from packshot.encode.png import write_patch, write_picture
from packshot.encode.port import RGB8, RGBA8, EncodeSettings, Gray8, Patch, PictureFormat
from packshot.encode.webp import encode_webp
from packshot.encode.white import encode_exact_white
from packshot.errors import BadImage
from packshot.platform.beside import Beside

WEBP_SIDE = 16_383  # px, RFC 9649
ICC_DATE = slice(24, 36)  # of the header, ISO 15076-1, 7.2.8: year, month, day, hour, minute, second
PROFILE_DATE = (2026, 1, 1, 0, 0, 0)


class FileEncoder:
    """The PictureEncoder of files; ``threads`` is how many a picture may use."""

    def __init__(self, threads: int = 2) -> None:
        self._beside = Beside("encode", helpers=threads - 1)

    def encode_rgba(self, patch: Patch, settings: EncodeSettings) -> bytes:
        """See ``PictureEncoder.encode_rgba``; JPEG has no alpha and raises ValueError."""
        if settings.format is PictureFormat.JPEG:
            raise ValueError("a JPEG has no transparency; lay the cutout on a background first")
        _check_side(patch.width, patch.height, settings.format)
        if settings.format is PictureFormat.PNG:
            return write_patch(patch, srgb_icc(), self._beside)
        if settings.format is PictureFormat.WEBP:
            whole = patch.rgba if patch.rgba.shape[:2] == (patch.height, patch.width) else canvas(patch)
            return encode_webp(whole, settings.quality, srgb_icc(), self._beside)
        return _save(Image.fromarray(canvas(patch)), settings)

    def encode_rgb(self, rgb: RGB8, settings: EncodeSettings) -> bytes:
        """See ``PictureEncoder.encode_rgb``."""
        _check_side(rgb.shape[1], rgb.shape[0], settings.format)
        if settings.format is PictureFormat.PNG:
            return write_picture(rgb, srgb_icc(), self._beside)
        if settings.format is PictureFormat.JPEG and settings.exact_white:
            return encode_exact_white(rgb, settings.quality, srgb_icc(), self._beside)
        return _save(Image.fromarray(rgb), settings)

    def encode_gray(self, gray: Gray8) -> bytes:
        """See ``PictureEncoder.encode_gray``."""
        return write_picture(gray, beside=self._beside)

    def encode_layers(self, photo: RGB8, patch: Patch) -> bytes:
        """A TIFF of three pages: cutout (RGBA, straight), mask (gray) and the original photo."""
        cutout = canvas(patch)
        pages = [Image.fromarray(page) for page in (cutout, np.ascontiguousarray(cutout[..., 3]), photo)]
        out = BytesIO()
        options = {"compression": "tiff_adobe_deflate", "icc_profile": srgb_icc()}
        pages[0].save(out, "TIFF", save_all=True, append_images=pages[1:], **options)
        return out.getvalue()


def canvas(patch: Patch) -> RGBA8:
    """The whole canvas of a patch, (height, width, 4) uint8, zero round it and under alpha 0."""
    rows, columns = patch.rgba.shape[:2]
    if (rows, columns) == (patch.height, patch.width):
        return np.asarray(cv2.copyTo(patch.rgba, cv2.extractChannel(patch.rgba, 3)), np.uint8)
    whole = np.zeros((patch.height, patch.width, 4), np.uint8)
    visible = patch.rgba * (patch.rgba[..., 3:] > 0)
    whole[patch.top : patch.top + rows, patch.left : patch.left + columns] = visible
    return whole


@lru_cache(maxsize=1)
def srgb_icc() -> bytes:
    """The sRGB profile that tags our pictures, dated alike, so that the same pixels always make the same file."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return profile[: ICC_DATE.start] + struct.pack(">6H", *PROFILE_DATE) + profile[ICC_DATE.stop :]


def _check_side(width: int, height: int, form: PictureFormat) -> None:
    if form is PictureFormat.WEBP and max(width, height) > WEBP_SIDE:
        raise BadImage(f"{width}x{height} is too large for a WebP ({WEBP_SIDE} px a side); take another format")


def _save(image: Image.Image, settings: EncodeSettings) -> bytes:
    match settings.format:
        case PictureFormat.WEBP:
            return encoded(image, "WEBP", quality=settings.quality, method=0, icc_profile=srgb_icc())
        case PictureFormat.TIFF:
            return encoded(image, "TIFF", compression="tiff_adobe_deflate", icc_profile=srgb_icc())
        case PictureFormat.JPEG:
            return encoded(image, "JPEG", quality=settings.quality, subsampling=0, icc_profile=srgb_icc())
        case PictureFormat.PNG:
            return encoded(image, "PNG", icc_profile=srgb_icc())
