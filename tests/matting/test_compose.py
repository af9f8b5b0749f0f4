"""Scaling and laying on backgrounds without a fringe."""

import cv2
import numpy as np
import pytest

from packshot.matting.compose import add_contact_shadow, lay_on_colour, lay_on_picture, scale_rgba


def soft_disc() -> np.ndarray:
    """A green disc with a soft edge whose invisible surroundings are magenta."""
    alpha = np.zeros((120, 160), np.uint8)
    cv2.circle(alpha, (80, 60), 40, 255, -1, cv2.LINE_AA)
    rgba = np.zeros((120, 160, 4), np.uint8)
    rgba[:] = (255, 0, 255, 0)
    rgba[alpha > 0] = (10, 200, 30, 0)
    rgba[..., 3] = alpha
    return rgba


@pytest.mark.parametrize("size", [(80, 60), (53, 37), (320, 240), (160, 120)])
def test_scaling_bleeds_no_colour_from_where_nothing_is(size: tuple[int, int]) -> None:
    scaled = scale_rgba(soft_disc(), *size)

    seen = scaled[scaled[..., 3] > 8]
    assert scaled.shape == (size[1], size[0], 4)
    assert np.abs(seen[:, :3].astype(int) - (10, 200, 30)).max() <= 3


def test_scaling_keeps_the_covered_area() -> None:
    scaled = scale_rgba(soft_disc(), 80, 60)

    assert float(scaled[..., 3].sum()) * 4 == pytest.approx(float(soft_disc()[..., 3].sum()), rel=0.01)


def test_laying_on_a_colour_is_exact_at_both_ends_and_mixes_between() -> None:
    rgba = np.array([[[9, 8, 7, 0], [9, 8, 7, 255], [100, 0, 50, 51]]], np.uint8)

    assert lay_on_colour(rgba, (255, 255, 255)).tolist() == [[[255, 255, 255], [9, 8, 7], [224, 204, 214]]]


@pytest.mark.parametrize("size", [(40, 40), (500, 300), (300, 500), (160, 120)])
def test_a_background_picture_covers_everything(size: tuple[int, int]) -> None:
    picture = np.full((size[1], size[0], 3), (20, 40, 200), np.uint8)

    laid = lay_on_picture(soft_disc(), picture)

    assert laid.shape == (120, 160, 3)
    assert laid[0, 0].tolist() == [20, 40, 200]
    assert laid[60, 80].tolist() == [10, 200, 30]


def test_a_contact_shadow_lies_under_the_product_and_leaves_it_alone() -> None:
    plain = soft_disc()
    plain[plain[..., 3] == 0] = 0

    shadowed = add_contact_shadow(plain, 0.5)

    opaque = plain[..., 3] == 255
    np.testing.assert_array_equal(shadowed[opaque], plain[opaque])
    laid = lay_on_colour(shadowed, (255, 255, 255))
    assert laid[102, 80].max() < 200  # just below the disc
    assert laid[5, 80].min() == 255  # above it
    assert laid[102, 5].min() > 250  # far to its side
    assert shadowed[..., 3].max() == 255


def test_no_strength_no_shadow() -> None:
    np.testing.assert_array_equal(add_contact_shadow(soft_disc(), 0.0), soft_disc())
    nothing = np.zeros((9, 9, 4), np.uint8)
    np.testing.assert_array_equal(add_contact_shadow(nothing, 0.5), nothing)
