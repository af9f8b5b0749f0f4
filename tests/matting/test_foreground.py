"""Foreground colour: the formula itself, quality on true alpha, and no fringe on any background."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from packshot.matting.band import Place
from packshot.matting.foreground import (
    ColourSettings,
    blur_fusion,
    colours_by_mean,
    decontaminate,
    estimate_colours,
)
from packshot.matting.refine import Profile, refine_alpha
from tools.make_scenes import Scene, coarse_mask, make_scene

Float = NDArray[np.float32]
SLACK = 1.01


def slow_pass(image: Float, alpha: Float, start: tuple[Float, Float], size: int, power: int) -> tuple[Float, Float]:
    """The formula pixel by pixel, with edges replicated."""
    half = size // 2
    height, width = alpha.shape
    foreground, background = np.empty_like(image), np.empty_like(image)
    for y in range(height):
        for x in range(width):
            rows = np.clip(np.arange(y - half, y + half + 1), 0, height - 1)
            columns = np.clip(np.arange(x - half, x + half + 1), 0, width - 1)
            near = np.ix_(rows, columns)
            a = alpha[near][..., None].astype(np.float64)
            for_f, for_b = a**power, (1 - a) ** power
            f = (start[0][near] * for_f).sum(axis=(0, 1)) / for_f.sum()
            b = (start[1][near] * for_b).sum(axis=(0, 1)) / for_b.sum()
            here = float(alpha[y, x])
            residual = (image[y, x] - here * f - (1 - here) * b) / (here**2 + (1 - here) ** 2)
            foreground[y, x] = np.clip(f + here * residual, 0, 1)
            background[y, x] = np.clip(b + (1 - here) * residual, 0, 1)
    return foreground, background


def planar(*pictures: Float) -> Float:
    """Pictures (H, W, 3) as (n, 3, H, W), or one as (3, H, W)."""
    planes = [np.ascontiguousarray(picture.transpose(2, 0, 1)) for picture in pictures]
    return planes[0] if len(planes) == 1 else np.stack(planes)


@pytest.mark.parametrize("power", [1, 3])
@pytest.mark.parametrize("sizes", [(1,), (3,), (5, 3)])
@pytest.mark.parametrize("shape", [(4, 4), (7, 12), (11, 6)])
def test_passes_are_the_formula_pixel_by_pixel(shape: tuple[int, int], sizes: tuple[int, ...], power: int) -> None:
    """As far from the border as the passes reach."""
    rng = np.random.default_rng([*shape, *sizes, power])
    margin = sum(size // 2 for size in sizes)
    grown = (shape[0] + 2 * margin, shape[1] + 2 * margin)
    image, f, b = (rng.random((*grown, 3)).astype(np.float32) for _ in range(3))
    alpha = rng.uniform(0.2, 0.8, grown).astype(np.float32)

    both = blur_fusion(planar(image), alpha, planar(f, b), sizes, power)

    slow = (f, b)
    for size in sizes:
        slow = slow_pass(image, alpha, slow, size, power)
    inside = (slice(margin, margin + shape[0]), slice(margin, margin + shape[1]))
    for fast, wanted in zip(both, slow, strict=True):
        # the weights' small constant
        np.testing.assert_allclose(fast.transpose(1, 2, 0)[inside], wanted[inside], atol=0.01)


def test_a_pass_explains_the_pixel() -> None:
    rng = np.random.default_rng(1)
    image = rng.uniform(0.4, 0.6, (3, 9, 9)).astype(np.float32)
    alpha = rng.uniform(0.3, 0.7, (9, 9)).astype(np.float32)

    foreground, background = blur_fusion(image, alpha, np.stack([image, image]), (5,), 3)

    mixed = alpha * foreground + (1 - alpha) * background
    np.testing.assert_allclose(mixed, image, atol=1e-4)


@pytest.mark.parametrize("shape", [(170, 170), (163, 331), (200, 161)])
def test_tiles_give_what_the_whole_level_gives(shape: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    """Pixels of the band away from the frame; at the frame a tile sees the border repeated further."""
    scene = make_scene("ring", *shape, 3)
    alpha = np.rint(scene.alpha * 255).astype(np.uint8)
    tiled = estimate_colours(scene.photo, alpha)

    monkeypatch.setattr("packshot.matting.foreground.WHOLE_BELOW", 10_000)
    whole = estimate_colours(scene.photo, alpha)

    band = (alpha > 0) & (alpha < 255)
    band[:5] = band[-5:] = band[:, :5] = band[:, -5:] = False
    assert band.sum() > 300
    difference = np.abs(tiled.foreground.astype(int) - whole.foreground)[band]
    assert difference.mean() < 0.6
    assert np.percentile(difference, 99) <= 8


def band_error(scene: Scene, rgba: NDArray[np.uint8]) -> float:
    band = (scene.alpha > 0.05) & (scene.alpha < 0.95)
    return float(np.abs(rgba[..., :3] / np.float32(255) - scene.foreground)[band].mean())


def cut_with_true_alpha(scene: Scene) -> NDArray[np.uint8]:
    alpha = np.rint(scene.alpha * 255).astype(np.uint8)
    return decontaminate(scene.photo, alpha, estimate_colours(scene.photo, alpha))


@pytest.mark.parametrize(
    ("kind", "pinned"), [("product", 0.0161), ("mug", 0.0046), ("strands", 0.0109), ("fur", 0.0127), ("mesh", 0.0062)]
)
def test_the_colour_in_the_band_is_the_products_own(kind: str, pinned: float) -> None:
    scene = make_scene(kind, 600, 800, 2)

    rgba = cut_with_true_alpha(scene)

    untouched = band_error(scene, scene.photo)
    assert band_error(scene, rgba) <= pinned * SLACK
    assert band_error(scene, rgba) < untouched / 3


def reduced(photo: NDArray[np.uint8], alpha: NDArray[np.uint8], step: int) -> tuple[NDArray[np.uint8], ...]:
    """Photo and alpha at a part of their size."""
    small = (cv2.resize(part, None, fx=1 / step, fy=1 / step, interpolation=cv2.INTER_AREA) for part in (photo, alpha))
    return tuple(np.asarray(part, np.uint8) for part in small)


@pytest.mark.parametrize("kind", ["mug", "product", "several", "ring"])
def test_a_small_picture_has_the_colours_of_clean_edges(kind: str) -> None:
    scene = make_scene(kind, 1800, 2400, 2)
    alpha = np.rint(scene.alpha * 255).astype(np.uint8)

    colours = colours_by_mean(*reduced(scene.photo, alpha, 4))

    twice = band_error(scene, decontaminate(scene.photo, alpha, estimate_colours(*reduced(scene.photo, alpha, 2))))
    assert band_error(scene, decontaminate(scene.photo, alpha, colours)) <= 1.05 * twice


@pytest.mark.parametrize("kind", ["fur", "strands", "wisps", "product"])
def test_a_small_picture_has_the_colours_of_soft_edges_where_alpha_comes_from_a_coarse_mask(kind: str) -> None:
    """Finer colours would follow what such a mask cannot know."""
    scene = make_scene(kind, 1800, 2400, 2)
    alpha = refine_alpha(scene.photo, coarse_mask(scene.alpha, 192, 1.0, 2), Profile.AUTO)

    colours = colours_by_mean(*reduced(scene.photo, alpha, 4))

    twice = band_error(scene, decontaminate(scene.photo, alpha, estimate_colours(*reduced(scene.photo, alpha, 2))))
    assert band_error(scene, decontaminate(scene.photo, alpha, colours)) <= 1.02 * twice


@pytest.mark.parametrize("backdrop", [(0, 0, 0), (255, 255, 255), (255, 0, 255)])
def test_no_fringe_on_another_background(backdrop: tuple[int, int, int]) -> None:
    """A dark product cut from a bright sweep, laid on a colour, is what it would have been photographed there."""
    alpha = np.zeros((200, 240), np.float32)
    cv2.circle(alpha, (120, 100), 60, 1.0, -1, cv2.LINE_AA)
    alpha = cv2.GaussianBlur(alpha, (0, 0), 1.5)
    a = alpha[..., None]
    product, sweep = np.array([40.0, 60.0, 90.0]), np.array([235.0, 230.0, 220.0])
    photo = np.rint(a * product + (1 - a) * sweep).astype(np.uint8)
    alpha8 = np.rint(alpha * 255).astype(np.uint8)

    rgba = decontaminate(photo, alpha8, estimate_colours(photo, alpha8))

    wanted = a * product + (1 - a) * np.array(backdrop)
    laid = rgba[..., 3:] / 255 * rgba[..., :3] + (1 - rgba[..., 3:] / 255) * np.array(backdrop)
    assert np.abs(laid - wanted).max() < 6
    assert np.abs(laid - wanted).mean() < 0.5


def test_opaque_pixels_are_the_photos_and_invisible_ones_zero() -> None:
    scene = make_scene("ring", 300, 400, 1)

    rgba = cut_with_true_alpha(scene)

    np.testing.assert_array_equal(rgba[rgba[..., 3] == 255, :3], scene.photo[rgba[..., 3] == 255])
    assert not rgba[rgba[..., 3] == 0].any()


def test_a_box_gives_that_part_of_the_whole() -> None:
    scene = make_scene("strands", 300, 400, 1)
    alpha = np.rint(scene.alpha * 255).astype(np.uint8)
    colours = estimate_colours(scene.photo, alpha)

    whole = decontaminate(scene.photo, alpha, colours)
    inside = (slice(40, 250), slice(90, 290))
    part = decontaminate(
        np.ascontiguousarray(scene.photo[inside]),
        np.ascontiguousarray(alpha[inside]),
        colours,
        Place(90, 40, 200, 210, 400, 300),
    )

    np.testing.assert_allclose(part.astype(int), whole[inside], atol=1)


@pytest.mark.parametrize("shape", [(1, 1), (1, 30), (30, 1), (2, 2)])
@pytest.mark.parametrize("level", [0, 1, 128, 255])
def test_tiny_pictures_stay_finite(shape: tuple[int, int], level: int) -> None:
    photo, alpha = np.full((*shape, 3), 200, np.uint8), np.full(shape, level, np.uint8)

    colours = estimate_colours(photo, alpha, ColourSettings())

    assert np.isfinite(colours.foreground).all()
    assert np.isfinite(colours.background).all()
    assert decontaminate(photo, alpha, colours).shape == (*shape, 4)
