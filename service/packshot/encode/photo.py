"""Photo files to upright sRGB arrays: simplejpeg or OpenCV for plain JPEGs, Pillow for everything else."""

import struct
import warnings
import zlib
from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache
from importlib import import_module
from io import BytesIO

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms
from PIL.TiffImagePlugin import BITSPERSAMPLE, EXTRASAMPLES, PHOTOMETRIC_INTERPRETATION

from packshot.encode.jpeg import JpegHeader, read_header
from packshot.encode.orientation import ORIENTATION, orientation, upright
from packshot.encode.port import RGB8, DecodeLimits, Photo
from packshot.errors import BadImage

DEFAULT_LIMITS = DecodeLimits()
WHITE_IS_ZERO = 0  # PhotometricInterpretation of TIFF 6.0
ASSOCIATED_ALPHA = (1,)  # ExtraSamples of TIFF 6.0: the colours are multiplied by it
PNG_DEPTH_AT = 24  # signature 8, IHDR length and type 8, width and height 8
READ_FORMATS = ("JPEG", "PNG", "WEBP", "TIFF")
REDUCED_FLAGS = {8: cv2.IMREAD_REDUCED_COLOR_8, 4: cv2.IMREAD_REDUCED_COLOR_4, 2: cv2.IMREAD_REDUCED_COLOR_2}
# What Pillow and its plug-ins raise on damaged files.
DECODER_ERRORS = (OSError, SyntaxError, TypeError, ValueError, EOFError, LookupError, struct.error, zlib.error)


class FileDecoder:
    """The PhotoDecoder of files and camera JPEGs."""

    def decode(self, data: bytes, limits: DecodeLimits) -> Photo:
        """See ``decode_photo``."""
        return decode_photo(data, limits)

    def reduced(self, data: bytes, limits: DecodeLimits, side: int) -> RGB8 | None:
        """See ``decode_reduced``."""
        return decode_reduced(data, side, limits)


def decode_photo(data: bytes, limits: DecodeLimits = DEFAULT_LIMITS) -> Photo:
    """Read JPEG, PNG, WebP or TIFF as (H, W, 3) uint8 sRGB.

    EXIF orientation is applied, colour profiles are converted, 16-bit samples are scaled, transparency lies on white.
    Raises BadImage for other files, damaged or truncated ones, and those beyond ``limits`` (judged before decoding).
    """
    kind = _sniff(data, limits)
    if kind == "JPEG":
        header = _checked_jpeg(data, limits)
        if _is_plain(header):
            return Photo(_whole_jpeg(data, header), "image/jpeg")
    try:
        with _open(data, kind, limits) as image:
            return _from_pillow(image, data, kind)
    except BadImage:
        raise
    except DECODER_ERRORS as error:
        raise BadImage(f"the {kind} is truncated or damaged ({error}); take or copy the photo again") from error


def decode_reduced(data: bytes, side: int, limits: DecodeLimits = DEFAULT_LIMITS) -> RGB8 | None:
    """A plain JPEG at 1/8, 1/4 or 1/2 scale, no side under ``side`` px; None for anything else.

    libjpeg scales inside the inverse DCT, at a fraction of the cost of a whole decode.
    """
    if _sniff(data, limits) != "JPEG":
        return None
    header = _checked_jpeg(data, limits)
    if not _is_plain(header):
        return None
    for divisor, flag in REDUCED_FLAGS.items():
        if min(header.height, header.width) // divisor >= side:
            return _reduced_jpeg(data, header, divisor, flag)
    return None


def _sniff(data: bytes, limits: DecodeLimits) -> str:
    if not data:
        raise BadImage("the file is empty (0 bytes); take or copy the photo again")
    if len(data) > limits.max_bytes:
        raise BadImage(f"the file has {len(data)} bytes, the limit is {limits.max_bytes}; send a smaller picture")
    if data.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WEBP"
    if data[:4] in (b"II*\x00", b"MM\x00*"):
        return "TIFF"
    what = "a GIF" if data.startswith(b"GIF8") else "not a picture file that packshot knows"
    raise BadImage(f"this is {what}; packshot reads JPEG, PNG, WebP and TIFF")


