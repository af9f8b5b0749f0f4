"""A hole that was filled with certainty shows as backdrop inside the subject."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from packshot.matting.seen_through import seen_through

Float = NDArray[np.float32]
RGB8 = NDArray[np.uint8]
SIDE = 192
HOLE = 30  # px, its radius


def disc(radius: int, centre: tuple[int, int] = (96, 96)) -> Float:
    mask = np.zeros((SIDE, SIDE), np.float32)
    cv2.circle(mask, centre, radius, 1.0, -1, cv2.LINE_AA)
    return mask


def sweep(seed: int = 1, texture: float = 1.0) -> Float:
    """A bright backdrop whose light falls off to the corners and to one side, (SIDE, SIDE, 3) in 1/255."""
    y, x = np.meshgrid(np.linspace(-1, 1, SIDE), np.linspace(-1, 1, SIDE), indexing="ij")
    light = 225 - 14 * x**2 - 9 * y**2 + 6 * x * y + 11 * x
    noise = np.random.default_rng(seed).normal(0, texture, (SIDE, SIDE, 3))
    return (light[..., np.newaxis] * np.array([1.0, 0.98, 0.94]) + noise).astype(np.float32)


def photo(backdrop: Float, alpha: Float, colour: tuple[int, int, int] = (120, 60, 50)) -> RGB8:
    mixed = alpha[..., np.newaxis] * np.array(colour, np.float32) + (1 - alpha[..., np.newaxis]) * backdrop
    return np.rint(np.clip(mixed, 0, 255)).astype(np.uint8)


RING = np.clip(disc(60) - disc(HOLE), 0, 1)


@pytest.mark.parametrize("seed", range(4))
def test_a_filled_hole_counts_by_its_size(seed: int) -> None:
    share = seen_through(disc(60), photo(sweep(seed), RING))

    assert share == pytest.approx(HOLE**2 / 60**2, rel=0.15)


def test_an_open_hole_counts_nothing() -> None:
    assert seen_through(RING, photo(sweep(), RING)) == 0


@pytest.mark.parametrize("colour", [(210, 203, 193), (255, 255, 255), (20, 20, 20)])
def test_a_plain_print_on_the_subject_is_no_hole(colour: tuple[int, int, int]) -> None:
    """Ten levels beside the backdrop are enough to tell it."""
    printed = photo(photo(sweep(), disc(60)).astype(np.float32), disc(HOLE), colour)

    assert seen_through(disc(60), printed) == 0


def test_before_a_backdrop_that_is_not_plain_nothing_is_said() -> None:
    assert seen_through(disc(60), photo(sweep(texture=25), RING)) == 0


def test_specks_of_the_backdrops_colour_are_no_hole() -> None:
    dots = np.zeros((SIDE, SIDE), np.float32)
    dots[40:150:6, 40:150:6] = 1

    assert seen_through(disc(60), photo(sweep(), np.clip(disc(60) - dots, 0, 1))) < 0.001


def test_a_hole_is_seen_where_the_backdrop_lies_on_one_side_alone() -> None:
    mask, alpha = np.maximum(disc(60), 0), RING.copy()
    mask[:, 100:], alpha[:, 130:] = 1, 1

    assert seen_through(mask, photo(sweep(), alpha)) > 0.02


@pytest.mark.parametrize("level", [0.0, 1.0])
def test_without_a_subject_or_without_backdrop_nothing_is_said(level: float) -> None:
    assert seen_through(np.full((SIDE, SIDE), level, np.float32), photo(sweep(), RING)) == 0
