"""onnxruntime: TensorRT or CUDA on a Jetson, its CPU kernels elsewhere."""

import importlib
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from packshot.accelerator.checks import check_fed
from packshot.accelerator.engine import Engine
from packshot.errors import AcceleratorError, ModelError
from packshot.matting.card import ModelCard
from packshot.matting.tensor import dequantise, quantise
from packshot.platform.resources import read_model

PROVIDERS = ("TensorrtExecutionProvider", "CUDAExecutionProvider", "CPUExecutionProvider")
NAMES = {"TensorrtExecutionProvider": "tensorrt", "CUDAExecutionProvider": "cuda", "CPUExecutionProvider": "cpu"}
SILENT = 3  # onnxruntime's log level for errors; what it warns of is told by the engine's name


class OnnxEngine(Engine):
    """The float twin of a network: (1, 3, H, W) normalised float32 in, (1, 1, h, w) float32 logits out.

    The card is the int8 network's, with the file and checksum of the ONNX one; its affines translate at both ends, so
    callers see no difference. ``engine`` names the provider that onnxruntime really started, which is the CPU when a
    GPU library is missing: it falls back without a word.
    """

    def __init__(
        self, path: Path, card: ModelCard, *, threads: int = 1, providers: tuple[str, ...] = PROVIDERS
    ) -> None:
        """The first of ``providers`` that is there is used. Raises ModelError or AcceleratorError."""
        model = read_model(path, card)
        try:
            runtime = importlib.import_module("onnxruntime")
        except ImportError as error:
            raise AcceleratorError(
                f"onnxruntime cannot be imported ({error}); install the one of this board"
            ) from error
        available = [name for name in providers if name in runtime.get_available_providers()]
        if not available:
            raise AcceleratorError(f"onnxruntime here has none of {', '.join(providers)}")
        options = runtime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = SILENT
        try:
            session: Any = runtime.InferenceSession(model, options, providers=available)
        except Exception as error:
            raise ModelError(f"network {card.name} cannot be loaded: {' '.join(str(error).split())[:200]}") from error
        name = f"onnxruntime-{NAMES.get(session.get_providers()[0], 'other')}"
        super().__init__(name, card, partial(_run, session, _check(session, card), card))


def _run(session: Any, name: str, card: ModelCard, tensor: NDArray[np.int8]) -> NDArray[np.int8]:
    """One inference with the int8 network's numbers at both ends; ``name`` is the session's input."""
    check_fed(tensor, card.input)
    real = np.ascontiguousarray(dequantise(tensor, card.input).transpose(0, 3, 1, 2))
    try:
        (logits,) = session.run(None, {name: real})
    except Exception as error:
        raise AcceleratorError(f"inference failed: {' '.join(str(error).split())[:200]}") from error
    return quantise(np.asarray(logits, np.float32).transpose(0, 2, 3, 1), card.output)


def _check(session: Any, card: ModelCard) -> str:
    """Both ends against the card; returns the input's name."""
    expected = {
        "input": [1, card.input.channels, card.input.height, card.input.width],
        "output": [1, card.output.channels, card.output.height, card.output.width],
    }
    for kind, ends in (("input", session.get_inputs()), ("output", session.get_outputs())):
        if len(ends) != 1 or ends[0].type != "tensor(float)" or list(ends[0].shape) != expected[kind]:
            found = ", ".join(f"{end.type} {list(end.shape)}" for end in ends)
            raise ModelError(f"the network's {kind} is {found}, its card needs one tensor(float) {expected[kind]}")
    return str(session.get_inputs()[0].name)
