"""Figures of merit against their definitions written out slowly."""

import numpy as np
import pytest
from numpy.typing import NDArray

from models import metrics
from models.evaluate import gate

Mask = NDArray[np.float32]


def disc(side: int, radius: float, x: float = 0.5, y: float = 0.5) -> Mask:
    rows, columns = np.mgrid[:side, :side]
    return ((columns - x * side) ** 2 + (rows - y * side) ** 2 < (radius * side) ** 2).astype(np.float32)


def slow_inner_band(bits: NDArray[np.bool_], width: int) -> NDArray[np.bool_]:
    """Pixels of ``bits`` from which a square step of at most ``width`` leaves them or the frame."""
    height, length = bits.shape
    band = np.zeros_like(bits)
    for y, x in zip(*np.nonzero(bits), strict=True):
        window = [
            0 <= j < height and 0 <= i < length and bits[j, i]
            for j in range(y - width, y + width + 1)
            for i in range(x - width, x + width + 1)
        ]
        band[y, x] = not all(window)
    return band


@pytest.mark.parametrize(("height", "width"), [(24, 24), (31, 40), (50, 37), (64, 64)])
def test_boundary_iou_agrees_with_the_slow_definition(height: int, width: int) -> None:
    random = np.random.default_rng(height * width)
    coarse = [np.kron(random.random((8, 8)), np.ones((8, 8)))[:height, :width].astype(np.float32) for _ in range(2)]
    reach = max(1, round(0.02 * float(np.hypot(*coarse[0].shape))))
    a, b = (slow_inner_band(mask > 0.5, reach) for mask in coarse)
    assert metrics.boundary_iou(coarse[0], coarse[1]) == pytest.approx(float((a & b).sum() / (a | b).sum()))


def test_identical_masks_are_perfect_and_publishable() -> None:
    mask = disc(100, 0.3)
    assert metrics.iou(mask, mask) == metrics.boundary_iou(mask, mask) == 1.0
    assert metrics.gradient_error(mask, mask) == 0.0
    assert metrics.publishable(mask, mask)


def test_empty_against_empty_is_perfect() -> None:
    nothing = np.zeros((20, 20), np.float32)
    assert metrics.iou(nothing, nothing) == 1.0
    assert metrics.largest_blob(nothing, nothing) == 0.0


def test_one_wrong_blob_forbids_publishing_where_the_same_area_scattered_does_not() -> None:
    truth = disc(200, 0.4)
    blob, scattered = truth.copy(), truth.copy()
    blob[:12, :12] = 1  # 144 of 40,000 pixels: .36 %
    scattered[:24:2, :24:2] = 1
    assert metrics.iou(blob, truth) == metrics.iou(scattered, truth) >= 0.97
    assert not metrics.publishable(blob, truth)
    assert metrics.publishable(scattered, truth)


def test_rim_of_two_percent_of_the_area_may_be_published_and_five_may_not() -> None:
    truth = disc(400, 0.3)
    assert metrics.publishable(disc(400, 0.3 * 1.001), truth)
    assert not metrics.publishable(disc(400, 0.3 * 0.97), truth)


def test_gradient_error_grows_as_the_edge_softens() -> None:
    truth = disc(64, 0.3)
    import cv2

    errors = [
        metrics.gradient_error(np.asarray(cv2.GaussianBlur(truth, (0, 0), s), np.float32), truth) for s in (1, 2, 4)
    ]
    assert 0 < errors[0] < errors[1] < errors[2]


def test_empty_scene_counts_its_mean_mask() -> None:
    figures = metrics.Figures(empty=True)
    figures.add(np.full((10, 10), 0.25, np.float32), np.zeros((10, 10), np.float32))
    figures.add(np.zeros((10, 10), np.float32), np.zeros((10, 10), np.float32))
    assert figures.result() == {"mae": 0.125, "clean": 1.0}


def test_salient_measures_of_a_perfect_and_an_inverted_mask() -> None:
    pytest.importorskip("py_sod_metrics", reason="pysodmetrics belongs to the training environment")
    truth = disc(64, 0.3)
    perfect, inverted = metrics.Figures(alpha=True), metrics.Figures(alpha=True)
    perfect.add(truth, truth)
    inverted.add(1 - truth, truth)
    good, bad = perfect.result(), inverted.result()
    assert good["max_f"] == pytest.approx(1.0, abs=1e-3)
    assert good["s"] == pytest.approx(1.0, abs=1e-3)
    assert (good["sad"], good["mse"], good["mae"]) == (0, 0, 0)
    assert bad["max_f"] < 0.6
    assert bad["mae"] == 1.0


FLOAT = {"product": {"mae": 0.05, "max_f": 0.9, "boundary_iou": 0.6}, "empty": {"mae": 0.01}}


@pytest.mark.parametrize(
    ("change", "refused"),
    [
        ({"mae": 0.0525}, False),
        ({"mae": 0.0535}, True),
        ({"mae": 0.02, "max_f": 0.93}, False),
        ({"max_f": 0.894}, True),
        ({"boundary_iou": 0.585}, True),
        ({"max_f": 0.3, "mae": 0.9}, True),
    ],
)
def test_gate_lets_int8_be_only_a_little_worse(change: dict[str, float], refused: bool) -> None:
    int8 = {"product": FLOAT["product"] | change, "empty": {"mae": 0.011}}
    assert bool(gate(FLOAT, int8)) == refused


def test_gate_refuses_blank_masks_even_where_float_is_as_blind() -> None:
    blind = {"product": {"mae": 0.2, "max_f": 0.35, "boundary_iou": 0.0}}
    assert gate(blind, blind) == ["product max_f: 0.350 is no better than a blank mask"]
