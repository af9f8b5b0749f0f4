"""Pictures out: every format reads back, tagged, at its size."""

import struct
from io import BytesIO

import numpy as np
import pytest
from PIL import Image, ImageCms

from packshot.encode.photo import decode_photo
from packshot.encode.picture import FileEncoder, canvas, srgb_icc
from packshot.encode.port import EncodeSettings, Patch, PictureFormat
from packshot.errors import BadImage

LOSSLESS = (PictureFormat.PNG, PictureFormat.TIFF)


def patch() -> Patch:
    y, x = np.mgrid[:30, :40]
    rgba = np.stack([x * 6, y * 8, 255 - x * 6, np.where(x > 4, 255, 0)], axis=2).astype(np.uint8)
    return Patch(rgba, 10, 20, 64, 96)


@pytest.mark.parametrize("form", [PictureFormat.PNG, PictureFormat.WEBP, PictureFormat.TIFF])
def test_transparency_survives(form: PictureFormat) -> None:
    data = FileEncoder().encode_rgba(patch(), EncodeSettings(form, 90))

    image = Image.open(BytesIO(data))
    assert image.size == (96, 64)
    assert image.info["icc_profile"] == srgb_icc()
    np.testing.assert_array_equal(np.asarray(image)[..., 3], canvas(patch())[..., 3])
    if form in LOSSLESS:
        np.testing.assert_array_equal(np.asarray(image), canvas(patch()))


@pytest.mark.parametrize("form", list(PictureFormat))
@pytest.mark.parametrize("exact", [False, True])
def test_opaque_pictures_read_back(form: PictureFormat, exact: bool) -> None:
    rgb = canvas(patch())[..., :3].copy()

    data = FileEncoder().encode_rgb(rgb, EncodeSettings(form, 95, exact))

    assert np.abs(decode_photo(data).pixels.astype(int) - rgb).mean() < 3
    assert decode_photo(data).media_type == form.media_type or form is PictureFormat.JPEG


def test_a_jpeg_with_alpha_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="no transparency"):
        FileEncoder().encode_rgba(patch(), EncodeSettings(PictureFormat.JPEG))


@pytest.mark.parametrize(("width", "height"), [(16_384, 2), (2, 16_384)])
def test_a_picture_too_large_for_webp_is_refused_with_one_line(width: int, height: int) -> None:
    encoder, webp = FileEncoder(), EncodeSettings(PictureFormat.WEBP)
    rgba = np.full((height, width, 4), 90, np.uint8)

    with pytest.raises(BadImage, match=f"{width}x{height} is too large .*16383 px"):
        encoder.encode_rgb(rgba[..., :3], webp)
    with pytest.raises(BadImage, match=f"{width}x{height} is too large .*16383 px"):
        encoder.encode_rgba(Patch(rgba, 0, 0, height, width), webp)


@pytest.mark.parametrize(("width", "height"), [(16_383, 4), (4, 16_383)])
def test_the_largest_webp_reads_back(width: int, height: int) -> None:
    rgba = np.full((height, width, 4), 90, np.uint8)

    data = FileEncoder().encode_rgba(Patch(rgba, 0, 0, height, width), EncodeSettings(PictureFormat.WEBP))

    assert decode_photo(data).pixels.shape == (height, width, 3)


def test_the_retouchers_tiff_has_cutout_mask_and_original() -> None:
    photo = np.random.default_rng(1).integers(0, 256, (64, 96, 3)).astype(np.uint8)

    image = Image.open(BytesIO(FileEncoder().encode_layers(photo, patch())))

    pages = []
    for index in range(3):
        image.seek(index)
        pages.append(np.asarray(image))
    np.testing.assert_array_equal(pages[0], canvas(patch()))
    np.testing.assert_array_equal(pages[1], canvas(patch())[..., 3])
    np.testing.assert_array_equal(pages[2], photo)


def test_the_profile_is_the_same_at_any_time() -> None:
    made = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()

    assert struct.unpack(">6H", srgb_icc()[24:36]) == (2026, 1, 1, 0, 0, 0)
    assert srgb_icc()[:24] + made[24:36] + srgb_icc()[36:] == made
    assert "sRGB" in ImageCms.getProfileName(ImageCms.ImageCmsProfile(BytesIO(srgb_icc())))
