"""A trained network as a short list of plain operators, BatchNorm folded: what every export is written from.

One list serves the float run that calibrates, the TFLite writer and the ONNX writer, so that the three cannot drift
apart, and tensors keep their names in all of them, so that they can be compared layer by layer.
"""

import operator
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, fx, nn
from torch.nn import functional

from packshot.errors import UsageError

Float = NDArray[np.float32]


@dataclass(frozen=True)
class Op:
    """One operator: names of its input tensors and of its output."""

    inputs: tuple[str, ...]
    output: str


@dataclass(frozen=True)
class Convolution(Op):
    """Convolution with TFLite's SAME padding; ``weight`` (out, in, k, k), ``bias`` (out,), activation after."""

    weight: Float
    bias: Float
    stride: int
    dilation: int
    activation: str = ""  # "", "relu" or "relu6"


@dataclass(frozen=True)
class Pool(Op):
    """2x2 max pooling."""


@dataclass(frozen=True)
class Resize(Op):
    """Enlarge to ``size`` (height, width); ``kind`` is "nearest" or "bilinear" (half-pixel centres)."""

    size: tuple[int, int]
    kind: str


@dataclass(frozen=True)
class Concat(Op):
    """Channels side by side."""


@dataclass(frozen=True)
class Add(Op):
    """Element by element."""


@dataclass(frozen=True)
class Graph:
    """Operators in order of execution; ``shapes`` gives (channels, height, width) of every tensor."""

    input: str
    output: str
    ops: tuple[Op, ...]
    shapes: dict[str, tuple[int, int, int]]


def trace(network: nn.Module, size: int) -> Graph:
    """Read the operators of ``network`` for (1, 3, size, size); the last output is the graph's only one.

    Raises UsageError naming the operator that no export knows.
    """
    traced = fx.symbolic_trace(network.eval())
    reader = _Reader(traced)
    for node in traced.graph.nodes:
        reader.read(node)
    ops = _live(reader.ops, reader.output)
    graph = Graph(reader.input, reader.output, ops, {})
    values = run(_with_sizes(graph, size), torch.zeros(1, 3, size, size))
    shapes = {name: (v.shape[1], v.shape[2], v.shape[3]) for name, v in values.items()}
    return replace(_with_sizes(graph, size), shapes=shapes)


class _Reader:
    """Walks a traced module once and gathers operators; BatchNorm and activations melt into their convolution."""

    def __init__(self, traced: fx.GraphModule) -> None:
        self.modules = dict(traced.named_modules())
        self.ops: list[Op] = []
        self.names: dict[str, str] = {}  # node -> tensor that holds its value
        self.input = self.output = ""

    def read(self, node: fx.Node) -> None:
        if node.op == "placeholder":
            self.input = self.names[node.name] = node.name
        elif node.op == "output":
            self.output = self._tensors(node.args[0][-1:])[0]  # type: ignore[index]
        elif node.op == "call_module":
            self._module(node, self.modules[str(node.target)])
        else:
            self._function(node)

    def _module(self, node: fx.Node, module: nn.Module) -> None:
        source = self._tensors(node.args)[0]
        if isinstance(module, nn.Conv2d):
            self._add(node, _convolution(source, node.name, module))
        elif isinstance(module, nn.BatchNorm2d):
            self._melt(node, source, lambda conv: _fold(conv, module))
        elif isinstance(module, nn.ReLU):
            self._melt(node, source, lambda conv: replace(conv, activation="relu"))
        elif isinstance(module, nn.ZeroPad2d | nn.Identity):
            self.names[node.name] = source  # the padding is the SAME of the convolution that follows
        else:
            raise UsageError(f"no export knows the module {type(module).__name__}; write it with those that are known")

    def _function(self, node: fx.Node) -> None:
        target, inputs = node.target, self._tensors(node.args)
        if target is functional.relu6:
            self._melt(node, inputs[0], lambda conv: replace(conv, activation="relu6"))
        elif target is operator.add:
            self._add(node, Add(inputs, node.name))
        elif target is torch.cat:
            self._add(node, Concat(inputs, node.name))
        elif target is functional.interpolate:
            self._add(node, Resize(inputs, node.name, (0, 0), str(node.kwargs["mode"])))
        elif target is functional.max_pool2d:
            self._add(node, Pool(inputs, node.name))
        elif target not in (getattr, operator.getitem):  # sizes asked of a tensor leave no operator
            raise UsageError(f"no export knows the function {target}; write it with those that are known")

    def _add(self, node: fx.Node, op: Op) -> None:
        self.ops.append(op)
        self.names[node.name] = op.output

    def _melt(self, node: fx.Node, source: str, change: Callable[[Convolution], Convolution]) -> None:
        last = self.ops[-1]
        if not isinstance(last, Convolution) or last.output != source:
            raise UsageError(f"{node.name} does not follow a convolution directly; no export can fold it")
        self.ops[-1] = change(last)
        self.names[node.name] = source

    def _tensors(self, args: Any) -> tuple[str, ...]:
        flat: list[str] = []
        fx.node.map_arg(args, lambda node: flat.append(self.names.get(node.name, "")))
        return tuple(flat)


