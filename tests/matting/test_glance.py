"""What the network sees of a photo that was decoded at an eighth of its size."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from packshot.matting.tensor import glance, stretch
from tools.make_scenes import make_scene

SIZE = (384, 384)


def eighth(height: int, width: int) -> NDArray[np.uint8]:
    return np.random.default_rng([height, width]).integers(0, 256, (height, width, 3), np.uint8)


@pytest.mark.parametrize("shape", [(380, 507), (507, 380), (360, 480), (384, 384), (400, 470)])
def test_each_pixel_is_interpolated_and_sharpened_in_sixteenths(shape: tuple[int, int]) -> None:
    """Against the formula pixel by pixel."""
    near = cv2.resize(eighth(*shape), SIZE, interpolation=cv2.INTER_LINEAR_EXACT).astype(int)

    seen = glance(eighth(*shape), *SIZE)

    wide = np.pad(near, ((1, 1), (1, 1), (0, 0)), mode="edge")
    rng = np.random.default_rng(1)
    for y, x in rng.integers(0, 384, (300, 2)):
        here = wide[y + 1, x + 1]
        beside = wide[y, x + 1] + wide[y + 2, x + 1] + wide[y + 1, x] + wide[y + 1, x + 2]
        np.testing.assert_array_equal(seen[y, x], np.clip((24 * here - 2 * beside + 8) // 16, 0, 255))


@pytest.mark.parametrize("value", [0, 1, 128, 255])
def test_what_is_plain_stays_as_it_is(value: int) -> None:
    assert (glance(np.full((380, 507, 3), value, np.uint8), *SIZE) == value).all()


@pytest.mark.parametrize("shape", [(480, 480), (616, 820), (760, 1014)])
def test_of_a_larger_picture_areas_are_averaged(shape: tuple[int, int]) -> None:
    np.testing.assert_array_equal(glance(eighth(*shape), *SIZE), stretch(eighth(*shape), *SIZE))


@pytest.mark.parametrize("kind", ["mug", "product", "mesh"])
def test_it_shows_edges_as_sharply_as_the_average_of_a_quarter(kind: str) -> None:
    photo = make_scene(kind, 1520, 2028, 3).photo
    quarter, small = (cv2.resize(photo, None, fx=s, fy=s, interpolation=cv2.INTER_AREA) for s in (1 / 2, 1 / 4))

    seen, wanted = (picture.astype(float) for picture in (glance(small, *SIZE), stretch(quarter, *SIZE)))

    def steepness(picture: NDArray[np.float64]) -> float:
        return float(np.abs(np.diff(picture, axis=0)).mean() + np.abs(np.diff(picture, axis=1)).mean())

    blurred = cv2.resize(small, SIZE, interpolation=cv2.INTER_LINEAR_EXACT).astype(float)
    assert 0.97 < steepness(seen) / steepness(wanted) < 1.25
    assert steepness(blurred) < steepness(seen)
    assert np.abs(seen - wanted).mean() < 1.5
