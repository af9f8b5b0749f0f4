"""Write a graph as a full-int8 (or float32) .tflite, straight with the flatbuffer schema.

No converter, so nothing it would add: no QUANTIZE, TRANSPOSE, PAD or CAST; NHWC, batch 1, static shapes. Operator
versions are those that the Edge TPU compiler 16 accepts. int8 scheme: TensorFlow Lite 8-bit quantization specification
(per-channel symmetric weights, per-tensor asymmetric activations, int32 bias).
"""

from dataclasses import dataclass, field
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray

from models.calibrate import Affine, quantise_bias, quantise_weight
from models.graph import Add, Concat, Convolution, Graph, Op, Pool, Resize

ACTIVATIONS = {
    "": schema.ActivationFunctionType.NONE,
    "relu": schema.ActivationFunctionType.RELU,
    "relu6": schema.ActivationFunctionType.RELU6,
}


def write(graph: Graph, affines: dict[str, Affine] | None, description: str = "") -> bytes:
    """The .tflite of ``graph``: int8 with ``affines``, float32 without."""
    writer = _Writer(graph, affines or {})
    for op in graph.ops:
        writer.add(op)
    return writer.finish(description)


@dataclass
class _Writer:
    graph: Graph
    affines: dict[str, Affine]
    tensors: list[Any] = field(default_factory=list)
    buffers: list[Any] = field(default_factory=lambda: [schema.BufferT()])  # buffer 0 is the empty one, by definition
    operators: list[Any] = field(default_factory=list)
    codes: dict[tuple[int, int], int] = field(default_factory=dict)
    index: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._activation(self.graph.input)

    def add(self, op: Op) -> None:
        operator = schema.OperatorT()
        operator.inputs = [self._activation(name) for name in op.inputs]
        builtin, version, kind, options = self._options(op)
        if isinstance(op, Convolution):
            operator.inputs += self._parameters(op)
        elif isinstance(op, Resize):
            operator.inputs.append(self._constant(f"{op.output}/size", np.array(op.size, np.int32)))
        operator.opcodeIndex = self.codes.setdefault((builtin, version), len(self.codes))
        operator.builtinOptionsType, operator.builtinOptions = kind, options
        operator.outputs = [self._activation(op.output)]
        self.operators.append(operator)

    def _options(self, op: Op) -> tuple[int, int, int, Any]:
        """Builtin operator, its version, the kind of its options and the options."""
        builtin, kinds = schema.BuiltinOperator, schema.BuiltinOptions
        match op:
            case Convolution():
                return builtin.CONV_2D, 3 if self.affines else 1, kinds.Conv2DOptions, _convolution_options(op)
            case Pool():
                return builtin.MAX_POOL_2D, 2 if self.affines else 1, kinds.Pool2DOptions, _pool_options()
            case Resize(kind="nearest"):
                options: Any = schema.ResizeNearestNeighborOptionsT()
                version = 2 if self.affines else 1
                return builtin.RESIZE_NEAREST_NEIGHBOR, version, kinds.ResizeNearestNeighborOptions, options
            case Resize():
                options = schema.ResizeBilinearOptionsT()
                options.halfPixelCenters = True
                return builtin.RESIZE_BILINEAR, 3, kinds.ResizeBilinearOptions, options
            case Concat():
                options = schema.ConcatenationOptionsT()
                options.axis = 3
                return builtin.CONCATENATION, 2 if self.affines else 1, kinds.ConcatenationOptions, options
            case Add():
                return builtin.ADD, 2 if self.affines else 1, kinds.AddOptions, schema.AddOptionsT()
        raise AssertionError(f"graph has an operator without a writer: {op}")

    def _parameters(self, op: Convolution) -> list[int]:
        """Tensors of weight, as (out, k, k, in), and bias."""
        weight_name, bias_name = f"{op.output}/weight", f"{op.output}/bias"
        if not self.affines:
            weight = np.ascontiguousarray(op.weight.transpose(0, 2, 3, 1), np.float32)
            return [self._constant(weight_name, weight), self._constant(bias_name, op.bias.astype(np.float32))]
        q, scale = quantise_weight(op)
        input_scale = self.affines[op.inputs[0]].scale
        weight_q = np.ascontiguousarray(q.transpose(0, 2, 3, 1))
        bias_q = quantise_bias(op, input_scale, scale)
        return [self._constant(weight_name, weight_q, scale), self._constant(bias_name, bias_q, scale * input_scale)]

    def _activation(self, name: str) -> int:
        if name not in self.index:
            channels, height, width = self.graph.shapes[name]
            tensor = _tensor(name, (1, height, width, channels), np.dtype(np.int8 if self.affines else np.float32))
            if self.affines:
                affine = self.affines[name]
                tensor.quantization = _quantisation([affine.scale], [affine.zero_point])
            self.index[name] = self._append(tensor)
        return self.index[name]

    def _constant(self, name: str, data: NDArray[Any], scale: NDArray[np.float64] | None = None) -> int:
        tensor = _tensor(name, data.shape, data.dtype)
        buffer = schema.BufferT()
        buffer.data = np.frombuffer(data.tobytes(), np.uint8)
        tensor.buffer = len(self.buffers)
        self.buffers.append(buffer)
        if scale is not None:
            tensor.quantization = _quantisation(scale, np.zeros(len(scale)))
        return self._append(tensor)

    def _append(self, tensor: Any) -> int:
        self.tensors.append(tensor)
        return len(self.tensors) - 1

    def finish(self, description: str) -> bytes:
        subgraph = schema.SubGraphT()
        subgraph.name, subgraph.tensors, subgraph.operators = "main", self.tensors, self.operators
        subgraph.inputs, subgraph.outputs = [self.index[self.graph.input]], [self.index[self.graph.output]]
        model = schema.ModelT()
        model.version, model.description = 3, description
        model.subgraphs, model.buffers = [subgraph], self.buffers
        model.operatorCodes = [_operator_code(builtin, version) for builtin, version in self.codes]
        return pack(model)


def pack(model: Any) -> bytes:
    """A schema ModelT as the bytes of a .tflite file."""
    builder = flatbuffers.Builder(1 << 20)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def _tensor(name: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Any:
    types = schema.TensorType
    tensor = schema.TensorT()
    tensor.name, tensor.shape = name, list(shape)
    tensor.type = {"int8": types.INT8, "int32": types.INT32, "float32": types.FLOAT32}[dtype.name]
    return tensor


def _quantisation(scale: Any, zero_point: Any) -> Any:
    """Affine parameters; per-channel ones run along axis 0, the output channels."""
    parameters = schema.QuantizationParametersT()
    parameters.scale, parameters.zeroPoint = np.asarray(scale, np.float32), np.asarray(zero_point, np.int64)
    return parameters


def _operator_code(builtin: int, version: int) -> Any:
    code = schema.OperatorCodeT()
    code.builtinCode, code.version = builtin, version
    code.deprecatedBuiltinCode = min(builtin, 127)  # what readers older than schema 3a look at
    return code


def _convolution_options(op: Convolution) -> Any:
    options = schema.Conv2DOptionsT()
    options.padding = schema.Padding.SAME
    options.strideW = options.strideH = op.stride
    options.dilationWFactor = options.dilationHFactor = op.dilation
    options.fusedActivationFunction = ACTIVATIONS[op.activation]
    return options


def _pool_options() -> Any:
    options = schema.Pool2DOptionsT()
    options.padding = schema.Padding.VALID
    options.strideW = options.strideH = options.filterWidth = options.filterHeight = 2
    return options
