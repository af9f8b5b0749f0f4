"""Enlargements too large for the Edge TPU, done in parts of their channels: the same numbers.

What is enlarged is the output of a convolution, which is split by output channels; each part is enlarged by itself,
and the parts meet again in the concatenation that follows, or in one of their own.
"""

from dataclasses import replace
from math import ceil

import numpy as np

from models.graph import Concat, Convolution, Graph, Op, Resize
from packshot.errors import UsageError


def narrow_resizes(graph: Graph, limit: int) -> Graph:
    """The graph with every resize of more than ``limit`` values split; raises UsageError where one cannot be."""
    for op in graph.ops:
        if isinstance(op, Resize):
            channels, height, width = graph.shapes[op.output]
            parts = ceil(channels / max(1, limit // (height * width)))
            graph = _split(graph, op, parts) if parts > 1 else graph
    return graph


def _split(graph: Graph, resize: Resize, count: int) -> Graph:
    source = next((op for op in graph.ops if op.output == resize.inputs[0]), None)
    if not isinstance(source, Convolution) or len(_users(graph, source.output)) > 1:
        raise UsageError(f"{resize.output} enlarges what no convolution made for it alone; it cannot be split")
    sections = np.array_split(np.arange(len(source.bias)), count)
    convolutions = [
        replace(source, output=f"{source.output}.{n}", weight=source.weight[part], bias=source.bias[part])
        for n, part in enumerate(sections)
    ]
    resizes = [
        replace(resize, inputs=(convolution.output,), output=f"{resize.output}.{n}")
        for n, convolution in enumerate(convolutions)
    ]
    names = tuple(part.output for part in resizes)
    joined = all(isinstance(user, Concat) for user in _users(graph, resize.output))
    put: dict[str, list[Op]] = {source.output: [*convolutions], resize.output: [*resizes]}
    if not joined:
        put[resize.output].append(Concat(names, resize.output))
    ops = [new for op in graph.ops for new in put.get(op.output, [_reading(op, resize.output, names, joined)])]
    return replace(graph, ops=tuple(ops), shapes=_shapes(graph, source.output, resize.output, convolutions, joined))


def _users(graph: Graph, name: str) -> list[Op]:
    return [op for op in graph.ops if name in op.inputs]


def _reading(op: Op, whole: str, parts: tuple[str, ...], joined: bool) -> Op:
    """The operator, a concatenation with the parts in place of the whole."""
    if not joined or whole not in op.inputs:
        return op
    return replace(op, inputs=tuple(name for source in op.inputs for name in (parts if source == whole else (source,))))


def _shapes(
    graph: Graph, source: str, enlarged: str, convolutions: list[Convolution], joined: bool
) -> dict[str, tuple[int, int, int]]:
    """Those of all tensors that are left, and of the parts."""
    gone = {source, enlarged} if joined else {source}
    shapes = {name: shape for name, shape in graph.shapes.items() if name not in gone}
    for n, convolution in enumerate(convolutions):
        for whole in (source, enlarged):
            shapes[f"{whole}.{n}"] = (len(convolution.bias), *graph.shapes[whole][1:])
    return shapes
