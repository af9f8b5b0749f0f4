"""Builds tiny .tflite files operator by operator, good and bad ones, with nothing but the schema."""

from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

Shape = tuple[int, ...]


class FlatModel:
    """One subgraph; ``add`` appends an operator that reads the last tensor."""

    def __init__(self, shape: Shape = (1, 8, 8, 4), kind: int = schema.TensorType.INT8) -> None:
        self.model, self.graph = schema.ModelT(), schema.SubGraphT()
        self.model.version, self.model.subgraphs = 3, [self.graph]
        self.model.buffers, self.model.operatorCodes = [schema.BufferT()], []
        self.graph.name, self.graph.tensors, self.graph.operators = "main", [], []
        self.graph.inputs = [self.tensor(shape, kind)]
        self.last = self.graph.inputs[0]

    def tensor(self, shape: Shape, kind: int = schema.TensorType.INT8, data: Any = None) -> int:
        tensor = schema.TensorT()
        tensor.name, tensor.shape, tensor.type, tensor.buffer = f"t{len(self.graph.tensors)}", list(shape), kind, 0
        if data is not None:
            buffer = schema.BufferT()
            buffer.data = np.frombuffer(np.asarray(data).tobytes(), np.uint8)
            tensor.buffer = len(self.model.buffers)
            self.model.buffers.append(buffer)
        self.graph.tensors.append(tensor)
        return len(self.graph.tensors) - 1

    def add(self, builtin: int, version: int, shape: Shape, kind: int = schema.TensorType.INT8, **options: Any) -> None:
        """``options`` takes ``extra`` (more inputs) and ``settings`` (an options object)."""
        code, operator = schema.OperatorCodeT(), schema.OperatorT()
        code.builtinCode = code.deprecatedBuiltinCode = builtin
        code.version = version
        self.model.operatorCodes.append(code)
        operator.opcodeIndex = len(self.model.operatorCodes) - 1
        operator.inputs = [self.last, *options.get("extra", [])]
        settings = options.get("settings")
        if settings is not None:
            operator.builtinOptions = settings
            operator.builtinOptionsType = getattr(schema.BuiltinOptions, type(settings).__name__.removesuffix("T"))
        self.last = self.tensor(shape, kind)
        operator.outputs = [self.last]
        self.graph.operators.append(operator)

    def convolution(self, dilation: int = 1, version: int = 3, channels: int = 4) -> None:
        shape = tuple(int(n) for n in self.graph.tensors[self.last].shape)
        settings = schema.Conv2DOptionsT()
        settings.strideW = settings.strideH = 1
        settings.dilationWFactor = settings.dilationHFactor = dilation
        weight = self.tensor((channels, 3, 3, shape[3]), data=np.zeros((channels, 3, 3, shape[3]), np.int8))
        bias = self.tensor((channels,), schema.TensorType.INT32, np.zeros(channels, np.int32))
        output = (*shape[:3], channels)
        self.add(schema.BuiltinOperator.CONV_2D, version, output, extra=[weight, bias], settings=settings)

    def resize(self, side: int, half_pixel: bool = False) -> None:
        channels = int(self.graph.tensors[self.last].shape[3])
        settings = schema.ResizeBilinearOptionsT()
        settings.halfPixelCenters = half_pixel
        size = self.tensor((2,), schema.TensorType.INT32, np.array([side, side], np.int32))
        shape = (1, side, side, channels)
        self.add(schema.BuiltinOperator.RESIZE_BILINEAR, 3, shape, extra=[size], settings=settings)

    def content(self) -> bytes:
        self.graph.outputs = [self.last]
        builder = flatbuffers.Builder(1024)
        builder.Finish(self.model.Pack(builder), b"TFL3")
        return bytes(builder.Output())
