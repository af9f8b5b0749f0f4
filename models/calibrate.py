"""Scales and zero points of every tensor, from the ranges that calibration pictures reach."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from models.graph import Concat, Convolution, Graph, Pool, Resize, run
from packshot.matting.tensor import IMAGENET_MEAN, IMAGENET_STD

LOGIT_LIMIT = 10.0  # sigmoid(-10) = 0.00005; a wider range would only coarsen the steps around the edge

Ranges = dict[str, tuple[float, float]]


@dataclass(frozen=True)
class Affine:
    """int8 affine of one tensor: real = scale * (q - zero_point)."""

    scale: float
    zero_point: int


def observe(graph: Graph, batches: Iterable[Tensor]) -> Ranges:
    """Smallest and largest value of every tensor over all batches, each (B, 3, S, S) normalised; 0 is included."""
    ranges = dict.fromkeys(graph.shapes, (0.0, 0.0))
    for batch in batches:
        for name, value in run(graph, batch).items():
            low, high = ranges[name]
            ranges[name] = min(low, float(value.min())), max(high, float(value.max()))
    ranges[graph.input] = input_range()
    low, high = ranges[graph.output]
    ranges[graph.output] = max(low, -LOGIT_LIMIT), min(high, LOGIT_LIMIT)
    return ranges


def input_range() -> tuple[float, float]:
    """What (rgb / 255 - mean) / std can be over all three channels."""
    mean, std = np.array(IMAGENET_MEAN), np.array(IMAGENET_STD)
    return float((-mean / std).min()), float(((1.0 - mean) / std).max())


def affines(graph: Graph, ranges: Ranges) -> dict[str, Affine]:
    """Affine of every tensor; those that an operator only copies (pool, resize, concat) share one."""
    groups = _tied(graph)
    joint: Ranges = {}
    for name, (low, high) in ranges.items():
        known = joint.get(groups[name], (0.0, 0.0))
        joint[groups[name]] = min(low, known[0]), max(high, known[1])
    return {name: _affine(*joint[group]) for name, group in groups.items()}


def _tied(graph: Graph) -> dict[str, str]:
    """Tensor -> representative of its group (union-find)."""
    parent = {name: name for name in graph.shapes}

    def root(name: str) -> str:
        while parent[name] != name:
            name = parent[name]
        return name

    for op in graph.ops:
        if isinstance(op, Pool | Resize | Concat):
            for source in op.inputs:
                parent[root(source)] = root(op.output)
    return {name: root(name) for name in parent}


def _affine(low: float, high: float) -> Affine:
    scale = max((high - low) / 255.0, 1e-8)
    return Affine(scale, int(np.clip(round(-128 - low / scale), -128, 127)))


def quantise_weight(op: Convolution) -> tuple[NDArray[np.int8], NDArray[np.float64]]:
    """Symmetric int8 per output channel: weight (out, in, k, k) and scales (out,), weight = scale * q, |q| <= 127."""
    peak = np.abs(op.weight).reshape(len(op.weight), -1).max(axis=1).astype(np.float64)
    scale = np.maximum(peak, 1e-8) / 127.0
    q = np.clip(np.rint(op.weight / scale[:, None, None, None]), -127, 127)
    return q.astype(np.int8), scale


def quantise_bias(op: Convolution, input_scale: float, weight_scale: NDArray[np.float64]) -> NDArray[np.int32]:
    """Bias (out,) as int32 in steps of input scale times weight scale."""
    limits = np.iinfo(np.int32)
    return np.clip(np.rint(op.bias / (input_scale * weight_scale)), limits.min, limits.max).astype(np.int32)
