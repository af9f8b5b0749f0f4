"""What every engine must do, whichever runs: the adapters that can be built here, and the fake that stands for them."""

import importlib.util
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from packshot.accelerator.deadline import DeadlineAccelerator
from packshot.accelerator.guarded import GuardedAccelerator
from packshot.accelerator.litert import LiteRT
from packshot.accelerator.onnx import OnnxEngine
from packshot.accelerator.port import Accelerator
from packshot.errors import AcceleratorError
from packshot.matting.tensor import coarse_mask, network_input
from tests.fakes.accelerator import FakeAccelerator
from tests.fakes.networks import tiny
from tests.fakes.onnx_network import onnx_tiny

LITERT = importlib.util.find_spec("ai_edge_litert") is not None
TFLITE = not LITERT and importlib.util.find_spec("tflite_runtime") is not None

ONNX = importlib.util.find_spec("onnxruntime") is not None and importlib.util.find_spec("onnx") is not None


def _onnx() -> Accelerator:
    with tempfile.TemporaryDirectory() as folder:
        card, path = onnx_tiny(Path(folder))
        return OnnxEngine(path, card)


ENGINES: dict[str, Callable[[], Accelerator]] = {
    "fake": lambda: FakeAccelerator(tiny()[0]),
    "deadline": lambda: DeadlineAccelerator(FakeAccelerator(tiny()[0], "deadline"), 10.0),
    "guarded": lambda: GuardedAccelerator(
        lambda: FakeAccelerator(tiny()[0], "guarded"), FakeAccelerator(tiny()[0], "guarded cpu"), _random_input(0)
    ),
}
if LITERT:
    ENGINES["litert-xnnpack"] = lambda: LiteRT(tiny()[1], tiny()[0])
    ENGINES["litert-builtin"] = lambda: LiteRT(tiny()[1], tiny()[0], xnnpack=False)
if ONNX:
    ENGINES["onnxruntime"] = _onnx
if TFLITE:
    ENGINES["tflite-runtime"] = lambda: LiteRT(tiny()[1], tiny()[0])


@pytest.fixture(params=list(ENGINES))
def accelerator(request: pytest.FixtureRequest) -> Iterator[Accelerator]:
    engine = ENGINES[request.param]()
    assert engine.engine.startswith(request.param)
    yield engine
    engine.close()


def _random_input(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(-128, 128, (1, 16, 16, 3)).astype(np.int8)


def test_output_has_the_shape_and_type_of_the_card(accelerator: Accelerator) -> None:
    result = accelerator.infer(_random_input(0))

    assert result.shape == (1, 16, 16, 1)
    assert result.dtype == np.int8


def test_result_is_within_one_step_of_exact_arithmetic(accelerator: Accelerator) -> None:
    card = accelerator.card
    for seed in range(20):
        tensor = _random_input(seed)
        real = card.input.scale * (tensor.astype(np.float64) - card.input.zero_point)
        exact = np.clip(8 / 3 * real.sum(axis=-1, keepdims=True) / card.output.scale, -128, 127)

        assert np.abs(accelerator.infer(tensor) - exact).max() <= 1.0


def test_same_input_gives_same_output_after_others(accelerator: Accelerator) -> None:
    first = accelerator.infer(_random_input(1))
    accelerator.infer(_random_input(2))

    assert np.array_equal(accelerator.infer(_random_input(1)), first)


def test_a_result_stays_as_it_was_when_the_next_one_is_made(accelerator: Accelerator) -> None:
    first = accelerator.infer(_random_input(1))
    kept = first.copy()
    accelerator.infer(_random_input(2))

    assert np.array_equal(first, kept)
    assert first.flags.writeable


def test_the_input_is_left_alone(accelerator: Accelerator) -> None:
    tensor = _random_input(3)
    accelerator.infer(tensor)

    assert np.array_equal(tensor, _random_input(3))


def test_a_picture_goes_through_to_a_mask(accelerator: Accelerator) -> None:
    picture = np.zeros((50, 70, 3), np.uint8)
    picture[10:40, 20:50] = 255

    mask = coarse_mask(accelerator.infer(network_input(picture, accelerator.card)), accelerator.card)

    assert mask[8, 8] > 0.99
    assert mask[0, 0] < 0.01


@pytest.mark.parametrize(
    "wrong",
    [
        np.zeros((1, 16, 16, 3), np.uint8),
        np.zeros((1, 16, 16, 3), np.float32),
        np.zeros((16, 16, 3), np.int8),
        np.zeros((1, 16, 16, 1), np.int8),
        np.zeros((1, 32, 32, 3), np.int8),
    ],
    ids=["uint8", "float32", "no batch", "gray", "other size"],
)
def test_wrong_array_is_refused_and_the_engine_lives_on(accelerator: Accelerator, wrong: np.ndarray) -> None:
    with pytest.raises(ValueError, match="int8"):
        accelerator.infer(wrong)

    assert accelerator.infer(_random_input(0)).shape == (1, 16, 16, 1)


def test_a_closed_engine_says_so(accelerator: Accelerator) -> None:
    accelerator.close()
    accelerator.close()

    with pytest.raises(AcceleratorError, match="closed"):
        accelerator.infer(_random_input(0))
