"""White that stays white through a JPEG."""

from io import BytesIO

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from packshot.encode import white as room
from packshot.encode.picture import srgb_icc
from packshot.encode.white import encode_exact_white
from packshot.platform.beside import Beside
from packshot.platform.resources import package_path


def product_on_white(seed: int) -> NDArray[np.uint8]:
    """A saturated, noisy disc with a soft edge: what rings most."""
    rng = np.random.default_rng(seed)
    alpha = np.zeros((150, 170), np.float32)
    cv2.circle(alpha, (80, 70), 50, 1.0, -1, cv2.LINE_AA)
    colour = rng.integers(0, 256, 3) * np.array([1, 0.5, 0.1]) + rng.normal(0, 20, (150, 170, 3))
    return np.clip(np.rint(alpha[..., None] * colour + (1 - alpha[..., None]) * 255), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("quality", [50, 80, 92, 100])
@pytest.mark.parametrize("threads", [1, 2, 11])
@pytest.mark.parametrize("seed", range(3))
def test_every_white_pixel_decodes_to_exactly_white(seed: int, threads: int, quality: int) -> None:
    rgb = product_on_white(seed)
    white = (rgb >= 253).all(axis=2)

    data = encode_exact_white(rgb, quality, srgb_icc(), Beside("test", threads - 1))

    by_pillow = np.asarray(Image.open(BytesIO(data)).convert("RGB"))
    by_cv2 = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert (by_pillow[white] == 255).all()
    assert (by_cv2[white] == 255).all()


@pytest.mark.parametrize("shape", [(1, 1), (7, 30), (64, 9), (65, 8), (200, 40), (333, 21)])
@pytest.mark.parametrize("threads", [2, 3, 9])
def test_bands_joined_are_the_picture_encoded_as_one(shape: tuple[int, int], threads: int) -> None:
    """To the bit, whatever is left for the last band."""
    rng = np.random.default_rng([*shape, threads])
    rgb = rng.integers(0, 250, (*shape, 3)).astype(np.uint8)

    whole, joined = (encode_exact_white(rgb, 92, srgb_icc(), Beside("test", count - 1)) for count in (1, threads))

    for one, other in zip(by_both(joined), by_both(whole), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("height", [60, 64, 320, 333])
@pytest.mark.parametrize("rows", [(0, 0), (0, 5), (63, 65), (130, 200), (300, 333)])
def test_white_above_and_below_is_white_and_the_subject_where_it_was(height: int, rows: tuple[int, int]) -> None:
    rgb = np.full((height, 50, 3), 255, np.uint8)
    rgb[rows[0] : rows[1], 10:30] = (200, 40, 90)

    for decoded in by_both(encode_exact_white(rgb, 95, srgb_icc(), Beside("test"))):
        assert (decoded[(rgb == 255).all(axis=2)] == 255).all()
        assert np.abs(decoded.astype(int) - rgb).max() < 20


def by_both(data: bytes) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """A JPEG decoded by Pillow and by OpenCV, which says so if anything is odd."""
    by_cv2 = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB)
    return np.asarray(Image.open(BytesIO(data)).convert("RGB")), np.asarray(by_cv2, np.uint8)


def test_an_ordinary_jpeg_would_not_do() -> None:
    rgb = product_on_white(0)
    out = BytesIO()
    Image.fromarray(rgb).save(out, "JPEG", quality=92, subsampling=0)

    assert (np.asarray(Image.open(out))[(rgb == 255).all(axis=2)] != 255).any()


def test_noise_beside_white_is_the_hardest_case_and_holds() -> None:
    rng = np.random.default_rng(1)
    rgb = rng.integers(0, 256, (120, 120, 3)).astype(np.uint8)
    rgb[rng.random((120, 120)) < 0.5] = 255

    decoded = np.asarray(Image.open(BytesIO(encode_exact_white(rgb, 92, b""))).convert("RGB"))

    assert (decoded[(rgb >= 253).all(axis=2)] == 255).all()


def luma_error(decoded: NDArray[np.uint8], rgb: NDArray[np.uint8]) -> float:
    return float((((decoded.astype(float) - rgb) @ (0.299, 0.587, 0.114)) ** 2).mean() ** 0.5)


@pytest.mark.parametrize("photo", ["1-bottle", "6-mug", "8-teapot"])
def test_coarser_steps_hardly_cost_error_and_save_bytes(photo: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with Image.open(package_path(f"samples/{photo}.jpg")) as sample:
        rgb = np.minimum(np.asarray(sample.convert("RGB")), np.uint8(250))  # nothing that would become white
    coarser = encode_exact_white(rgb, 92, b"")
    monkeypatch.setattr(room, "COARSER", 1.0)
    plain = encode_exact_white(rgb, 92, b"")

    assert luma_error(by_both(coarser)[0], rgb) <= 1.05 * luma_error(by_both(plain)[0], rgb)
    assert len(coarser) < 0.97 * len(plain)


def test_the_product_itself_is_kept_as_well_as_by_an_ordinary_jpeg() -> None:
    rgb = product_on_white(2)
    inside = ~(rgb >= 250).any(axis=2)
    out = BytesIO()
    Image.fromarray(rgb).save(out, "JPEG", quality=92, subsampling=0)

    exact = np.asarray(Image.open(BytesIO(encode_exact_white(rgb, 92, srgb_icc()))).convert("RGB"))

    def error(decoded: NDArray[np.uint8]) -> float:
        return float(np.abs(decoded.astype(int) - rgb)[inside].mean())

    assert error(exact) <= 1.1 * error(np.asarray(Image.open(out)))


def test_the_file_is_tagged_as_srgb() -> None:
    data = encode_exact_white(product_on_white(0), 90, srgb_icc())

    assert Image.open(BytesIO(data)).info["icc_profile"] == srgb_icc()
