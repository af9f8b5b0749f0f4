"""Two backdrops: alpha and colour are triangulated, glass included."""

import numpy as np
import pytest

from packshot.errors import BadImage
from packshot.matting.backdrops import triangulate
from tools.make_scenes import make_scene, two_backdrops

COLOURED = ((0.1, 0.7, 0.2), (0.8, 0.2, 0.75))
BRIGHT_AND_DARK = ((0.9, 0.9, 0.9), (0.05, 0.05, 0.05))


@pytest.mark.parametrize("colours", [COLOURED, BRIGHT_AND_DARK])
@pytest.mark.parametrize(("kind", "inside"), [("glass", 0.005), ("mesh", 0.011), ("mug", 0.011)])
def test_transparency_is_found_through_noise(
    kind: str, inside: float, colours: tuple[tuple[float, ...], tuple[float, ...]]
) -> None:
    scene = make_scene(kind, 600, 800, 3)

    rgba = triangulate(*two_backdrops(scene, 3, colours, noise=2.0))

    difference = np.abs(rgba[..., 3] / 255 - scene.alpha)
    assert difference.mean() < 0.002
    assert difference[(scene.alpha > 0) & (scene.alpha < 1)].mean() < inside


def test_without_noise_it_is_the_formula() -> None:
    rng = np.random.default_rng(1)
    alpha = np.kron(rng.random((8, 8)), np.ones((8, 8)))[..., None]
    colour = np.array([200.0, 100.0, 30.0])
    plates = [np.full((64, 64, 3), value, np.uint8) for value in ((20, 200, 40), (220, 30, 210))]
    shots = [np.rint(alpha * colour + (1 - alpha) * plate).astype(np.uint8) for plate in plates]

    rgba = triangulate(shots[0], shots[1], plates[0], plates[1])

    flat = np.s_[3::8, 3::8]  # away from the steps between the squares
    assert np.abs(rgba[..., 3] / 255 - alpha[..., 0])[flat].max() < 0.01
    solid = rgba[flat][alpha[flat][..., 0] > 0.3]
    assert np.abs(solid[:, :3] - colour).max() < 6


def test_another_exposure_than_the_plates_is_taken_out() -> None:
    scene = make_scene("glass", 300, 400, 1)
    first, second, plate_first, plate_second = two_backdrops(scene, 1)
    brighter = np.clip(np.rint(plate_first * 1.04), 0, 255).astype(np.uint8)

    rgba = triangulate(first, second, brighter, plate_second)

    assert np.abs(rgba[..., 3] / 255 - scene.alpha).mean() < 0.01


def test_backdrops_of_one_colour_are_refused() -> None:
    scene = make_scene("glass", 60, 80, 1)
    first, _, plate, _ = two_backdrops(scene, 1)

    with pytest.raises(BadImage, match="light them in two clearly different colours"):
        triangulate(first, first, plate, plate)


def test_photos_of_different_sizes_are_refused() -> None:
    scene = make_scene("glass", 60, 80, 1)
    first, second, plate_first, plate_second = two_backdrops(scene, 1)

    with pytest.raises(BadImage, match="differ in size"):
        triangulate(first, second[:50], plate_first, plate_second)


def test_an_empty_scene_gives_nothing() -> None:
    scene = make_scene("glass", 60, 80, 1)
    _, _, plate_first, plate_second = two_backdrops(scene, 1)

    assert triangulate(plate_first, plate_second, plate_first, plate_second)[..., 3].mean() < 3