def _convolution(source: str, output: str, conv: nn.Conv2d) -> Convolution:
    weight = conv.weight.detach().float().numpy()
    bias = np.zeros(len(weight), np.float32) if conv.bias is None else conv.bias.detach().float().numpy()
    return Convolution((source,), output, weight, bias, conv.stride[0], conv.dilation[0])


def _fold(conv: Convolution, norm: nn.BatchNorm2d) -> Convolution:
    """BatchNorm in evaluation is an affine map per channel: fold it into weight and bias."""
    mean, variance = norm.running_mean, norm.running_var
    if mean is None or variance is None:
        raise UsageError("BatchNorm without running figures cannot be folded")
    gain = (norm.weight / torch.sqrt(variance + norm.eps)).detach().float().numpy()
    bias = (conv.bias - mean.float().numpy()) * gain + norm.bias.detach().float().numpy()
    return replace(conv, weight=conv.weight * gain[:, None, None, None], bias=bias)


def _live(ops: Iterable[Op], output: str) -> tuple[Op, ...]:
    """The operators that ``output`` depends on, in order."""
    needed, kept = {output}, []
    for op in reversed(list(ops)):
        if op.output in needed:
            needed.update(op.inputs)
            kept.append(op)
    return tuple(reversed(kept))


def _with_sizes(graph: Graph, size: int) -> Graph:
    """Fill in the size of every Resize: that of the tensor it is concatenated with or added to, or the input's."""
    heights = {graph.input: size}
    ops: list[Op] = []
    for position, unsized in enumerate(graph.ops):
        op, height = unsized, heights[unsized.inputs[-1]]
        if isinstance(op, Resize):
            height = _partner_height(graph.ops[position + 1 :], op.output, heights, size)
            op = replace(op, size=(height, height))
        elif isinstance(op, Pool):
            height //= 2
        elif isinstance(op, Convolution):
            height //= op.stride
        heights[op.output] = height
        ops.append(op)
    return replace(graph, ops=tuple(ops))


def _partner_height(later: Sequence[Op], name: str, heights: dict[str, int], size: int) -> int:
    user = next(op for op in later if name in op.inputs)
    known = [heights[other] for other in user.inputs if other != name and other in heights]
    return known[0] if known else size


def run(graph: Graph, x: Tensor) -> dict[str, Tensor]:
    """Execute in float: x (B, 3, S, S) -> every tensor by name, NCHW."""
    values = {graph.input: x}
    with torch.no_grad():
        for op in graph.ops:
            values[op.output] = execute(op, [values[name] for name in op.inputs])
    return values


def module_values(network: nn.Module, x: Tensor) -> dict[str, Tensor]:
    """What the unfolded network itself computes, under the names of ``trace``."""
    traced = fx.symbolic_trace(network.eval())
    reader = _Reader(traced)
    for node in traced.graph.nodes:
        reader.read(node)
    recorder = _Recorder(traced, reader.names)
    with torch.no_grad():
        recorder.run(x)
    return recorder.values


class _Recorder(fx.Interpreter):
    """Keeps every tensor; of a convolution with BatchNorm and activation the last one stays, as in the folded graph."""

    def __init__(self, traced: fx.GraphModule, names: dict[str, str]) -> None:
        super().__init__(traced)
        self._names = names
        self._modules_by_name = dict(traced.named_modules())
        self.values: dict[str, Tensor] = {}

    def run_node(self, n: fx.Node) -> Any:
        """Execute one node and keep its value."""
        value = super().run_node(n)
        name = self._names.get(n.name)
        if name is not None and not self._is_pad(n):
            self.values[name] = value
        return value

    def _is_pad(self, n: fx.Node) -> bool:
        return n.op == "call_module" and isinstance(self._modules_by_name[str(n.target)], nn.ZeroPad2d | nn.Identity)


def execute(op: Op, inputs: list[Tensor]) -> Tensor:
    """One operator in float, NCHW."""
    match op:
        case Convolution():
            return convolve(op, inputs[0], torch.from_numpy(op.weight), torch.from_numpy(op.bias))
        case Pool():
            return functional.max_pool2d(inputs[0], 2)
        case Resize():
            aligned = None if op.kind == "nearest" else False
            return functional.interpolate(inputs[0], size=op.size, mode=op.kind, align_corners=aligned)
        case Concat():
            return torch.cat(inputs, 1)
        case _:
            return inputs[0] + inputs[1]


def convolve(op: Convolution, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """``op`` with the weights given in place of its own."""
    reach = op.dilation * (op.weight.shape[-1] - 1)
    before = reach // 2 if op.stride == 1 else 0  # SAME at stride 2 and even sizes pads right and bottom only
    after = reach - before if op.stride == 1 else max(reach - 1, 0)
    padded = functional.pad(x, (before, after, before, after))
    y = functional.conv2d(padded, weight, bias, op.stride, 0, op.dilation)
    return {"": y, "relu": functional.relu(y), "relu6": functional.relu6(y)}[op.activation]
