"""A scan put together from intervals that were encoded one below the other."""

from io import BytesIO
from itertools import chain

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from packshot.encode.restarts import Intervals, split_scans

Picture = NDArray[np.uint8]


def noise(height: int, width: int) -> Picture:
    coarse = np.random.default_rng([height, width]).integers(0, 256, (-(-height // 4), -(-width // 4), 3), np.uint8)
    return np.ascontiguousarray(coarse.repeat(4, axis=0).repeat(4, axis=1)[:height, :width])


def encode(rgb: Picture, **options: int) -> bytes:
    out = BytesIO()
    Image.fromarray(rgb).save(out, "JPEG", quality=90, subsampling=0, **options)
    return out.getvalue()


def decode(data: bytes) -> Picture:
    by_pillow = np.asarray(Image.open(BytesIO(data)).convert("RGB"))
    by_cv2 = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB)
    np.testing.assert_array_equal(by_cv2, by_pillow)
    return by_pillow


@settings(deadline=None, max_examples=40)
@given(height=st.integers(1, 90), width=st.integers(1, 900), portions=st.integers(1, 5))
def test_the_picture_is_what_it_is_when_encoded_as_a_whole(height: int, width: int, portions: int) -> None:
    rgb = noise(height, width)
    cut = Intervals.of(rgb)

    parts = [part for part in np.array_split(np.arange(cut.count), portions) if len(part)]
    coded = [split_scans(encode(cut.stacked(part), restart_marker_rows=1)) for part in parts]
    joined = cut.joined(coded[0][0], chain.from_iterable(scans for _, scans in coded))

    assert Image.open(BytesIO(joined)).size == (width, height)
    np.testing.assert_array_equal(decode(joined), decode(encode(rgb)))


def test_an_interval_may_stand_in_several_places() -> None:
    rgb = noise(8, 192)
    tall = Intervals.of(np.tile(rgb, (30, 1, 1)))
    head, (once,) = split_scans(encode(rgb, restart_marker_rows=1))

    decoded = decode(tall.joined(head, [once] * tall.count))

    np.testing.assert_array_equal(decoded, np.tile(decode(encode(rgb)), (30, 1, 1)))


@pytest.mark.parametrize(
    ("width", "per_row", "length"),
    [(2000, 10, 200), (1600, 8, 200), (1500, 4, 376), (2008, 1, 2008), (1, 1, 8), (130, 1, 136), (192, 1, 192)],
)
def test_rows_are_cut_into_intervals_of_about_two_hundred_pixels(width: int, per_row: int, length: int) -> None:
    """Where no division of the row comes near, an interval is a whole row."""
    cut = Intervals.of(noise(8, width))

    assert (cut.per_row, cut.length, cut.count) == (per_row, length, per_row)


def test_the_darkest_value_of_each_interval_is_found() -> None:
    rgb = np.full((24, 400, 3), 255, np.uint8)
    rgb[9, 350, 1] = 7
    rgb[23, 0, 2] = 100

    assert Intervals.of(rgb).darkest().tolist() == [255, 255, 255, 7, 100, 255]


def test_bytes_that_look_like_markers_in_the_head_do_not_split_the_scan() -> None:
    out = BytesIO()
    Image.fromarray(noise(16, 64)).save(out, "JPEG", restart_marker_rows=1, subsampling=0, icc_profile=b"\xff\xd0" * 50)

    head, scans = split_scans(out.getvalue())

    assert b"\xff\xd0" in head
    assert len(scans) == 2
