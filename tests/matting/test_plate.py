"""The plate: found again under gain and shift, refused when it does not fit, and worth having."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from packshot.matting.known_background import (
    known_background_alpha,
    known_background_foreground,
    smooth_along_edges,
)
from packshot.matting.plate import PlateFit, PlateSettings, PlateState, fit_plate
from packshot.matting.plate_evidence import DifferenceSettings, subject_evidence
from packshot.matting.plate_matte import alpha_on_plate, matte_on_plate
from packshot.matting.refine import EdgeSettings, Profile, refine_alpha
from tools.make_scenes import KINDS, Scene, coarse_mask, drifted_plate, make_scene

RGB8 = NDArray[np.uint8]
HEIGHT, WIDTH = 600, 800


def fit(scene: Scene, plate: RGB8) -> PlateFit:
    return fit_plate(scene.photo, plate, scene.alpha, PlateSettings())


def cut(scene: Scene, plate: RGB8, mask: NDArray[np.float32]) -> NDArray[np.float32]:
    """Alpha in [0, 1] by the plate."""
    found = fit(scene, plate)
    assert found.state is PlateState.FITS
    seen = matte_on_plate(scene.photo, plate, mask, found, Profile.AUTO, EdgeSettings())
    return alpha_on_plate(scene.photo, plate, found, seen, EdgeSettings()) / np.float32(255)


def sad(alpha: NDArray[np.float32], scene: Scene) -> float:
    return float(np.abs(alpha - scene.alpha).sum() / 1000)


@pytest.mark.parametrize("kind", ["white", "mug", "several"])
def test_gain_and_shift_are_found_again(kind: str) -> None:
    scene = make_scene(kind, HEIGHT, WIDTH, 3)
    move = np.array([[1, 0, 1.7], [0, 1, -1.1]], np.float64)
    moved = cv2.warpAffine(scene.background, move, (WIDTH, HEIGHT), borderMode=cv2.BORDER_REFLECT)
    plate = np.clip(np.rint(moved * 1.02 * 255), 0, 255).astype(np.uint8)

    found = fit(scene, plate)

    assert found.state is PlateState.FITS
    np.testing.assert_allclose(found.gain, 1 / 1.02, atol=0.004)
    if kind != "several":  # a scene without structure has no shift to find, and needs none
        assert found.dx * WIDTH == pytest.approx(-1.7, abs=0.35)
        assert found.dy * HEIGHT == pytest.approx(1.1, abs=0.35)


def test_a_plate_of_another_size_is_refused() -> None:
    scene = make_scene("mug", HEIGHT, WIDTH, 1)

    assert fit(scene, drifted_plate(scene, 1)[:300]).state is PlateState.OTHER_SIZE


def test_a_plate_of_another_scene_is_refused() -> None:
    scene, other = make_scene("mug", HEIGHT, WIDTH, 3), make_scene("box", HEIGHT, WIDTH, 3)

    assert fit(scene, drifted_plate(other, 1)).state in {PlateState.OTHER_SCENE, PlateState.LIGHT, PlateState.MOVED}


def test_a_plate_with_the_product_on_it_is_refused() -> None:
    scene = make_scene("mug", HEIGHT, WIDTH, 2)

    assert fit(scene, scene.photo).state is PlateState.OCCUPIED


@pytest.mark.parametrize("factor", [0.0, 0.5, 1.6])
def test_a_plate_in_other_light_is_refused(factor: float) -> None:
    scene = make_scene("mug", HEIGHT, WIDTH, 2)
    plate = np.clip(drifted_plate(scene, 1) * factor, 0, 255).astype(np.uint8)

    assert fit(scene, plate).state in {PlateState.LIGHT, PlateState.OTHER_SCENE}


@pytest.mark.parametrize(("kind", "seed"), [("white", 1), ("box", 7), ("mug", 3), ("product", 2)])
def test_a_plate_from_a_camera_that_was_knocked_is_refused(kind: str, seed: int) -> None:
    """On a plain sweep, a grain, a room, a cluttered shelf."""
    scene = make_scene(kind, HEIGHT, WIDTH, seed)

    assert fit(scene, np.roll(drifted_plate(scene, 1), 60, axis=1)).state in {PlateState.MOVED, PlateState.OTHER_SCENE}


@pytest.mark.parametrize("kind", sorted(KINDS))
@pytest.mark.parametrize("seed", [1, 4])
def test_a_plate_that_drifted_a_little_fits_every_scene(kind: str, seed: int) -> None:
    scene = make_scene(kind, 300, 400, seed)

    assert fit(scene, drifted_plate(scene, seed, shift=1.0)).state is PlateState.FITS


@pytest.mark.parametrize(
    ("kind", "gain"), [("white", 3.0), ("white-mesh", 3.0), ("mug", 4.0), ("mesh", 3.4), ("product", 4.5), ("fur", 1.0)]
)
def test_a_drifted_plate_lowers_the_error(kind: str, gain: float) -> None:
    without, by_plate = 0.0, 0.0
    for seed in (1, 3):
        scene = make_scene(kind, HEIGHT, WIDTH, seed)
        mask = coarse_mask(scene.alpha, 160, 1.0, seed)
        without += sad(refine_alpha(scene.photo, mask, Profile.AUTO) / np.float32(255), scene)
        by_plate += sad(cut(scene, drifted_plate(scene, seed), mask), scene)

    assert by_plate < without / gain


def test_white_that_goes_on_beyond_the_mask_is_no_shadow() -> None:
    """A mask of 80 wanders by 10 px here: what it leaves out is darker than the plate, as a shadow would be."""
    error = 0.0
    for seed in (1, 3):
        scene = make_scene("white", HEIGHT, WIDTH, seed)
        error += sad(cut(scene, drifted_plate(scene, seed), coarse_mask(scene.alpha, 80, 1.0, seed)), scene)

    assert error < 0.33


def test_what_the_network_missed_is_seen_by_the_difference() -> None:
    """White on white: the network saw half of the product, the plate shows all of it."""
    scene = make_scene("white", HEIGHT, WIDTH, 2)
    half = coarse_mask(scene.alpha, 160, 0.0, 1)
    half[:, :80] *= 0.3

    without = sad(refine_alpha(scene.photo, half, Profile.AUTO) / np.float32(255), scene)

    assert sad(cut(scene, drifted_plate(scene, 2), half), scene) < without / 30


def test_holes_that_the_network_filled_are_open() -> None:
    """Mesh: the network sees a solid plate with a rim, photo and plate agree between the wires."""
    scene = make_scene("mesh", HEIGHT, WIDTH, 1)
    solid = cv2.morphologyEx(scene.alpha, cv2.MORPH_CLOSE, np.ones((61, 61), np.uint8))
    mask = coarse_mask(solid, 160, 0.0, 1)

    without = sad(refine_alpha(scene.photo, mask, Profile.AUTO) / np.float32(255), scene)

    assert sad(cut(scene, drifted_plate(scene, 1), mask), scene) < without / 8


def test_a_shadow_away_from_the_product_is_background() -> None:
    background = np.full((200, 240, 3), 200, np.uint8)
    photo = background.copy()
    photo[60:140, 40:100] = (40, 90, 160)
    photo[120:170, 150:220] = 150  # plain darkening
    mask = np.zeros((200, 240), np.float32)
    mask[60:140, 40:100] = 1.0

    evidence = subject_evidence(photo, background, mask, 1.0, DifferenceSettings())

    assert evidence[70:130, 50:90].min() > 0.9
    assert evidence[125:165, 155:215].max() < 0.1


def test_alpha_between_two_known_colours_is_exact() -> None:
    rng = np.random.default_rng(2)
    foreground, background = (rng.uniform(0, 255, (50, 3)).astype(np.float32) for _ in range(2))
    alpha = rng.random(50).astype(np.float32)

    found, apart = known_background_alpha(
        alpha[:, None] * foreground + (1 - alpha[:, None]) * background, background, foreground
    )

    np.testing.assert_allclose(found, alpha, atol=1e-3)
    np.testing.assert_allclose(apart, np.linalg.norm(foreground - background, axis=1), rtol=1e-4)


@pytest.mark.parametrize("power", [1, 3])
def test_the_foreground_before_a_known_background_is_found_from_soft_pixels_too(power: int) -> None:
    rng = np.random.default_rng(3)
    background = rng.random((40, 50, 3)).astype(np.float32)
    alpha = cv2.blur(rng.random((40, 50)).astype(np.float32), (3, 3))
    colour = np.array([0.8, 0.3, 0.1], np.float32)
    image = alpha[..., None] * colour + (1 - alpha[..., None]) * background

    found = known_background_foreground(image, background, alpha, (15, 7), power)

    np.testing.assert_allclose(found, np.broadcast_to(colour, found.shape), atol=1e-3)


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (7, 1), (6, 8)])
@pytest.mark.parametrize("radius", [1, 2])
def test_smoothing_along_edges_is_the_cross_bilateral_filter(shape: tuple[int, int], radius: int) -> None:
    """Against the loops over pixels and neighbours; beyond the border the last pixel goes on."""
    rng = np.random.default_rng(4)
    values = rng.random(shape).astype(np.float32)
    guide = cv2.GaussianBlur(values, (0, 0), 0.8).reshape(shape)
    sigma = rng.uniform(0.05, 0.5, shape).astype(np.float32)
    y, x = (part.reshape(-1).astype(np.int32) for part in np.mgrid[: shape[0], : shape[1]])

    found = smooth_along_edges(values, x, y, sigma.reshape(-1), 0.8, radius).reshape(shape)

    for row, column in np.ndindex(shape):
        total = weights = 0.0
        for down in range(-radius, radius + 1):
            for across in range(-radius, radius + 1):
                at = min(max(row + down, 0), shape[0] - 1), min(max(column + across, 0), shape[1] - 1)
                weight = np.exp(-0.5 * ((guide[at] - guide[row, column]) / sigma[row, column]) ** 2)
                total, weights = total + weight * values[at], weights + weight
        assert found[row, column] == pytest.approx(total / weights, abs=1e-4)


@pytest.mark.parametrize("value", [0, 128, 255])
@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (40, 1), (64, 64)])
def test_constant_pictures_give_no_nan(shape: tuple[int, int], value: int) -> None:
    photo = np.full((*shape, 3), value, np.uint8)

    found = fit_plate(photo, photo, np.zeros(shape, np.float32), PlateSettings())

    assert np.isfinite([found.dx, found.dy, *found.gain, found.noise]).all()
    seen = matte_on_plate(photo, photo, np.zeros((16, 16), np.float32), found, Profile.AUTO, EdgeSettings())
    assert alpha_on_plate(photo, photo, found, seen, EdgeSettings()).max(initial=0) == 0
