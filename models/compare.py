"""Layer by layer: PyTorch against the folded graph, the float .tflite and the int8 .tflite, on the same pictures.

Read it before blaming quantisation: a step in the first two columns is a conversion bug, only the last is int8.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray
from torch import Tensor, nn

from models import tflite_writer
from models.calibrate import Affine
from models.graph import Graph, module_values, run

Values = dict[str, NDArray[np.float32]]


@dataclass(frozen=True)
class Layer:
    """One operator's output: largest difference to PyTorch, folded and in float .tflite; int8's signal to noise."""

    name: str
    kind: str
    folded: float
    float_tflite: float
    int8_db: float


def layers(
    network: nn.Module, graph: Graph, affines: dict[str, Affine], pictures: Sequence[Tensor]
) -> tuple[Layer, ...]:
    """Compare every operator's output that PyTorch has, too, over ``pictures``, each (1, 3, S, S) normalised."""
    float_runner = Peeping(tflite_writer.write(graph, None), graph)
    int8_runner = Peeping(tflite_writer.write(graph, affines), graph)
    worst = {op.output: [0.0, 0.0] for op in graph.ops}
    power = {op.output: [0.0, 0.0] for op in graph.ops}  # of signal and of int8's error
    for picture in pictures:
        torch_values = {name: value.numpy() for name, value in module_values(network, picture).items()}
        folded = {name: value.numpy() for name, value in run(graph, picture).items()}
        in_float, in_int8 = float_runner(picture), int8_runner(picture)
        for name, reference in torch_values.items():
            if name in worst:
                worst[name][0] = max(worst[name][0], float(np.abs(folded[name] - reference).max()))
                worst[name][1] = max(worst[name][1], float(np.abs(in_float[name] - reference).max()))
                power[name][0] += float((reference**2).sum())
                power[name][1] += float(((in_int8[name] - reference) ** 2).sum())
    return tuple(
        Layer(op.output, type(op).__name__, worst[op.output][0], worst[op.output][1], _decibel(*power[op.output]))
        for op in graph.ops
        if op.output in torch_values
    )


def _decibel(signal: float, noise: float) -> float:
    return float(10 * np.log10(max(signal, 1e-12) / max(noise, 1e-12)))


class Peeping:
    """Runs a .tflite and hands out every tensor of the graph as float, (1, C, H, W)."""

    def __init__(self, content: bytes, graph: Graph) -> None:
        self._interpreter = Interpreter(model_content=content, experimental_preserve_all_tensors=True)
        self._interpreter.allocate_tensors()
        details = {detail["name"]: detail for detail in self._interpreter.get_tensor_details()}
        self._details = {name: details[name] for name in graph.shapes}
        self._input = graph.input

    def __call__(self, picture: Tensor) -> Values:
        """Run one picture (1, 3, S, S), normalised."""
        entry = self._details[self._input]
        values = picture.permute(0, 2, 3, 1).numpy()
        if entry["dtype"] is np.int8:
            scale, zero = entry["quantization"]
            values = np.clip(np.rint(values / scale) + zero, -128, 127).astype(np.int8)
        self._interpreter.set_tensor(entry["index"], np.ascontiguousarray(values))
        self._interpreter.invoke()
        return {name: self._read(detail) for name, detail in self._details.items()}

    def _read(self, detail: dict[str, Any]) -> NDArray[np.float32]:
        values = np.asarray(self._interpreter.get_tensor(detail["index"]))
        if values.dtype == np.int8:
            scale, zero = detail["quantization"]
            values = scale * (values.astype(np.float32) - zero)
        return np.asarray(values.transpose(0, 3, 1, 2), np.float32)


def report(found: Sequence[Layer]) -> str:
    """The comparison as a text table."""
    lines = [f"{'tensor':28}{'operator':14}{'folded':>11}{'float tflite':>14}{'int8 dB':>9}"]
    lines += [
        f"{layer.name:28}{layer.kind:14}{layer.folded:11.1e}{layer.float_tflite:14.1e}{layer.int8_db:9.1f}"
        for layer in found
    ]
    return "\n".join(lines) + "\n"