def _check_size(width: int, height: int, limits: DecodeLimits) -> None:
    if width < 1 or height < 1:
        raise BadImage(f"the picture says it is {width}x{height}; take or copy the photo again")
    if width * height > limits.max_pixels or max(width, height) > limits.max_side:
        raise BadImage(
            f"the picture is {width}x{height} ({width * height / 1e6:.1f} megapixels), the limit is "
            f"{limits.max_pixels / 1e6:g} megapixels and {limits.max_side} px a side; send a smaller one"
        )


def _checked_jpeg(data: bytes, limits: DecodeLimits) -> JpegHeader:
    header = read_header(data)
    _check_size(header.width, header.height, limits)
    if not header.complete:
        raise BadImage("the JPEG is truncated (no end marker); take or copy the photo again")
    return header


def _is_plain(header: JpegHeader) -> bool:
    return header.bits == 8 and header.components in (1, 3) and (not header.icc or _is_srgb(header.icc))


def _is_srgb(icc: bytes) -> bool:
    return "srgb" in _profile_name(icc).lower()


def _profile_name(icc: bytes) -> str:
    try:
        return str(ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(BytesIO(icc)))).strip()
    except (ImageCms.PyCMSError, OSError):
        return "unreadable"


def _whole_jpeg(data: bytes, header: JpegHeader) -> RGB8:
    """By simplejpeg where it will: twice as fast as OpenCV, and the same to the bit."""
    whole = _by_simplejpeg(data, header)
    return _cv2_decode(data, cv2.IMREAD_COLOR_RGB) if whole is None else whole


def _reduced_jpeg(data: bytes, header: JpegHeader, divisor: int, flag: int) -> RGB8:
    """By simplejpeg where that gives just this scale."""
    height, width = (-(-length // divisor) for length in (header.height, header.width))
    small = _by_simplejpeg(data, header, min_height=height, min_width=width)
    if small is not None and small.shape[:2] == (height, width):
        return small
    return np.asarray(cv2.cvtColor(_cv2_decode(data, flag), cv2.COLOR_BGR2RGB), np.uint8)


def _by_simplejpeg(data: bytes, header: JpegHeader, **least: int) -> RGB8 | None:
    """None where it is not installed, of turned pictures, and of those that it complains of."""
    decode = _simplejpeg()
    if decode is None or (header.exif and _is_turned(header.exif)):
        return None
    with suppress(ValueError):
        return np.asarray(decode(data, "RGB", **least), np.uint8)
    return None


@lru_cache(maxsize=1)
def _simplejpeg() -> Callable[..., RGB8] | None:
    try:
        decode: Callable[..., RGB8] = import_module("simplejpeg").decode_jpeg
    except ImportError:
        return None
    return decode


def _is_turned(exif_segment: bytes) -> bool:
    exif = Image.Exif()
    try:
        exif.load(exif_segment)
        return bool(exif.get(ORIENTATION, 1) != 1)
    except DECODER_ERRORS:
        return True


def _cv2_decode(data: bytes, flag: int) -> RGB8:
    try:
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), flag)
    except cv2.error as error:
        raise BadImage(f"the picture cannot be decoded ({error.err}); take or copy the photo again") from error
    if pixels is None:
        raise BadImage("the picture is damaged and cannot be decoded; take or copy the photo again")
    return np.asarray(pixels, np.uint8)


def _open(data: bytes, kind: str, limits: DecodeLimits) -> Image.Image:
    """The picture with only its header read; size, frames and depth are fit to go on."""
    if kind == "PNG" and len(data) >= PNG_DEPTH_AT:
        _check_size(int.from_bytes(data[16:20]), int.from_bytes(data[20:24]), limits)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # our own limit follows
            image = Image.open(BytesIO(data), formats=READ_FORMATS)
    except Image.DecompressionBombError as error:
        raise BadImage(f"the {kind} is far beyond the limit of {limits.max_pixels / 1e6:g} megapixels") from error
    _check_size(image.width, image.height, limits)
    if kind in ("PNG", "WEBP") and getattr(image, "n_frames", 1) > 1:
        raise BadImage(f"the {kind} is animated; packshot reads still pictures")
    if image.mode == "F":
        raise BadImage("the TIFF holds floating-point samples; save it with 8 or 16 bits")
    return image


