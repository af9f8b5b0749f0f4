"""The verdict: publish what is sure, hold with a reason, call an empty scene empty."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from packshot.domain import Decision
from packshot.matting.verdict import Thresholds, judge

Float = NDArray[np.float32]
SIZE = 160
BOX = (400, 400, 800, 800)


def disc(x: int = 80, y: int = 80, radius: int = 40) -> Float:
    mask = np.zeros((SIZE, SIZE), np.float32)
    cv2.circle(mask, (x, y), radius, 1.0, -1, cv2.LINE_AA)
    return mask


def photo(mask: Float, inside: int = 60, outside: int = 220) -> NDArray[np.uint8]:
    level = mask * inside + (1 - mask) * outside
    return np.repeat(np.rint(level)[..., None], 3, axis=2).astype(np.uint8)


def test_a_clear_product_is_published_without_a_reason() -> None:
    verdict = judge(disc(), photo(disc()), BOX, Thresholds())

    assert verdict.decision is Decision.PUBLISH
    assert verdict.reasons == ()
    assert verdict.scores["coverage"] == pytest.approx(np.pi * 40**2 / SIZE**2, rel=0.02)


@pytest.mark.parametrize("level", [0.0, 0.05, 0.4])
def test_an_empty_scene_is_empty(level: float) -> None:
    mask = np.full((SIZE, SIZE), level, np.float32)

    assert judge(mask, photo(disc()), BOX, Thresholds()).decision is Decision.EMPTY
    assert judge(disc(), photo(disc()), None, Thresholds()).decision is Decision.EMPTY


@pytest.mark.parametrize(
    ("mask", "small", "box", "reason"),
    [
        (np.ones((SIZE, SIZE), np.float32), photo(disc()), BOX, "covers the whole frame"),
        (np.maximum(disc(), 0.4 * disc(80, 80, 79)), photo(disc()), BOX, "neither subject nor background"),
        (disc(0, 80, 60), photo(disc(0, 80, 60)), BOX, "touches the edge"),
        (disc(), photo(disc(), 220, 220), BOX, "hardly be told"),
        (disc(), photo(disc(), 255, 100), BOX, "overexposed"),
        (disc(), photo(disc()), (5, 5, 20, 300), "too small"),
    ],
)
def test_a_doubtful_cutout_is_held_with_its_reason(
    mask: Float, small: NDArray[np.uint8], box: tuple[int, int, int, int], reason: str
) -> None:
    verdict = judge(mask, small, box, Thresholds())

    assert verdict.decision is Decision.HOLD
    assert any(reason in text for text in verdict.reasons)


def test_a_hole_that_may_be_filled_holds_the_cutout_unless_nobody_is_to_look_for_it() -> None:
    ring = np.clip(disc() - disc(radius=15), 0, 1)

    watchful = judge(disc(), photo(ring), BOX, Thresholds())
    careless = judge(disc(), photo(ring), BOX, replace(Thresholds(), seen_through_above=1.0))

    assert watchful.reasons == ("a part of the subject looks like the background",)
    assert watchful.scores["seen_through"] == pytest.approx(15**2 / 40**2, rel=0.3)
    assert (careless.decision, careless.scores["seen_through"]) == (Decision.PUBLISH, 0)


def test_thresholds_decide() -> None:
    touching = disc(0, 80, 60)

    strict = judge(touching, photo(touching), BOX, Thresholds())
    lenient = judge(touching, photo(touching), BOX, replace(Thresholds(), touching_above=1.0))

    assert (strict.decision, lenient.decision) == (Decision.HOLD, Decision.PUBLISH)


@pytest.mark.parametrize("shape", [(1, 1), (1, 30), (30, 1)])
@pytest.mark.parametrize("level", [0.0, 0.5, 1.0])
def test_tiny_masks_give_finite_scores(shape: tuple[int, int], level: float) -> None:
    verdict = judge(np.full(shape, level, np.float32), np.zeros((*shape, 3), np.uint8), (0, 0, 1, 1), Thresholds())

    assert all(np.isfinite(score) for score in verdict.scores.values())
