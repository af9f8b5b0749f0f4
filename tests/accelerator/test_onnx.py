"""Networks that onnxruntime must refuse, and what its engine is called; for real where onnxruntime is installed."""

import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from packshot.accelerator.onnx import OnnxEngine
from packshot.errors import AcceleratorError, ModelError
from tests.fakes.networks import tiny, with_sha256_of
from tests.fakes.onnx_network import onnx_tiny

HERE = find_spec("onnxruntime") is not None and find_spec("onnx") is not None
needs_onnx = pytest.mark.skipif(not HERE, reason="onnxruntime and onnx are not installed here")


@needs_onnx
def test_the_name_is_that_of_the_provider_which_runs(tmp_path: Path) -> None:
    card, path = onnx_tiny(tmp_path)

    assert OnnxEngine(path, card, providers=("CPUExecutionProvider",)).engine == "onnxruntime-cpu"


@needs_onnx
def test_a_provider_that_is_not_there_is_not_claimed(tmp_path: Path) -> None:
    card, path = onnx_tiny(tmp_path)

    with pytest.raises(AcceleratorError, match="none of NonesuchExecutionProvider"):
        OnnxEngine(path, card, providers=("NonesuchExecutionProvider",))


@needs_onnx
def test_a_network_of_other_shape(tmp_path: Path) -> None:
    card, path = onnx_tiny(tmp_path, channels=4)

    with pytest.raises(ModelError, match=r"input is tensor\(float\) \[1, 4, 16, 16\], its card needs"):
        OnnxEngine(path, card)


@needs_onnx
def test_something_that_is_no_network(tmp_path: Path) -> None:
    path = tmp_path / "tiny.onnx"
    path.write_bytes(b"no network at all")

    with pytest.raises(ModelError, match="cannot be loaded"):
        OnnxEngine(path, with_sha256_of(tiny()[0], path.read_bytes()))


def test_without_onnxruntime_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)  # what Python itself does with a module that may not load
    card, path = tiny()

    with pytest.raises(AcceleratorError, match="onnxruntime cannot be imported"):
        OnnxEngine(path, card)
