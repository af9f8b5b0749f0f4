"""The sample photos are what ``tools.samples`` renders: same subjects, same places, same light."""

from collections.abc import Callable

import cv2
import numpy as np
import pytest

from packshot.platform.resources import package_path
from tools.samples.__main__ import develop
from tools.samples.render import Scene, render
from tools.samples.scenes import SCENES

WIDTH, HEIGHT = 80, 60


@pytest.mark.parametrize(("number", "make"), list(enumerate(SCENES, 1)), ids=[make().name for make in SCENES])
def test_a_small_rendering_is_the_shipped_photo(number: int, make: Callable[[], Scene]) -> None:
    scene = make()
    light, cover = render(scene, WIDTH, HEIGHT, samples=4)
    stem = f"{number}-{scene.name}"
    truth = cv2.imread(str(package_path("samples", "truth", f"{stem}.png")), cv2.IMREAD_GRAYSCALE) / 255.0
    photo = cv2.imread(str(package_path("samples", f"{stem}.jpg")))[..., ::-1]

    assert np.abs(cv2.resize(truth, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA) - cover).mean() < 0.01
    shipped = cv2.resize(photo, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA).astype(float)
    assert np.abs(shipped - develop(light, scene)).mean() < 8


def test_the_same_seed_gives_the_same_picture() -> None:
    first, again = (render(SCENES[0](), 32, 24, samples=2) for _ in range(2))

    assert np.array_equal(first[0], again[0])
    assert np.array_equal(first[1], again[1])