def _from_pillow(image: Image.Image, data: bytes, kind: str) -> Photo:
    notes: list[str] = []
    icc = image.info.get("icc_profile") or b""
    media_type = f"image/{kind.lower()}"
    if _is_deep(image, data, kind):
        notes.append("16-bit samples scaled to 8 bits")
        image = _eight_bits(data, image)
    image = upright(image)
    alpha = _alpha(image)
    rgb = _to_srgb(_without_alpha(image), icc, notes)
    if alpha is not None:
        white = Image.new("RGB", rgb.size, (255, 255, 255))
        rgb = Image.composite(rgb, white, alpha)
        notes.append("transparency laid on white")
    return Photo(np.asarray(rgb, np.uint8), media_type, tuple(notes))


def _is_deep(image: Image.Image, data: bytes, kind: str) -> bool:
    if image.mode.startswith("I"):
        return True
    if kind == "PNG":
        return data[PNG_DEPTH_AT] > 8
    bits = getattr(image, "tag_v2", {}).get(BITSPERSAMPLE, (8,))
    return kind == "TIFF" and max(np.atleast_1d(bits)) > 8


def _eight_bits(data: bytes, image: Image.Image) -> Image.Image:
    """The same picture with 16-bit samples rounded to 8 bits (Pillow alone would cut the low byte off).

    Of TIFFs OpenCV applies the orientation, and ignores what the samples mean.
    """
    tags = getattr(image, "tag_v2", {})
    if image.mode == "CMYK" or tags.get(EXTRASAMPLES) == ASSOCIATED_ALPHA:
        return image
    small = _rounded(data)
    if tags.get(PHOTOMETRIC_INTERPRETATION) == WHITE_IS_ZERO:
        small = 255 - small
    if tags and image.mode == "RGB":
        small = np.ascontiguousarray(small[..., :3])  # a fourth sample is no alpha
    eight = Image.fromarray(small)
    if not tags:
        eight.getexif()[ORIENTATION] = orientation(image)
    return eight


def _rounded(data: bytes) -> NDArray[np.uint8]:
    """Gray, RGB or RGBA."""
    deep = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if deep is None or deep.dtype not in (np.uint8, np.uint16):
        raise BadImage("the picture has samples of more than 16 bits; save it with 8 or 16 bits")
    small = np.asarray(deep if deep.dtype == np.uint8 else np.rint(deep / 257.0), np.uint8)
    if small.ndim == 2:
        return small
    code = cv2.COLOR_BGRA2RGBA if small.shape[2] == 4 else cv2.COLOR_BGR2RGB
    return np.asarray(cv2.cvtColor(small, code), np.uint8)


def _alpha(image: Image.Image) -> Image.Image | None:
    """The alpha channel, or None where every pixel is opaque."""
    if image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
        alpha = image.convert("RGBA").getchannel("A")
        lowest, _ = alpha.getextrema()
        return alpha if isinstance(lowest, (int, float)) and lowest < 255 else None
    return None


def _without_alpha(image: Image.Image) -> Image.Image:
    if image.mode in ("RGB", "L", "CMYK", "LAB"):
        return image
    if image.mode in ("YCbCr", "1", "HSV"):
        return image.convert("RGB")
    return image.convert("RGBA").convert("RGB")


def _to_srgb(image: Image.Image, icc: bytes, notes: list[str]) -> Image.Image:
    if image.mode == "LAB" and not icc:
        icc = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    if icc and not _is_srgb(icc):
        name = _profile_name(icc)
        try:
            source = ImageCms.ImageCmsProfile(BytesIO(icc))
            converted = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
        except (ImageCms.PyCMSError, OSError):
            notes.append(f"ICC profile {name!r} does not fit the picture and was ignored")
        else:
            notes.append(f"ICC profile {name!r} converted to sRGB")
            if converted is not None:
                return converted
    if image.mode == "CMYK":
        notes.append("CMYK converted to sRGB without a profile")
    return image.convert("RGB")
