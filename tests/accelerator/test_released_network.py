"""The released network, on whichever runtime is installed, on photos whose true alpha is known."""

import cv2
import numpy as np
import pytest

from packshot.accelerator.litert import LiteRT
from packshot.matting.tensor import coarse_mask, network_input
from packshot.platform.resources import golden_alpha, golden_photo, package_path, released_model, sample_photos

DEMO = [path.stem for path in sample_photos()[:5]]


@pytest.fixture(scope="module")
def engine() -> LiteRT:
    card, path = released_model()
    return LiteRT(path, card)


def _coarse_iou(engine: LiteRT, photo: bytes, alpha: np.ndarray) -> float:
    rgb = cv2.cvtColor(cv2.imdecode(np.frombuffer(photo, np.uint8), cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
    mask = coarse_mask(engine.infer(network_input(rgb, engine.card)), engine.card)
    ours = cv2.resize(mask, alpha.shape[::-1], interpolation=cv2.INTER_LINEAR) > 0.5
    return float((ours & (alpha > 127)).sum() / (ours | (alpha > 127)).sum())


def test_the_golden_photo_comes_out_as_its_known_alpha(engine: LiteRT) -> None:
    assert _coarse_iou(engine, golden_photo(), golden_alpha()) >= 0.95


@pytest.mark.parametrize("name", DEMO)
def test_the_demos_photos_are_ones_that_the_network_cuts_well(engine: LiteRT, name: str) -> None:
    alpha = cv2.imread(str(package_path("samples", "truth", f"{name}.png")), cv2.IMREAD_GRAYSCALE)

    assert _coarse_iou(engine, package_path("samples", f"{name}.jpg").read_bytes(), alpha) >= 0.9


def test_the_released_network_runs_on_fast_kernels_where_litert_is(engine: LiteRT) -> None:
    assert engine.engine in ("litert-xnnpack", "tflite-runtime-builtin")
