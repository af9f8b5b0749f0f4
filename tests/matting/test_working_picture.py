"""The working picture: at most 1024 px, and every pixel the mean of what it covers."""

import numpy as np
import pytest

from packshot.matting.shrink import working_picture


@pytest.mark.parametrize(
    ("photo", "expected"),
    [
        ((3040, 4056), (760, 1014)),  # 12 megapixels
        ((3024, 4032), (756, 1008)),
        ((2592, 4608), (576, 1024)),  # halved twice, then shrunk by an odd factor
        ((4056, 3040), (1014, 760)),  # upright
        ((2240, 2240), (560, 560)),
        ((1119, 1119), (1024, 1024)),
        ((2241, 2987), (560, 746)),
        ((600, 800), (600, 800)),
        ((5000, 1), (1024, 1)),
        ((1, 1), (1, 1)),
    ],
)
def test_the_working_picture_of_a_photo_of_any_size(photo: tuple[int, int], expected: tuple[int, int]) -> None:
    pixels = np.full((*photo, 3), (200, 100, 7), np.uint8)

    small = working_picture(pixels)

    assert small.shape == (*expected, 3)
    assert (small == (200, 100, 7)).all()


def test_every_working_pixel_is_the_mean_of_the_sixteen_that_it_covers() -> None:
    pixels = np.random.default_rng(3).integers(0, 256, (2240, 2400, 3), np.uint8)

    small = working_picture(pixels)

    slow = pixels.reshape(560, 4, 600, 4, 3).mean(axis=(1, 3))
    assert np.abs(small - slow).max() <= 1  # rounded twice
