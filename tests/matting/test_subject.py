"""A subject's pixels at its own size and at others."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from packshot.matting.band import Place, plain
from packshot.matting.compose import lay_on_colour, scale_rgba
from packshot.matting.foreground import estimate_colours
from packshot.matting.subject import Subject
from tools.make_scenes import make_scene


def subject(kind: str) -> Subject:
    """A part of a scene, with its true alpha."""
    scene = make_scene(kind, 600, 800, 1)
    alpha = np.rint(scene.alpha * 255).astype(np.uint8)
    inside = (slice(20, 580), slice(60, 760))
    return Subject(
        scene.photo[inside],
        np.ascontiguousarray(alpha[inside]),
        lambda: estimate_colours(scene.photo, alpha),
        Place(60, 20, 700, 560, 800, 600),
    )


@pytest.mark.parametrize("kind", ["mug", "fur"])
@pytest.mark.parametrize("size", [(700, 560), (630, 504), (350, 280), (333, 267), (160, 128), (900, 720)])
def test_pixels_made_at_a_size_are_those_of_the_whole_scaled_to_it(kind: str, size: tuple[int, int]) -> None:
    part = subject(kind)

    made, scaled = part.scaled(*size), scale_rgba(part.rgba(), *size)

    shares = [rgba[..., 3:].astype(float) / 255 for rgba in (made, scaled)]
    seen = [rgba[..., :3] * share + 128 * (1 - share) for rgba, share in zip((made, scaled), shares, strict=True)]
    assert made.shape == (size[1], size[0], 4)
    assert np.abs(shares[0] - shares[1]).mean() < 0.01
    assert np.abs(seen[0] - seen[1]).mean() < 1.0


@pytest.mark.parametrize("size", [(700, 560), (350, 280)])
def test_what_is_transparent_has_no_colour(size: tuple[int, int]) -> None:
    pixels = subject("mug").scaled(*size)

    assert not pixels[pixels[..., 3] == 0].any()
    assert (pixels[..., 3] == 255).any()


def test_a_subject_with_its_own_colours_is_taken_as_it_is() -> None:
    part = subject("mug")
    again = Subject(np.ascontiguousarray(part.rgba()[..., :3]), part.alpha)

    np.testing.assert_array_equal(again.rgba(), part.rgba())
    np.testing.assert_array_equal(again.scaled(350, 280), scale_rgba(part.rgba(), 350, 280))


@pytest.mark.parametrize("size", [(700, 560), (630, 504)])
def test_strips_on_threads_give_the_same_pixels(size: tuple[int, int]) -> None:
    part = subject("fur")
    on_many, on_one = (plain(size[1] + 30, size[0] + 50, (255, 0, 255)) for _ in range(2))

    with ThreadPoolExecutor(3) as pool:
        made = part.scaled(*size, pool.map)
        part.lay(on_many, 40, 20, *size, pool.map)
    part.lay(on_one, 40, 20, *size)

    np.testing.assert_array_equal(made, part.scaled(*size))
    np.testing.assert_array_equal(on_many, on_one)
    inside = on_one[20:-10, 40:-10]
    assert np.abs(inside.astype(int) - lay_on_colour(made, (255, 0, 255))).max() <= 1
    inside[:] = (255, 0, 255)
    np.testing.assert_array_equal(on_one, plain(*on_one.shape[:2], (255, 0, 255)))
