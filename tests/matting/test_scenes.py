"""Scenes to measure on: what they promise, and what the judge of cutouts says of known faults."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tools.compare_workers.quality import Truth, errors
from tools.make_scenes import KINDS, make_scene
from tools.rendered_scenes import read_renders, rendered_scene


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_a_scene_is_its_parts_mixed_and_the_same_for_the_same_seed(kind: str) -> None:
    scene, again = make_scene(kind, 120, 160, 3), make_scene(kind, 120, 160, 3)

    a = scene.alpha[..., None]
    mixed = (a * scene.foreground + (1 - a) * scene.background) * 255
    np.testing.assert_array_equal(scene.photo, again.photo)
    assert np.abs(scene.photo - np.clip(mixed, 0, 255)).mean() < 3
    assert 0 < scene.alpha.mean() < 0.9


def test_a_render_becomes_a_scene_with_a_sharp_outline(tmp_path: Path) -> None:
    rgba = np.zeros((64, 48, 4), np.uint8)
    rgba[16:48, 12:36] = (200, 60, 20, 255)
    Image.fromarray(rgba).save(tmp_path / "brick.png")

    (name, read), *more = read_renders(tmp_path, 5)
    scene = rendered_scene(name, read, 300, 400, 1)

    assert not more
    assert (scene.name, scene.alpha.shape) == ("brick", (300, 400))
    assert ((scene.alpha > 0.05) & (scene.alpha < 0.95)).mean() < 0.02
    assert scene.alpha[150, 200] == 1
    np.testing.assert_allclose(scene.foreground[150, 200] * 255, (200, 60, 20), atol=2)


def test_the_judge_finds_no_fault_in_the_truth_and_each_fault_where_it_is() -> None:
    scene = make_scene("mug", 200, 260, 1)
    alpha, colours = (np.rint(part * 255).astype(np.uint8) for part in (scene.alpha, scene.foreground))
    truth = Truth(alpha, colours)

    assert max(errors(np.dstack([colours, alpha]), truth).values()) < 1e-9
    shifted = errors(np.dstack([colours, np.roll(alpha, 2, axis=1)]), truth)
    assert min(shifted["sad"], shifted["mse"], shifted["gradient"]) > 0
    assert errors(np.dstack([colours // 2, alpha]), truth)["colour"] > 0.1
