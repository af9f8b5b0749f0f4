"""The band: trimap, strips, and enlarging at single pixels."""

import cv2
import numpy as np
import pytest

from packshot.matting.band import BACKGROUND, FOREGROUND, UNKNOWN, in_between, points, sample, strips, trimap


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("sizes", [(5, 7, 20, 21), (1, 1, 6, 5), (8, 8, 8, 8), (16, 12, 9, 5), (3, 40, 50, 200)])
def test_single_pixels_are_what_resizing_everything_gives(sizes: tuple[int, int, int, int], channels: int) -> None:
    small_height, small_width, height, width = sizes
    rng = np.random.default_rng(sizes)
    coarse = rng.random((small_height, small_width, channels)).astype(np.float32)
    x, y = points(np.full((height, width), 255, np.uint8))

    at_pixels = sample(coarse, x, y, height, width).reshape(height, width, channels)

    whole = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR).reshape(height, width, channels)
    np.testing.assert_allclose(at_pixels, whole, atol=0.04)  # remap's positions are in 1/32 of a pixel


def test_points_come_in_reading_order_with_their_offset() -> None:
    mask = np.zeros((3, 4), np.uint8)
    mask[1, 3] = mask[2, 0] = 9

    x, y = points(mask, left=10, top=20)

    assert list(zip(x.tolist(), y.tolist(), strict=True)) == [(13, 21), (10, 22)]
    assert len(points(np.zeros((2, 2), np.uint8))[0]) == 0


@pytest.mark.parametrize("size", [(0, 5), (5, 0), (1, 1), (1, 7), (7, 1), (4, 4), (33, 70)])
@pytest.mark.parametrize("step", [1, 2])
def test_points_are_the_pixels_that_are_not_zero(size: tuple[int, int], step: int) -> None:
    rng = np.random.default_rng([*size, step])
    mask = (rng.integers(1, 256, size) * (rng.random(size) < 0.3)).astype(np.uint8)[:, ::step]

    x, y = points(mask)

    rows, columns = np.nonzero(mask)
    np.testing.assert_array_equal(x, columns)
    np.testing.assert_array_equal(y, rows)


def test_a_pixel_is_sure_when_its_neighbourhood_is() -> None:
    mask = np.zeros((11, 21), np.float32)
    mask[:, 10:] = 1.0

    regions = trimap(mask, 2)

    assert (regions[:, :8] == BACKGROUND).all()
    assert (regions[:, 8:12] == UNKNOWN).all()
    assert (regions[:, 12:] == FOREGROUND).all()


def test_strips_cover_all_rows_once() -> None:
    rows = [row for part in strips(5, 700, 256) for row in range(part.start, part.stop)]

    assert rows == list(range(5, 700))


def test_in_between_is_neither_end() -> None:
    assert in_between(np.array([[0, 1, 128, 254, 255]], np.uint8)).tolist() == [[0, 255, 255, 255, 0]]
