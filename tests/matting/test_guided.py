"""The colour guided filter against the least squares it stands for."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from packshot.matting.guided import Guide, fit_linear_model

Float = NDArray[np.float32]


def slow_model(guide: Float, mask: Float, radius: int, eps: float) -> NDArray[np.float64]:
    """Ridge regression window by window, then the mean of the windows' coefficients round every pixel."""
    height, width = mask.shape
    wide_guide = np.pad(guide.astype(np.float64), ((radius, radius), (radius, radius), (0, 0)), mode="symmetric")
    wide_mask = np.pad(mask.astype(np.float64), radius, mode="symmetric")
    size = 2 * radius + 1
    fitted = np.empty((height, width, 4))
    for y in range(height):
        for x in range(width):
            colours = wide_guide[y : y + size, x : x + size].reshape(-1, 3)
            values = wide_mask[y : y + size, x : x + size].ravel()
            centred = colours - colours.mean(axis=0)
            sigma = centred.T @ centred / len(values) + eps * np.eye(3)
            a = np.linalg.solve(sigma, centred.T @ (values - values.mean()) / len(values))
            fitted[y, x] = [*a, values.mean() - a @ colours.mean(axis=0)]
    wide = np.pad(fitted, ((radius, radius), (radius, radius), (0, 0)), mode="symmetric")
    return np.array([[wide[y : y + size, x : x + size].mean(axis=(0, 1)) for x in range(width)] for y in range(height)])


@pytest.mark.parametrize("radius", [1, 2, 4])
@pytest.mark.parametrize("size", [(5, 5), (6, 11), (13, 7)])
def test_the_fast_filter_is_the_least_squares_window_by_window(size: tuple[int, int], radius: int) -> None:
    rng = np.random.default_rng([*size, radius])
    guide, mask = rng.random((*size, 3)).astype(np.float32), rng.random(size).astype(np.float32)

    fast = fit_linear_model(Guide.of(guide, radius), mask, 1e-2)

    np.testing.assert_allclose(fast, slow_model(guide, mask, radius, 1e-2), atol=2e-3)


def test_a_mask_that_is_linear_in_colour_is_found_again() -> None:
    rng = np.random.default_rng(3)
    guide = rng.random((24, 20, 3)).astype(np.float32)
    mask = (guide @ np.array([0.2, 0.5, 0.1], np.float32) + 0.1).astype(np.float32)

    model = fit_linear_model(Guide.of(guide, 3), mask, 1e-7)

    rebuilt = (model[..., :3] * guide).sum(axis=2) + model[..., 3]
    np.testing.assert_allclose(rebuilt, mask, atol=1e-3)


def test_a_flat_picture_gives_the_mean_and_no_nan() -> None:
    guide, mask = np.full((9, 9, 3), 0.5, np.float32), np.eye(9, dtype=np.float32)

    model = fit_linear_model(Guide.of(guide, 2), mask, 1e-4)

    value = (model[..., :3] * guide).sum(axis=2) + model[..., 3]
    assert np.isfinite(model).all()
    twice = cv2.blur(cv2.blur(mask, (5, 5), borderType=cv2.BORDER_REFLECT), (5, 5), borderType=cv2.BORDER_REFLECT)
    np.testing.assert_allclose(value, twice, atol=1e-4)


WHERE = [
    (slice(10, 14), slice(20, 31)),
    (slice(0, 1), slice(0, 1)),  # in the corners, where windows are mirrored
    (slice(39, 40), slice(47, 50)),
    (slice(0, 40), slice(3, 4)),
    (slice(0, 40), slice(0, 50)),
]


@pytest.mark.parametrize(("rows", "columns"), WHERE)
def test_where_it_is_asked_for_alone_it_is_the_same(rows: slice, columns: slice) -> None:
    rng = np.random.default_rng(5)
    guide, mask = rng.random((40, 50, 3)).astype(np.float32), rng.random((40, 50)).astype(np.float32)
    where = np.zeros((40, 50), np.uint8)
    where[rows, columns] = 1

    whole, part = (
        fit_linear_model(Guide.of(guide, 3), mask, 1e-3),
        fit_linear_model(Guide.of(guide, 3), mask, 1e-3, where),
    )

    np.testing.assert_allclose(part[where > 0], whole[where > 0], atol=1e-5)


def test_where_nothing_is_asked_for_there_is_nothing() -> None:
    guide, nowhere = np.zeros((8, 9, 3), np.float32), np.zeros((8, 9), np.uint8)

    model = fit_linear_model(Guide.of(guide, 2), np.ones((8, 9), np.float32), 1e-3, nowhere)

    assert model.shape == (8, 9, 4)
    assert not model.any()
