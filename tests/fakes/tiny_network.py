"""Writes the smallest int8 networks with the product's faces, and some that must be refused.

One 1x1 convolution that answers "bright is subject": logit = 8/3 * (sum of the normalised channels). The files in
``networks/`` come from ``python -m tests.fakes.tiny_network``; they are stored because tflite-runtime brings no schema
to write them with.
"""

import hashlib
import json
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

from packshot.matting.tensor import IMAGENET_MEAN, IMAGENET_STD
from tests.fakes.networks import FOLDER

INPUT_SCALE, INPUT_ZERO = 1 / 48, -14
OUTPUT_SCALE, OUTPUT_ZERO = 1 / 8, 0
WEIGHT_SCALE = 8 / 3 / 127
SIZE = 16


def tiny_network(dtype: str = "INT8", output_channels: int = 1, size: int = SIZE) -> bytes:
    """A TFLite network that takes (1, size, size, 3) and gives (1, size, size, output_channels)."""
    model = _Model()
    numpy_dtype, bias_kind, bias_dtype = (
        (np.int8, "INT32", np.int32) if dtype == "INT8" else (np.float32, "FLOAT32", np.float32)
    )
    weights = np.full((output_channels, 1, 1, 3), 127 if dtype == "INT8" else 8 / 3, numpy_dtype)
    source = model.tensor("input", (1, size, size, 3), dtype, INPUT_SCALE, INPUT_ZERO)
    kernel = model.constant("kernel", weights, dtype, WEIGHT_SCALE)
    bias = model.constant("bias", np.zeros(output_channels, bias_dtype), bias_kind, INPUT_SCALE * WEIGHT_SCALE)
    logits = model.tensor("logits", (1, size, size, output_channels), dtype, OUTPUT_SCALE, OUTPUT_ZERO)
    model.convolution([source, kernel, bias], logits)
    return model.pack(source, logits)


def tiny_card(model: bytes, size: int = SIZE) -> dict[str, Any]:
    """The card that fits ``tiny_network()``, as JSON holds it."""
    side = {"height": size, "width": size}
    return {
        "name": "tiny",
        "version": "1",
        "runtime": {
            "format": 1,
            "file": "tiny.tflite",
            "sha256": hashlib.sha256(model).hexdigest(),
            "input": {**side, "channels": 3, "scale": float(np.float32(INPUT_SCALE)), "zero_point": INPUT_ZERO},
            "output": {**side, "channels": 1, "scale": float(np.float32(OUTPUT_SCALE)), "zero_point": OUTPUT_ZERO},
            "mean": IMAGENET_MEAN,
            "std": IMAGENET_STD,
            "fit": "stretch",
        },
    }


class _Model:
    """A TFLite flatbuffer under construction: one subgraph, one convolution."""

    def __init__(self) -> None:
        self._model: Any = schema.ModelT()
        self._graph: Any = schema.SubGraphT()
        self._model.version = 3
        self._model.buffers = [schema.BufferT()]
        self._model.subgraphs = [self._graph]
        self._graph.tensors = []

    def tensor(self, name: str, shape: tuple[int, ...], kind: str, scale: float, zero_point: int = 0) -> int:
        tensor: Any = schema.TensorT()
        tensor.name, tensor.shape, tensor.type = name, list(shape), getattr(schema.TensorType, kind)
        if kind != "FLOAT32":
            tensor.quantization = schema.QuantizationParametersT()
            tensor.quantization.scale = np.array([scale], np.float32)
            tensor.quantization.zeroPoint = np.array([zero_point], np.int64)
        self._graph.tensors.append(tensor)
        return len(self._graph.tensors) - 1

    def constant(self, name: str, values: np.ndarray[Any, Any], kind: str, scale: float) -> int:
        index = self.tensor(name, values.shape, kind, scale)
        buffer: Any = schema.BufferT()
        buffer.data = np.frombuffer(values.tobytes(), np.uint8)
        self._model.buffers.append(buffer)
        self._graph.tensors[index].buffer = len(self._model.buffers) - 1
        return index

    def convolution(self, inputs: list[int], output: int) -> None:
        code: Any = schema.OperatorCodeT()
        code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.CONV_2D
        code.version = 3
        self._model.operatorCodes = [code]
        options: Any = schema.Conv2DOptionsT()
        options.strideW = options.strideH = options.dilationWFactor = options.dilationHFactor = 1
        operator: Any = schema.OperatorT()
        operator.inputs, operator.outputs, operator.opcodeIndex = inputs, [output], 0
        operator.builtinOptionsType, operator.builtinOptions = schema.BuiltinOptions.Conv2DOptions, options
        self._graph.operators = [operator]

    def pack(self, source: int, logits: int) -> bytes:
        self._graph.inputs, self._graph.outputs = [source], [logits]
        builder = flatbuffers.Builder(1 << 12)
        builder.Finish(self._model.Pack(builder), b"TFL3")
        return bytes(builder.Output())


def all_files() -> dict[str, bytes]:
    """Every stored file by name."""
    tiny = tiny_network()
    card = json.dumps(tiny_card(tiny), indent=1) + "\n"
    return {
        "tiny.tflite": tiny,
        "tiny.json": card.encode(),
        "float.tflite": tiny_network("FLOAT32"),
        "two-channels.tflite": tiny_network(output_channels=2),
    }


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name, data in all_files().items():
        (FOLDER / name).write_bytes(data)
