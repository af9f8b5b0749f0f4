"""The ports of decoding and encoding, and the values that pass through them."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

RGB8 = NDArray[np.uint8]
RGBA8 = NDArray[np.uint8]
Gray8 = NDArray[np.uint8]


@dataclass(frozen=True)
class DecodeLimits:
    """What a picture may cost; judged from its header, before anything is decoded."""

    max_pixels: int = 64_000_000
    max_side: int = 30_000
    max_bytes: int = 256 << 20


@dataclass(frozen=True)
class Photo:
    """A decoded photo: (H, W, 3) uint8 sRGB, upright, alpha composited on white.

    ``notes`` say what had to be done to it ("ICC profile 'Display P3' converted to sRGB").
    """

    pixels: RGB8 = field(repr=False)
    media_type: str = ""
    notes: tuple[str, ...] = ()


class PictureFormat(StrEnum):
    """The file formats that packshot writes."""

    PNG = "png"
    JPEG = "jpg"
    WEBP = "webp"
    TIFF = "tiff"

    @property
    def media_type(self) -> str:
        """The IANA media type ("image/jpeg")."""
        return "image/jpeg" if self is PictureFormat.JPEG else f"image/{self.value}"

    @property
    def has_alpha(self) -> bool:
        """Whether the format stores transparency."""
        return self is not PictureFormat.JPEG


@dataclass(frozen=True)
class Patch:
    """Straight-alpha RGBA pixels that lie at (top, left) on an otherwise transparent height x width canvas."""

    rgba: RGBA8 = field(repr=False)
    top: int
    left: int
    height: int
    width: int


@dataclass(frozen=True)
class EncodeSettings:
    """How a picture is written; ``quality`` (1-100) is for JPEG and WebP.

    ``exact_white``: pixels that are (255, 255, 255) come out of a JPEG decoder as exactly that.
    """

    format: PictureFormat
    quality: int = 92
    exact_white: bool = False


class PhotoDecoder(Protocol):
    """Bytes of a picture file to an upright sRGB array."""

    def decode(self, data: bytes, limits: DecodeLimits) -> Photo:
        """The whole photo. Raises BadImage with one line when it cannot be, or may not be, read."""

    def reduced(self, data: bytes, limits: DecodeLimits, side: int) -> RGB8 | None:
        """The photo at 1/2, 1/4 or 1/8 scale, no side under ``side`` px, or None where that saves nothing."""


class PictureEncoder(Protocol):
    """Arrays to bytes of picture files tagged as sRGB.

    Raises ValueError on a wrong shape or dtype, BadImage where a picture is larger than its format allows.
    """

    def encode_rgba(self, patch: Patch, settings: EncodeSettings) -> bytes:
        """A picture with transparency; colour under alpha 0 is stored as zero."""

    def encode_rgb(self, rgb: RGB8, settings: EncodeSettings) -> bytes:
        """An opaque picture, (H, W, 3) uint8."""

    def encode_gray(self, gray: Gray8) -> bytes:
        """A mask, (H, W) uint8, as PNG."""

    def encode_layers(self, photo: RGB8, patch: Patch) -> bytes:
        """A TIFF for the retoucher: pages cutout, mask, original."""


@dataclass(frozen=True)
class PrintSettings:
    """Resolution in dots per inch, an XMP packet (or nothing), and the bytes that the file may have."""

    dpi: int
    xmp: bytes = b""
    least_bytes: int = 0
    most_bytes: int = 1 << 30


@dataclass(frozen=True)
class PaperSheet:
    """A page on which one picture lies at several places, and lines; millimetres from the top left corner."""

    width_mm: float
    height_mm: float
    picture_width_mm: float
    picture_height_mm: float
    places: tuple[tuple[float, float], ...]
    lines: tuple[tuple[float, float, float, float], ...] = ()
    line_mm: float = 0.1
    line_gray: float = 0.45


class PrintEncoder(Protocol):
    """Arrays to files for paper and offices, tagged as sRGB."""

    def encode_print(self, rgb: RGB8, settings: PrintSettings) -> bytes:
        """A JPEG with resolution and XMP within the bytes; raises BadImage where no quality keeps them."""

    def encode_paper(self, rgb: RGB8, sheet: PaperSheet, settings: PrintSettings) -> bytes:
        """A PDF of one page, exact to a thousandth of a millimetre."""
