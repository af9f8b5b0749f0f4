"""U²-Net† with random weights as float ONNX: the arithmetic that rembg's ``u2netp`` runs, without anybody's weights.

Layer for layer after Qin et al., "U²-Net" (Pattern Recognition 2020), table 1, BatchNorm folded into the convolutions;
needs onnx and numpy, not torch. 19.8 GMAC at 320.
"""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

SIDE, MID, OUT = 320, 16, 64
HEIGHTS = (7, 6, 5, 4)  # RSU-7 to RSU-4; two dilated RSU-4F follow


class Writer:
    """Nodes and weights of the network; every method returns the name of its result."""

    def __init__(self, side: int = SIDE) -> None:
        self.nodes: list[Any] = []
        self.weights: list[Any] = []
        self.macs = 0
        self.shapes: dict[str, tuple[int, int]] = {"input": (3, side)}  # channels, side
        self._random = np.random.default_rng(1)

    def conv(self, x: str, out: int, dilation: int = 1, relu: bool = True, size: int = 3) -> str:
        """Convolution with bias, and ReLU."""
        channels, side = self.shapes[x]
        name, scale = f"t{len(self.nodes)}", (2 / (size * size * channels)) ** 0.5
        kernel = (self._random.standard_normal((out, channels, size, size)) * scale).astype(np.float32)
        self.weights += [numpy_helper.from_array(kernel, f"{name}w")]
        self.weights += [numpy_helper.from_array(np.zeros(out, np.float32), f"{name}b")]
        around = {"pads": [dilation * (size // 2)] * 4, "dilations": [dilation] * 2}
        self._node("Conv", [x, f"{name}w", f"{name}b"], name, (out, side), **around)
        self.macs += kernel.size * side * side
        return self._node("Relu", [name], f"{name}r", (out, side)) if relu else name

    def pool(self, x: str) -> str:
        """2x2 maximum, ceil mode."""
        channels, side = self.shapes[x]
        attributes = {"kernel_shape": [2, 2], "strides": [2, 2], "ceil_mode": 1}
        return self._node("MaxPool", [x], f"t{len(self.nodes)}", (channels, -(-side // 2)), **attributes)

    def like(self, x: str, side: int) -> str:
        """Bilinear resize to ``side``, half-pixel centres."""
        channels, name = self.shapes[x][0], f"t{len(self.nodes)}"
        self.weights += [numpy_helper.from_array(np.array([1, channels, side, side], np.int64), f"{name}s")]
        return self._node("Resize", [x, "", "", f"{name}s"], name, (channels, side), mode="linear")

    def join(self, *parts: str) -> str:
        """Concatenation of channels."""
        channels = sum(self.shapes[part][0] for part in parts)
        return self._node("Concat", list(parts), f"t{len(self.nodes)}", (channels, self.shapes[parts[0]][1]), axis=1)

    def add(self, a: str, b: str) -> str:
        """Sum."""
        return self._node("Add", [a, b], f"t{len(self.nodes)}", self.shapes[a])

    def rsu(self, x: str, height: int, dilated: bool = False) -> str:
        """Residual U-block of ``height`` levels."""
        entry = self.conv(x, OUT)
        skips: list[str] = []
        x = entry
        for level in range(height - 1):
            x = self.conv(self.pool(x) if level and not dilated else x, MID, 2**level if dilated else 1)
            skips.append(x)
        x = self.conv(x, MID, 2 ** (height - 1) if dilated else 2)
        for level in reversed(range(height - 1)):
            joined = self.join(self.like(x, self.shapes[skips[level]][1]), skips[level])
            x = self.conv(joined, MID if level else OUT, 2**level if dilated else 1)
        return self.add(entry, x)

    def _node(self, kind: str, inputs: list[str], name: str, shape: tuple[int, int], **attributes: Any) -> str:
        self.nodes.append(helper.make_node(kind, inputs, [name], **attributes))
        self.shapes[name] = shape
        return name


def network(writer: Writer) -> str:
    """Six stages down, five up, six side maps and their fusion; the name of the result."""
    skips: list[str] = []
    x = "input"
    for height in HEIGHTS:
        x = writer.rsu(writer.pool(x) if skips else x, height)
        skips.append(x)
    for _ in range(2):
        x = writer.rsu(writer.pool(x), 4, dilated=True)
        skips.append(x)
    maps = [writer.conv(x, 1, relu=False)]
    for skip, height in zip(skips[-2::-1], (4, *reversed(HEIGHTS)), strict=True):
        joined = writer.join(writer.like(x, writer.shapes[skip][1]), skip)
        x = writer.rsu(joined, height, dilated=skip == skips[-2])
        maps.append(writer.conv(x, 1, relu=False))
    side = writer.shapes["input"][1]
    return writer.conv(writer.join(*(writer.like(one, side) for one in maps)), 1, relu=False, size=1)


def write(path: Path) -> int:
    """Write the network; its multiply-accumulates."""
    writer = Writer()
    result = network(writer)
    given = helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, 3, SIDE, SIDE])
    answer = helper.make_tensor_value_info(result, TensorProto.FLOAT, [1, 1, SIDE, SIDE])
    graph = helper.make_graph(writer.nodes, "u2netp-shaped", [given], [answer], writer.weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.checker.check_model(model)
    path.write_bytes(model.SerializeToString())
    return writer.macs
