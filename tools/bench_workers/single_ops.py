"""Every operator of a .tflite as a network of its own, run by LiteRT: a profile where the delegate shows a whole.

Operators alone neither share caches nor fuse; their sum is more than the whole, their shares are what counts.
"""

from collections.abc import Iterator
from pathlib import Path
from time import perf_counter
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter

NAMES = {code: name for name, code in vars(schema.BuiltinOperator).items() if not name.startswith("_")}


def profile(path: Path, runs: int = 15) -> Iterator[tuple[str, str, float]]:
    """(kind, result's name, median milliseconds) of every operator, in the order of the file."""
    model = schema.ModelT.InitFromPackedBuf(path.read_bytes(), 0)
    graph = model.subgraphs[0]
    for operator in graph.operators:
        kind = NAMES[model.operatorCodes[operator.opcodeIndex].builtinCode]
        name = bytes(graph.tensors[operator.outputs[0]].name).decode()
        yield kind, name, _median_ms(_alone(model, operator), runs)


def _alone(model: Any, operator: Any) -> bytes:
    """A .tflite with this operator only; what is not constant comes from outside."""
    graph = model.subgraphs[0]
    kept = [index for index in [*operator.inputs, *operator.outputs] if index >= 0]
    place = {tensor: number for number, tensor in enumerate(dict.fromkeys(kept))}
    single = schema.SubGraphT()
    single.tensors = [graph.tensors[tensor] for tensor in place]
    copy = schema.OperatorT()
    vars(copy).update(vars(operator))
    copy.inputs = [place.get(tensor, -1) for tensor in operator.inputs]
    copy.outputs = [place[tensor] for tensor in operator.outputs]
    single.operators = [copy]
    single.inputs = [place[t] for t in operator.inputs if t >= 0 and not _constant(model, graph.tensors[t])]
    single.outputs = copy.outputs
    whole = schema.ModelT()
    vars(whole).update(vars(model))
    whole.subgraphs, whole.signatureDefs, whole.metadata = [single], [], []
    builder = flatbuffers.Builder(1 << 20)
    builder.Finish(whole.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def _constant(model: Any, tensor: Any) -> bool:
    data = model.buffers[tensor.buffer].data
    return data is not None and len(data) > 0


def _median_ms(content: bytes, runs: int) -> float:
    interpreter = Interpreter(model_content=content, num_threads=1)
    interpreter.allocate_tensors()
    random = np.random.default_rng(1)
    for entry in interpreter.get_input_details():
        interpreter.set_tensor(entry["index"], random.integers(-128, 128, entry["shape"]).astype(entry["dtype"]))
    times = []
    for _ in range(runs):
        began = perf_counter()
        interpreter.invoke()
        times.append((perf_counter() - began) * 1000)
    return sorted(times)[runs // 2]
