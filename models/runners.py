"""Run an exact model file on pictures: .tflite through the box's own tensor code, .onnx on the same values."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from packshot.errors import UsageError
from packshot.matting.card import ModelCard, TensorSpec
from packshot.matting.tensor import IMAGENET_MEAN, IMAGENET_STD, RGB8, coarse_mask, network_input, normalise, stretch

Mask = NDArray[np.float32]
Runner = Callable[[RGB8], Mask]  # (H, W, 3) uint8 sRGB -> coarse mask (H, W) float32 in [0, 1]


def open_runner(path: Path, threads: int = 1) -> Runner:
    """The runner for a .tflite or .onnx file; raises UsageError if it is neither or has tensors of another kind."""
    openers = {".tflite": _open_tflite, ".onnx": _open_onnx}
    if path.suffix not in openers or not path.exists():
        raise UsageError(f"{path} is not a .tflite or .onnx file that exists")
    run = openers[path.suffix](path, threads)
    return lambda rgb: _enlarge(run(rgb), rgb)


def _enlarge(mask: Mask, rgb: RGB8) -> Mask:
    """The coarse mask at the picture's size, bilinear."""
    return np.asarray(cv2.resize(mask, rgb.shape[1::-1], interpolation=cv2.INTER_LINEAR), np.float32)


def _open_tflite(path: Path, threads: int) -> Runner:
    from ai_edge_litert.interpreter import Interpreter

    try:
        interpreter = Interpreter(str(path), num_threads=threads)
        interpreter.allocate_tensors()
    except (RuntimeError, ValueError) as error:
        raise UsageError(f"{path} is damaged: {error}") from error
    entry, end = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    card = ModelCard(
        "", "", path.name, "", _spec(path, entry, 3), _spec(path, end, 1), IMAGENET_MEAN, IMAGENET_STD, "stretch"
    )

    def run(rgb: RGB8) -> Mask:
        interpreter.set_tensor(entry["index"], network_input(rgb, card))
        interpreter.invoke()
        return coarse_mask(interpreter.get_tensor(end["index"]), card)

    return run


def _spec(path: Path, detail: dict[str, Any], channels: int) -> TensorSpec:
    shape = [int(n) for n in detail["shape"]]
    if detail["dtype"] is not np.int8 or len(shape) != 4 or shape[0] != 1 or shape[3] != channels:
        raise UsageError(f"{path} has a tensor {shape} of another kind than (1, H, W, {channels}) int8")
    scale, zero_point = detail["quantization"]
    return TensorSpec(shape[1], shape[2], channels, float(scale), int(zero_point))


def _open_onnx(path: Path, threads: int) -> Runner:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    try:
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's own errors share no public base class
        raise UsageError(f"{path} is damaged: {error}") from error
    entry = session.get_inputs()[0]
    height, width = entry.shape[2:]

    def run(rgb: RGB8) -> Mask:
        values = normalise(stretch(rgb, height, width), IMAGENET_MEAN, IMAGENET_STD)
        logits = session.run(None, {entry.name: values.transpose(2, 0, 1)[np.newaxis]})[0]
        return np.asarray(1.0 / (1.0 + np.exp(-logits[0, 0])), np.float32)

    return run
