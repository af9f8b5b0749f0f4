"""The PNG writer, read back by two other libraries."""

import zlib
from io import BytesIO

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from packshot.encode import png
from packshot.encode.picture import canvas, srgb_icc
from packshot.encode.png import join_adler32, write_patch, write_picture
from packshot.encode.port import Patch
from packshot.platform.beside import Beside


@pytest.fixture(params=["as installed", "zlib alone"])
def library(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once with isal where it is installed, once without."""

    def missing(name: str) -> None:
        raise ImportError(name)

    png._library.cache_clear()
    if request.param == "zlib alone":
        monkeypatch.setattr(png, "import_module", missing)
        request.addfinalizer(png._library.cache_clear)


def random_patch(seed: int) -> Patch:
    rng = np.random.default_rng(seed)
    height, width = int(rng.integers(1, 500)), int(rng.integers(1, 40))
    rows, columns = int(rng.integers(1, height + 1)), int(rng.integers(1, width + 1))
    rgba = rng.integers(0, 256, (rows, columns, 4)).astype(np.uint8)
    rgba[rng.random((rows, columns)) < 0.3, 3] = 0
    top, left = int(rng.integers(0, height - rows + 1)), int(rng.integers(0, width - columns + 1))
    return Patch(rgba, top, left, height, width)


def read_twice(data: bytes) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    by_cv2 = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    return np.asarray(Image.open(BytesIO(data))), cv2.cvtColor(by_cv2, cv2.COLOR_BGRA2RGBA)


@pytest.mark.usefixtures("library")
@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("seed", range(20))
def test_a_patch_anywhere_on_a_canvas_reads_back_the_same(seed: int, threads: int) -> None:
    patch = random_patch(seed)

    by_pillow, by_cv2 = read_twice(write_patch(patch, srgb_icc(), Beside("test", threads - 1)))

    np.testing.assert_array_equal(by_pillow, canvas(patch))
    np.testing.assert_array_equal(by_cv2, canvas(patch))


@pytest.mark.parametrize("shape", [(1, 1), (400, 3), (7, 9, 3), (192, 5, 4), (193, 5, 4)])
def test_gray_rgb_and_rgba_read_back_the_same(shape: tuple[int, ...]) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, shape).astype(np.uint8)

    np.testing.assert_array_equal(np.asarray(Image.open(BytesIO(write_picture(pixels)))), pixels)


def test_colour_under_alpha_zero_is_gone() -> None:
    patch = Patch(np.array([[[9, 8, 7, 0], [9, 8, 7, 1]]], np.uint8), 0, 0, 1, 2)

    by_pillow, _ = read_twice(write_patch(patch, b""))

    assert by_pillow[0].tolist() == [[0, 0, 0, 0], [9, 8, 7, 1]]


def test_the_picture_is_tagged_as_srgb() -> None:
    image = Image.open(BytesIO(write_picture(np.zeros((2, 2, 3), np.uint8), srgb_icc())))

    assert image.info["icc_profile"] == srgb_icc()


@pytest.mark.parametrize("lengths", [(0, 5), (5, 0), (1, 1), (70_000, 123_456)])
def test_checksums_join(lengths: tuple[int, int]) -> None:
    first, second = (np.random.default_rng(n).bytes(n) for n in lengths)

    assert join_adler32(zlib.adler32(first), zlib.adler32(second), len(second)) == zlib.adler32(first + second)
