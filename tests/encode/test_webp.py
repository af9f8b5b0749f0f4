"""WebP put together from its parts, read back by two other libraries."""

from io import BytesIO

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from packshot.encode.picture import srgb_icc
from packshot.encode.webp import encode_webp
from packshot.platform.beside import Beside


def disc(height: int, width: int, seed: int = 1) -> NDArray[np.uint8]:
    """A bright disc with a soft edge, colour zero under alpha 0."""
    rng = np.random.default_rng([height, width, seed])
    y, x = np.mgrid[:height, :width] + 0.5
    distance = np.hypot(y - height / 2, x - width / 2) - 0.35 * min(height, width)
    alpha = np.clip(0.5 - distance / 4, 0, 1)
    colour = np.clip(np.array([230, 200, 180]) + rng.normal(0, 3, (height, width, 3)), 0, 255)
    rgba = np.dstack([colour, alpha * 255]).round().astype(np.uint8)
    rgba[rgba[..., 3] == 0] = 0
    return rgba


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("shape", [(1, 1), (3, 40), (65, 33), (200, 301)])
def test_alpha_reads_back_exactly_and_the_file_is_tagged(shape: tuple[int, int], threads: int) -> None:
    rgba = disc(*shape)

    data = encode_webp(rgba, 80, srgb_icc(), Beside("test", threads - 1))

    image = Image.open(BytesIO(data))
    assert (image.mode, image.info["icc_profile"]) == ("RGBA", srgb_icc())
    np.testing.assert_array_equal(np.asarray(image)[..., 3], rgba[..., 3])
    by_cv2 = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(by_cv2[..., 3], rgba[..., 3])


def test_random_alpha_reads_back_exactly() -> None:
    rgba = np.random.default_rng(1).integers(0, 256, (77, 91, 4)).astype(np.uint8)

    image = Image.open(BytesIO(encode_webp(rgba, 80, b"icc")))

    np.testing.assert_array_equal(np.asarray(image)[..., 3], rgba[..., 3])


def with_alpha(alpha: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.dstack([alpha, alpha, alpha, alpha])


@settings(max_examples=150, deadline=None)
@given(st.integers(1, 60), st.integers(1, 60), st.integers(0, 10**6), st.sampled_from([0.0, 0.01, 0.2, 0.9]))
def test_alpha_of_any_mixture_of_runs_and_values_reads_back_exactly(h: int, w: int, seed: int, share: float) -> None:
    rng = np.random.default_rng(seed)
    alpha = np.where(rng.random((h, w)) < share, rng.integers(0, 256, (h, w)), 0).astype(np.uint8)

    assert_alpha_survives(alpha)


@pytest.mark.parametrize("value", [0, 1, 255])
@pytest.mark.parametrize(
    "shape", [(1, 4095), (1, 4096), (1, 4097), (1, 4098), (91, 91), (300, 701), (2, 16383), (1300, 900)]
)
def test_runs_longer_than_a_copy_read_back_exactly(shape: tuple[int, int], value: int) -> None:
    assert_alpha_survives(np.full(shape, value, np.uint8))


def test_values_of_which_some_are_far_rarer_than_a_code_is_long_read_back_exactly() -> None:
    steps = np.repeat(np.arange(1, 20), 2 ** np.arange(19))[-724 * 724 :]
    differences = np.random.default_rng(1).permutation(steps).reshape(724, 724)

    assert_alpha_survives(np.cumsum(differences, axis=1).astype(np.uint8))


def assert_alpha_survives(alpha: NDArray[np.uint8]) -> None:
    data = encode_webp(with_alpha(alpha), 80, b"icc")
    np.testing.assert_array_equal(np.asarray(Image.open(BytesIO(data)).convert("RGBA"))[..., 3], alpha)


def test_alpha_takes_no_more_than_libwebp_needs_for_it() -> None:
    rgba, out = disc(600, 800), BytesIO()
    Image.fromarray(rgba).save(out, "WEBP", quality=80, method=0)

    assert alpha_bytes(encode_webp(rgba, 80, srgb_icc())) < 1.1 * alpha_bytes(out.getvalue())


def alpha_bytes(webp: bytes) -> int:
    at = webp.index(b"ALPH")
    return int.from_bytes(webp[at + 4 : at + 8], "little")


def test_colours_are_as_good_as_libwebps_own_also_at_the_edge() -> None:
    rgba = disc(240, 320)
    out = BytesIO()
    Image.fromarray(rgba).save(out, "WEBP", quality=85, method=0)

    ours = np.asarray(Image.open(BytesIO(encode_webp(rgba, 85, srgb_icc()))))

    def error(decoded: NDArray[np.uint8], where: NDArray[np.bool_]) -> float:
        return float(np.abs(decoded[where].astype(int) - rgba[where])[:, :3].mean())

    theirs, opaque = np.asarray(Image.open(out)), rgba[..., 3] == 255
    soft = ~opaque & (rgba[..., 3] > 25)
    assert error(ours, opaque) <= 1.05 * error(theirs, opaque)
    assert error(ours, soft) <= 1.3 * error(theirs, soft) + 0.5


def test_a_fully_transparent_picture_is_written_too() -> None:
    data = encode_webp(np.zeros((20, 30, 4), np.uint8), 80, srgb_icc())

    assert not np.asarray(Image.open(BytesIO(data)))[..., 3].any()


def test_colour_that_nobody_sees_changes_nothing() -> None:
    rgba = np.zeros((37, 50, 4), np.uint8)
    rgba[9:30, 11:40] = (200, 90, 20, 255)
    junk = rgba.copy()
    junk[rgba[..., 3] == 0, :3] = (1, 250, 7)

    assert encode_webp(junk, 85, srgb_icc()) == encode_webp(rgba, 85, srgb_icc())


@pytest.mark.parametrize("row", [32, 33, 34, 35])
@pytest.mark.parametrize("upright", [False, True])
def test_a_line_of_one_pixel_keeps_its_colour_wherever_it_lies(row: int, upright: bool) -> None:
    """What is invisible beside it must not be filled with black."""
    rgba = np.zeros((64, 64, 4), np.uint8)
    rgba[row, 4:60] = (240, 200, 40, 255)
    rgba = np.ascontiguousarray(rgba.swapaxes(0, 1)) if upright else rgba

    decoded = np.asarray(Image.open(BytesIO(encode_webp(rgba, 85, srgb_icc()))).convert("RGBA")).astype(int)

    seen = rgba[..., 3] > 0
    assert np.abs(decoded[seen] - rgba[seen]).max() < 12
