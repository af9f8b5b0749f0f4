"""Photos in: what is read, how it is brought to upright sRGB, and what is refused with which line."""

import struct
import zlib
from io import BytesIO
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageOps

from packshot.encode import photo
from packshot.encode.orientation import ORIENTATION
from packshot.encode.photo import decode_photo, decode_reduced
from packshot.encode.port import DecodeLimits
from packshot.errors import BadImage

RGB8 = NDArray[np.uint8]


@pytest.fixture(autouse=True, params=["as installed", "OpenCV alone"])
def library(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once with simplejpeg where it is installed, once without."""

    def missing(name: str) -> None:
        raise ImportError(name)

    photo._simplejpeg.cache_clear()
    if request.param == "OpenCV alone":
        monkeypatch.setattr(photo, "import_module", missing)
        request.addfinalizer(photo._simplejpeg.cache_clear)


def picture(height: int = 48, width: int = 64) -> RGB8:
    """Red on the left, blue below, green growing to the right: every orientation looks different."""
    y, x = np.mgrid[:height, :width]
    return np.stack([255 - 200 * x // width, 40 + 160 * x // width, 200 * y // height], axis=2).astype(np.uint8)


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    out = BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def jpeg(**options: Any) -> bytes:
    return encoded(Image.fromarray(picture()), "JPEG", quality=98, subsampling=0, **options)


def png_header(width: int, height: int) -> bytes:
    """A PNG that only says how large it is."""
    body = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + body + struct.pack(">I", zlib.crc32(body)) + b"\x00" * 64


@pytest.mark.parametrize(("kind", "options"), [("PNG", {}), ("TIFF", {}), ("WEBP", {"lossless": True})])
def test_lossless_formats_come_out_as_they_went_in(kind: str, options: dict[str, Any]) -> None:
    photo = decode_photo(encoded(Image.fromarray(picture()), kind, **options))

    np.testing.assert_array_equal(photo.pixels, picture())
    assert photo.media_type == f"image/{kind.lower()}"


def test_a_jpeg_comes_out_as_red_green_blue() -> None:
    assert np.abs(decode_photo(jpeg()).pixels.astype(int) - picture()).max() <= 6


def test_jpegs_with_samplings_and_restarts_are_what_opencv_reads() -> None:
    for options in ({"subsampling": 2}, {"subsampling": 1, "progressive": True}, {"restart_marker_rows": 1}):
        data = encoded(Image.fromarray(picture(37, 53)), "JPEG", quality=80, **options)

        by_opencv = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB)
        np.testing.assert_array_equal(decode_photo(data).pixels, by_opencv)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_photo_is_upright_whatever_its_exif_says(kind: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    turned = {1: 0, 2: "lr", 3: 2, 4: "ud", 5: "t", 6: 1, 7: "tt", 8: 3}[orientation]
    upright = picture()
    stored = {
        0: upright,
        "lr": upright[:, ::-1],
        2: np.rot90(upright, 2),
        "ud": upright[::-1],
        "t": upright.transpose(1, 0, 2),
        1: np.rot90(upright, 1),
        "tt": np.rot90(upright, 2).transpose(1, 0, 2),
        3: np.rot90(upright, 3),
    }[turned]
    options: dict[str, Any] = {"JPEG": {"quality": 98, "subsampling": 0}, "WEBP": {"lossless": True}}.get(kind, {})

    photo = decode_photo(encoded(Image.fromarray(np.ascontiguousarray(stored)), kind, exif=exif, **options))

    assert photo.pixels.shape == upright.shape
    assert np.abs(photo.pixels.astype(int) - upright).mean() < 3


def odd_exif() -> bytes:
    """Of a picture that lies on its side; the horizontal resolution is a number of the wrong type."""
    exif = Image.Exif()
    exif[ORIENTATION], exif[0x011A] = 6, 72.0
    resolution = struct.pack(">HH", 0x011A, 5)
    data = exif.tobytes()
    assert resolution in data
    return data.replace(resolution, struct.pack(">HH", 0x011A, 1))


@pytest.mark.parametrize(("kind", "mode"), [("JPEG", "RGB"), ("JPEG", "CMYK"), ("PNG", "RGB"), ("WEBP", "RGB")])
def test_the_photo_is_upright_though_its_exif_is_odd(kind: str, mode: str) -> None:
    data = encoded(Image.fromarray(picture()).convert(mode), kind, exif=odd_exif())

    assert decode_photo(data).pixels.shape == (64, 48, 3)


@pytest.mark.parametrize("exif", [b"Exif\0\0M", b"Exif\0\0MM\0*\0", b"Exif\0\0nonsense"])
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_photo_whose_exif_cannot_be_read_stays_as_it_is(kind: str, exif: bytes) -> None:
    assert decode_photo(encoded(Image.fromarray(picture()), kind, exif=exif)).pixels.shape == (48, 64, 3)


def test_a_tiff_with_text_where_its_pixels_should_begin_is_refused() -> None:
    data = encoded(Image.fromarray(picture()), "TIFF")
    strips = struct.pack("<HH", 273, 4)
    assert strips in data

    with pytest.raises(BadImage, match="truncated or damaged"):
        decode_photo(data.replace(strips, struct.pack("<HH", 273, 2)))


def foreign_profile() -> bytes:
    """The sRGB profile under another name, with the primaries of red and blue exchanged."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    profile = profile.replace("sRGB".encode("utf-16-be"), "wide".encode("utf-16-be"))
    return profile.replace(b"rXYZ", b"----").replace(b"bXYZ", b"rXYZ").replace(b"----", b"bXYZ")


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP"])
def test_another_profile_is_converted_and_noted(kind: str) -> None:
    options: dict[str, Any] = {"JPEG": {"quality": 98, "subsampling": 0}, "WEBP": {"lossless": True}}.get(kind, {})

    photo = decode_photo(encoded(Image.fromarray(picture()), kind, icc_profile=foreign_profile(), **options))

    assert np.abs(photo.pixels.astype(int) - picture()[..., ::-1]).mean() < 3
    assert any("converted to sRGB" in note for note in photo.notes)


def test_a_lab_tiff_becomes_rgb() -> None:
    srgb, lab = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
    image = ImageCms.profileToProfile(Image.fromarray(picture()), srgb, lab, outputMode="LAB")
    assert image is not None

    assert np.abs(decode_photo(encoded(image, "TIFF")).pixels.astype(int) - picture()).mean() < 3


def test_a_tagged_srgb_jpeg_takes_the_plain_road() -> None:
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()

    assert decode_photo(jpeg(icc_profile=srgb)).notes == ()
    np.testing.assert_array_equal(decode_photo(jpeg(icc_profile=srgb)).pixels, decode_photo(jpeg()).pixels)


def test_cmyk_is_converted_the_right_way_round() -> None:
    photo = decode_photo(encoded(Image.fromarray(picture()).convert("CMYK"), "JPEG", quality=98))

    assert np.abs(photo.pixels.astype(int) - picture()).mean() < 6
    assert photo.notes


@pytest.mark.parametrize("suffix", [".png", ".tiff"])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_sixteen_bits_are_rounded_to_eight(suffix: str, channels: int) -> None:
    values = (np.arange(256, dtype=np.uint16) * 257).reshape(16, 16)
    values[0, 0], values[0, 1] = 128, 129  # just under and over half a step of 257
    deep = values if channels == 1 else np.repeat(values[..., None], channels, axis=2)
    if channels == 4:
        deep[..., 3] = 65535

    photo = decode_photo(cv2.imencode(suffix, deep)[1].tobytes())

    np.testing.assert_array_equal(photo.pixels, np.repeat(np.rint(values / 257.0).astype(np.uint8)[..., None], 3, 2))
    assert "16-bit" in photo.notes[0]


def deep_picture() -> NDArray[np.uint16]:
    return picture().astype(np.uint16) * 257


def tiff(deep: NDArray[np.uint16], photometric: int = 2, orientation: int = 1, extra: int | None = None) -> bytes:
    """A little-endian TIFF 6.0 of one strip, as scanners and raw developers write them."""
    height, width, samples = deep.shape
    pixels, bits = deep.astype("<u2").tobytes(), struct.pack(f"<{samples}H", *[16] * samples).ljust(4, b"\0")
    tags = {256: width, 257: height, 259: 1, 262: photometric, 274: orientation, 277: samples, 278: height, 284: 1}
    tags |= {273: 0, 279: len(pixels), **({} if extra is None else {338: extra})}
    bits_at = 8 + 2 + 12 * (len(tags) + 1) + 4
    tags[273] = bits_at + len(bits)
    entries = {tag: struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items()}
    where = struct.pack("<I", bits_at) if samples > 2 else bits
    entries[258] = struct.pack("<HHI", 258, 3, samples) + where
    table = b"".join(entries[tag] for tag in sorted(entries))
    return b"II*\0" + struct.pack("<IH", 8, len(entries)) + table + bytes(4) + bits + pixels


def deep_png(deep: NDArray[np.uint16], orientation: int) -> bytes:
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    body = b"eXIf" + exif.tobytes().removeprefix(b"Exif\0\0")
    chunk = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    data: bytes = cv2.imencode(".png", deep[..., ::-1])[1].tobytes()
    return data[:33] + chunk + data[33:]


@pytest.mark.parametrize("kind", ["TIFF", "PNG"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_deep_photo_is_turned_once(kind: str, orientation: int) -> None:
    stored = Image.fromarray(picture())
    stored.getexif()[ORIENTATION] = orientation
    data = tiff(deep_picture(), orientation=orientation) if kind == "TIFF" else deep_png(deep_picture(), orientation)

    np.testing.assert_array_equal(decode_photo(data).pixels, np.asarray(ImageOps.exif_transpose(stored)))


def test_a_deep_tiff_whose_zero_is_white_is_no_negative() -> None:
    gray = deep_picture()[..., :1]

    photo = decode_photo(tiff(65535 - gray, photometric=0))

    np.testing.assert_array_equal(photo.pixels, picture()[..., :1].repeat(3, axis=2))


def test_a_fourth_sample_that_is_no_alpha_hides_nothing() -> None:
    four = np.dstack([deep_picture(), np.zeros((48, 64), np.uint16)])

    np.testing.assert_array_equal(decode_photo(tiff(four, extra=0)).pixels, picture())


def test_colours_that_were_multiplied_by_alpha_are_not_darkened_twice() -> None:
    half = np.dstack([deep_picture() // 2, np.full((48, 64), 32768, np.uint16)])

    photo = decode_photo(tiff(half, extra=1))

    assert np.abs(photo.pixels.astype(int) - (picture().astype(int) + 255) // 2).max() <= 2


def test_a_deep_cmyk_tiff_is_read() -> None:
    cmyk = np.asarray(Image.fromarray(picture()).convert("CMYK")).astype(np.uint16) * 257

    assert np.abs(decode_photo(tiff(cmyk, photometric=5)).pixels.astype(int) - picture()).max() <= 1


@pytest.mark.parametrize("mode", ["RGBA", "LA", "PA"])
def test_transparency_lies_on_white(mode: str) -> None:
    rgba = np.dstack([picture(), np.zeros((48, 64), np.uint8)])
    rgba[:24, :, 3] = 255
    image = Image.fromarray(rgba).convert("LA") if mode == "LA" else Image.fromarray(rgba)
    if mode == "PA":
        image = image.quantize(64)

    photo = decode_photo(encoded(image, "PNG"))

    assert (photo.pixels[25:] == 255).all()
    assert photo.pixels[:23].mean() < 200


@pytest.mark.parametrize("mode", ["L", "P", "1"])
def test_gray_palette_and_bilevel_become_rgb(mode: str) -> None:
    source = Image.fromarray(picture()).convert(mode)

    np.testing.assert_array_equal(decode_photo(encoded(source, "PNG")).pixels, np.asarray(source.convert("RGB")))


def test_a_gray_jpeg_becomes_rgb() -> None:
    photo = decode_photo(encoded(Image.fromarray(picture()).convert("L"), "JPEG"))

    assert photo.pixels.shape == (48, 64, 3)


@pytest.mark.parametrize(
    ("data", "line"),
    [
        (b"", r"empty \(0 bytes\)"),
        (b"this is a text\n" * 9, "not a picture file"),
        (encoded(Image.fromarray(picture()), "GIF"), "this is a GIF; packshot reads JPEG, PNG, WebP and TIFF"),
        (jpeg()[:300], "truncated"),
        (jpeg()[: len(jpeg()) // 2], "truncated"),
        (jpeg()[:-2], "truncated"),
        (b"\xff\xd8\xff\xe0" + b"\x00" * 20, "truncated or damaged"),
        (encoded(Image.fromarray(picture()), "PNG")[:120], "truncated or damaged"),
        (encoded(Image.fromarray(picture()), "WEBP")[:100], "truncated or damaged"),
        (encoded(Image.fromarray(picture()), "TIFF")[:500], "truncated or damaged"),
        (png_header(30_000, 30_000), "limit of 64 megapixels|the limit is 64 megapixels"),
        (png_header(10_000, 6_500), r"10000x6500 \(65\.0 megapixels\), the limit is 64 megapixels"),
        (png_header(40_000, 2), "30000 px a side"),
    ],
)
def test_what_cannot_be_read_is_refused_with_one_line(data: bytes, line: str) -> None:
    with pytest.raises(BadImage, match=line) as refusal:
        decode_photo(data)

    assert "\n" not in str(refusal.value)


def test_animations_are_refused() -> None:
    frames = [Image.fromarray(picture()), Image.fromarray(picture()[::-1].copy())]
    for kind in ("PNG", "WEBP"):
        data = encoded(frames[0], kind, save_all=True, append_images=frames[1:])

        with pytest.raises(BadImage, match="animated"):
            decode_photo(data)


def test_a_jpeg_beyond_the_limit_is_refused_before_it_is_decoded() -> None:
    """The frame header alone says 60,000 x 60,000; there is nothing behind it to decode."""
    data = bytearray(jpeg())
    at = data.find(b"\xff\xc0")
    data[at + 5 : at + 9] = struct.pack(">HH", 60_000, 60_000)

    with pytest.raises(BadImage, match=r"3600\.0 megapixels"):
        decode_photo(bytes(data))


def test_the_limit_can_be_set() -> None:
    with pytest.raises(BadImage, match=r"the limit is 0\.001 megapixels"):
        decode_photo(jpeg(), DecodeLimits(max_pixels=1000))


def test_a_thumbnail_in_the_exif_does_not_hide_a_truncation() -> None:
    """The thumbnail brings an end marker of its own."""
    exif = Image.Exif()
    exif[0x010E] = "x" + jpeg()[:400].decode("latin-1") + "\xff\xd9"
    data = jpeg(exif=exif)

    with pytest.raises(BadImage, match="truncated"):
        decode_photo(data[: len(data) - 500])


@pytest.mark.parametrize(("side", "shape"), [(90, (100, 150)), (150, (200, 300)), (400, (400, 600)), (401, None)])
def test_the_reduced_photo_is_the_smallest_that_is_large_enough(side: int, shape: tuple[int, int] | None) -> None:
    big = cv2.resize(picture(), (1200, 800))
    data = encoded(Image.fromarray(big), "JPEG", quality=95)

    small = decode_reduced(data, side)

    if shape is None:
        assert small is None
    else:
        assert small is not None
        assert small.shape[:2] == shape
        wanted = cv2.resize(big, shape[::-1], interpolation=cv2.INTER_AREA)
        assert np.abs(small.astype(int) - wanted).mean() < 2


def test_only_plain_jpegs_are_reduced() -> None:
    assert decode_reduced(encoded(Image.fromarray(picture()), "PNG"), 8) is None
    assert decode_reduced(encoded(Image.fromarray(picture()).convert("CMYK"), "JPEG"), 8) is None
