"""Small pictures for the screen."""

import struct
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from packshot.errors import BadImage
from packshot.kiosk.renditions import shrunk

SIDEWAYS = np.full((60, 80, 3), 90, np.uint8)


def encoded(kind: str, exif: bytes = b"") -> bytes:
    out = BytesIO()
    Image.fromarray(SIDEWAYS).save(out, kind, exif=exif)
    return out.getvalue()


def turned_exif(resolution_type: int) -> bytes:
    """Of a picture that lies on its side."""
    exif = Image.Exif()
    exif[0x0112], exif[0x011A] = 6, 72.0
    return exif.tobytes().replace(struct.pack(">HH", 0x011A, 5), struct.pack(">HH", 0x011A, resolution_type))


@pytest.mark.parametrize("resolution_type", [5, 1])
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_photo_is_shown_upright_though_its_exif_is_odd(kind: str, resolution_type: int) -> None:
    shown = shrunk(encoded(kind, turned_exif(resolution_type)), 40)

    assert Image.open(BytesIO(shown.data)).size == (30, 40)


@pytest.mark.parametrize("cut", [20, 60, -40])
def test_a_damaged_photo_cannot_be_shown(cut: int) -> None:
    with pytest.raises(BadImage, match="cannot be shown"):
        shrunk(encoded("PNG")[:cut], 40)


def test_a_photo_that_says_where_its_pixels_are_in_words_cannot_be_shown() -> None:
    data = encoded("TIFF")

    with pytest.raises(BadImage, match="cannot be shown"):
        shrunk(data.replace(struct.pack("<HH", 273, 4), struct.pack("<HH", 273, 2)), 40)
