"""Write a graph as .onnx: float, or int8 with quantise-dequantise pairs (QDQ) at the .tflite's own scales.

NCHW, batch 1, opset 13, for onnxruntime and TensorRT. The QDQ twin describes the same integers as the .tflite; only the
order of rounding inside an engine differs. The float file keeps its weights in 16 bits, as those of training are kept,
and computes in 32: half the bytes on their way to a box.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from models.calibrate import Affine, quantise_bias, quantise_weight
from models.graph import Add, Concat, Convolution, Graph, Op, Pool, Resize

OPSET = 13
IR_VERSION = 8  # the one of opset 13's age, so that a Jetson's older onnxruntime reads it


def write(graph: Graph, affines: dict[str, Affine] | None) -> bytes:
    """The .onnx of ``graph``: QDQ with ``affines``, float without."""
    writer = _Writer(graph, affines or {})
    nodes = [node for op in graph.ops for node in writer.nodes(op)]
    if affines:
        nodes = [*writer.pairs(graph.input), *nodes]
    described = helper.make_graph(
        nodes,
        "u2net-lite",
        [helper.make_tensor_value_info(graph.input, TensorProto.FLOAT, (1, *graph.shapes[graph.input]))],
        [helper.make_tensor_value_info(writer.result, TensorProto.FLOAT, (1, *graph.shapes[graph.output]))],
        writer.constants,
    )
    model = helper.make_model(described, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


class _Writer:
    """Makes the nodes of one operator after the other and gathers their constants."""

    def __init__(self, graph: Graph, affines: dict[str, Affine]) -> None:
        self.affines, self.shapes = affines, graph.shapes
        self.constants: list[Any] = []
        self.result = self._read(graph.output)

    def nodes(self, op: Op) -> Iterator[Any]:
        """The operator itself and, for int8, the rounding of its output."""
        if isinstance(op, Convolution):
            yield from self._convolution(op)
        else:
            yield self._plain(op)
        if self.affines:
            yield from self.pairs(op.output)

    def pairs(self, name: str) -> Iterator[Any]:
        """Round a tensor to its int8 grid and back."""
        affine = self.affines[name]
        scale = self._constant(f"{name}/scale", np.float32(affine.scale))
        zero = self._constant(f"{name}/zero", np.int8(affine.zero_point))
        yield helper.make_node("QuantizeLinear", [name, scale, zero], [f"{name}/q"])
        yield helper.make_node("DequantizeLinear", [f"{name}/q", scale, zero], [self._read(name)])

    def _convolution(self, op: Convolution) -> Iterator[Any]:
        output = op.output if not op.activation else f"{op.output}/sum"
        if self.affines:
            yield from self._integers(op)
        else:
            half = self._constant(f"{op.output}/weight/half", op.weight.astype(np.float16))
            yield helper.make_node("Cast", [half], [f"{op.output}/weight"], to=TensorProto.FLOAT)
            self._constant(f"{op.output}/bias", op.bias)
        reach = op.dilation * (op.weight.shape[-1] - 1)
        before = reach // 2 if op.stride == 1 else 0
        after = reach - before if op.stride == 1 else max(reach - 1, 0)
        yield helper.make_node(
            "Conv",
            [self._read(op.inputs[0]), f"{op.output}/weight", f"{op.output}/bias"],
            [output],
            strides=[op.stride] * 2,
            dilations=[op.dilation] * 2,
            pads=[before, before, after, after],
        )
        if op.activation == "relu":
            yield helper.make_node("Relu", [output], [op.output])
        elif op.activation:
            limits = [self._constant("clip/low", np.float32(0)), self._constant("clip/high", np.float32(6))]
            yield helper.make_node("Clip", [output, *limits], [op.output])

    def _integers(self, op: Convolution) -> Iterator[Any]:
        """Weight as int8 and bias as int32, per output channel."""
        q, scale = quantise_weight(op)
        input_scale = self.affines[op.inputs[0]].scale
        bias = quantise_bias(op, input_scale, scale)
        parts: list[tuple[str, NDArray[Any], NDArray[np.float64]]]
        parts = [("weight", q, scale), ("bias", bias, scale * input_scale)]
        for part, integers, step in parts:
            name = f"{op.output}/{part}"
            inputs = [
                self._constant(f"{name}/q", integers),
                self._constant(f"{name}/scale", step.astype(np.float32)),
                self._constant(f"{name}/zero", np.zeros(len(step), integers.dtype)),
            ]
            yield helper.make_node("DequantizeLinear", inputs, [name], axis=0)

    def _plain(self, op: Op) -> Any:
        inputs = [self._read(name) for name in op.inputs]
        match op:
            case Pool():
                return helper.make_node("MaxPool", inputs, [op.output], kernel_shape=[2, 2], strides=[2, 2])
            case Concat():
                return helper.make_node("Concat", inputs, [op.output], axis=1)
            case Add():
                return helper.make_node("Add", inputs, [op.output])
            case Resize():
                return self._resize(op, inputs)
        raise AssertionError(f"graph has an operator without a writer: {op}")

    def _resize(self, op: Resize, inputs: list[str]) -> Any:
        nearest = op.kind == "nearest"
        factor = op.size[0] // self.shapes[op.inputs[0]][1]
        scales = self._constant(f"resize/{factor}", np.array([1, 1, factor, factor], np.float32))
        return helper.make_node(
            "Resize",
            [*inputs, "", scales],
            [op.output],
            mode="nearest" if nearest else "linear",
            coordinate_transformation_mode="asymmetric" if nearest else "half_pixel",
            nearest_mode="floor",
        )

    def _read(self, name: str) -> str:
        """Name under which a tensor is read: after its rounding if there is one."""
        return f"{name}/dq" if self.affines else name

    def _constant(self, name: str, value: NDArray[Any] | np.generic) -> str:
        if all(constant.name != name for constant in self.constants):
            self.constants.append(numpy_helper.from_array(np.asarray(value), name))
        return name
