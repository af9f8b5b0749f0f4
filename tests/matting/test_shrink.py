"""Area averages against the slow obvious ones, in fractions; and that no processor's rounding can show."""

from fractions import Fraction
from math import ceil, floor

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from packshot.matting import shrink as room
from packshot.matting.shrink import shrink

WAYS = (room._in_floats, room._in_floats_but_doubts, room._in_whole_numbers)


def shares(source: int, cells: int) -> list[dict[int, Fraction]]:
    """How much of each pixel lies in each cell."""
    pitch = Fraction(source, cells)
    edges = [(cell * pitch, (cell + 1) * pitch) for cell in range(cells)]
    return [
        {pixel: min(end, pixel + 1) - max(start, pixel) for pixel in range(floor(start), ceil(end))}
        for start, end in edges
    ]


def slow(picture: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    """Every cell's average as a fraction, half-way upwards."""
    down, across = shares(picture.shape[0], height), shares(picture.shape[1], width)
    area = Fraction(picture.shape[0] * picture.shape[1], height * width)
    small = np.zeros((height, width), np.uint8)
    for y, x in np.ndindex(height, width):
        total = sum(int(picture[j, i]) * a * b for j, a in down[y].items() for i, b in across[x].items())
        small[y, x] = floor(total / area + Fraction(1, 2))
    return small


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_averages_are_those_of_fractions(data: st.DataObject) -> None:
    rows, columns = (data.draw(st.integers(2, 23)) for _ in range(2))
    height, width = (data.draw(st.integers(1, side)) for side in (rows, columns))
    seed, bright = data.draw(st.integers(0, 999)), data.draw(st.sampled_from([2, 256]))
    picture = np.random.default_rng(seed).integers(0, bright, (rows, columns), np.uint8)
    expected = slow(picture, height, width)
    for way in WAYS:
        np.testing.assert_array_equal(way(picture, height, width), expected, err_msg=way.__name__)
    whole = rows % height == 0 and columns % width == 0
    difference = shrink(picture, height, width).astype(int) - expected
    assert not difference.any() or (whole and set(np.unique(difference)) <= {-1, 0})  # OpenCV rounds half to even


@pytest.mark.parametrize("size", [(96, 84), (51, 130), (180, 240), (131, 97)])
def test_colours_do_not_mix(size: tuple[int, int]) -> None:
    picture = np.random.default_rng(3).integers(0, 256, (*size, 3), np.uint8)
    together = shrink(picture, 32, 40)
    assert together.shape == (32, 40, 3)
    for channel in range(3):
        np.testing.assert_array_equal(together[..., channel], shrink(picture[..., channel].copy(), 32, 40))


def test_a_picture_of_one_value_keeps_it() -> None:
    for value in (0, 1, 127, 255):
        picture = np.full((301, 407, 3), value, np.uint8)
        assert (shrink(picture, 64, 64) == value).all()


@pytest.mark.parametrize("size", [(480, 640), (768, 1024), (1520, 2028), (3040, 4056)])
def test_every_way_and_opencv_agree_to_one_step_on_the_sizes_of_cameras(size: tuple[int, int]) -> None:
    picture = np.random.default_rng(7).integers(0, 256, (*size, 3), np.uint8)
    here = shrink(picture, 320, 320)
    theirs = cv2.resize(picture, (320, 320), interpolation=cv2.INTER_AREA)
    assert np.abs(here.astype(int) - theirs).max() <= 1
    np.testing.assert_array_equal(here, room._in_whole_numbers(picture, 320, 320))


def test_half_way_is_upwards_wherever_it_stands() -> None:
    """Three pixels to two: 1.5 pixels a cell, so that (2a + b) / 3 is half-way for many neighbours."""
    picture = np.tile(np.array([[0, 3, 0], [0, 0, 3]], np.uint8), (60, 80))
    np.testing.assert_array_equal(shrink(picture, 80, 160), room._in_whole_numbers(picture, 80, 160))
    assert np.array_equal(shrink(picture[:2, :3], 2, 2), slow(picture[:2, :3], 2, 2))


def test_a_picture_too_large_for_float32_is_added_in_float64() -> None:
    picture = np.random.default_rng(5).integers(200, 256, (2, 4099), np.uint8)
    tall = np.ascontiguousarray(np.tile(picture.T, (17, 1)))  # 69,683 rows: 255 x 69,683 is above 2**24
    np.testing.assert_array_equal(shrink(tall, 7, 1), slow(tall, 7, 1))
