"""Edges: pinned quality on seeded scenes with true alpha, and pictures that could break the arithmetic."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from packshot.matting.refine import EdgeSettings, Profile, mean_alpha, refine_alpha, softness
from tools.make_scenes import HARD_KINDS, SOFT_KINDS, Scene, coarse_mask, make_scene

HEIGHT, WIDTH = 900, 1200
SLACK = 1.01


def error(alpha: NDArray[np.float32], scene: Scene) -> float:
    """Sum of absolute differences to the true alpha, in thousands."""
    return float(np.abs(alpha - scene.alpha).sum() / 1000)


def errors(kinds: tuple[str, ...], size: int, profile: Profile) -> tuple[float, float]:
    """SAD of bilinear upsampling and of the refined alpha, summed over one scene of each kind."""
    plain, refined = 0.0, 0.0
    for seed, kind in enumerate(kinds):
        scene = make_scene(kind, HEIGHT, WIDTH, seed + 1)
        mask = coarse_mask(scene.alpha, size, 1.0, seed)
        plain += error(cv2.resize(mask, (WIDTH, HEIGHT)), scene)
        refined += error(refine_alpha(scene.photo, mask, profile) / np.float32(255), scene)
    return plain, refined


@pytest.mark.parametrize(("size", "pinned"), [(160, 7.52), (320, 4.04)])
@pytest.mark.parametrize("profile", [Profile.HARD, Profile.AUTO])
def test_hard_products_are_far_better_than_bilinear(size: int, pinned: float, profile: Profile) -> None:
    plain, refined = errors(HARD_KINDS, size, profile)

    assert refined <= pinned * SLACK
    assert refined < plain / 4


@pytest.mark.parametrize(("size", "pinned"), [(160, 49.3), (320, 46.5)])
@pytest.mark.parametrize("profile", [Profile.SOFT, Profile.AUTO])
def test_hair_and_fur_are_better_than_bilinear(size: int, pinned: float, profile: Profile) -> None:
    plain, refined = errors(SOFT_KINDS, size, profile)

    assert refined <= pinned * SLACK
    assert refined < 0.75 * plain


def test_alpha_has_the_size_of_the_photo_and_is_sure_outside_the_band() -> None:
    scene = make_scene("mug", 331, 517, 1)
    mask = coarse_mask(scene.alpha, 80, 0.5, 1)

    alpha = refine_alpha(scene.photo, mask, Profile.AUTO)

    assert alpha.shape == (331, 517)
    assert alpha[0].max() == 0
    assert np.isin(alpha, [0, 255]).mean() > 0.9


def test_the_hole_of_a_handle_stays_open() -> None:
    scene = make_scene("mug", HEIGHT, WIDTH, 2)
    hole = (
        cv2.erode((_filled(scene.alpha > 0.5) & (scene.alpha < 0.01)).astype(np.uint8), np.ones((9, 9), np.uint8)) > 0
    )

    alpha = refine_alpha(scene.photo, coarse_mask(scene.alpha, 160, 0.5, 1), Profile.AUTO)

    assert hole.sum() > 500
    assert (alpha[hole] == 0).mean() > 0.98


def _filled(solid: NDArray[np.bool_]) -> NDArray[np.bool_]:
    outside = np.pad(solid.astype(np.uint8), 1)
    cv2.floodFill(outside, None, (0, 0), 2)
    return outside[1:-1, 1:-1] != 2


@pytest.mark.parametrize("shape", [(1, 1), (1, 60), (60, 1), (2, 3), (700, 1)])
@pytest.mark.parametrize("value", [0, 128, 255])
def test_tiny_and_constant_pictures_give_finite_alpha(shape: tuple[int, int], value: int) -> None:
    photo = np.full((*shape, 3), value, np.uint8)
    mask = coarse_mask(np.tri(64, dtype=np.float32), 16, 0.0, 1)

    for profile in Profile:
        assert refine_alpha(photo, mask, profile).shape == shape


@pytest.mark.parametrize("level", [0.0, 0.5, 1.0])
def test_a_constant_mask_stays_what_it_is(level: float) -> None:
    photo = np.random.default_rng(1).integers(0, 256, (90, 120, 3)).astype(np.uint8)

    alpha = refine_alpha(photo, np.full((32, 32), level, np.float32), Profile.SOFT)

    assert np.abs(alpha.astype(int) - round(level * 255)).max() <= 2


def test_auto_calls_a_box_hard_and_hair_soft() -> None:
    box, hair = (coarse_mask(make_scene(kind, 600, 800, 1).alpha, 160, 0.5, 1) for kind in ("box", "wisps"))
    settings = EdgeSettings()

    assert softness(box, Profile.AUTO, settings)[(box > 0.1) & (box < 0.9)].mean() < 0.2
    assert softness(hair, Profile.AUTO, settings)[(hair > 0.1) & (hair < 0.9)].mean() > 0.9


@pytest.mark.parametrize("step", [2, 4, 8])
@pytest.mark.parametrize("box", [(0, 0, 64, 48), (3, 5, 40, 30), (17, 9, 1, 1), (40, 24, 24, 24), (8, 16, 16, 8)])
def test_the_mean_of_alpha_is_that_of_the_pixels_below(box: tuple[int, int, int, int], step: int) -> None:
    left, top, width, height = box
    whole = np.zeros((48, 64), np.uint8)
    alpha = np.random.default_rng(box).integers(0, 256, (height, width), np.uint8)
    whole[top : top + height, left : left + width] = alpha

    mean = mean_alpha(alpha, box, whole.shape, (48 // step, 64 // step))

    slow = whole.reshape(48 // step, step, 64 // step, step).mean(axis=(1, 3))
    assert np.abs(mean - slow).max() <= 1.5  # rounded at each halving


def test_the_mean_of_alpha_covers_a_last_row_and_column_that_are_not_whole() -> None:
    mean = mean_alpha(np.full((45, 61), 255, np.uint8), (0, 0, 61, 45), (45, 61), (6, 8))

    assert mean.shape == (6, 8)
    assert (mean[:5, :7] == 255).all()
    assert (mean[5, :7] > 100).all()


def test_the_mean_of_no_alpha_is_zero() -> None:
    mean = mean_alpha(np.zeros((0, 0), np.uint8), (0, 0, 0, 0), (48, 64), (6, 8))

    assert mean.shape == (6, 8)
    assert not mean.any()
