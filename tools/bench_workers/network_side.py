"""One engine with one network for ``bench_model.py``: a line on standard input is one run, its milliseconds the answer.

network_side.py litert|tflite-runtime|onnxruntime FILE THREADS
"""

import sys
from collections.abc import Callable
from time import perf_counter
from typing import Any

import numpy as np


def open_tflite(interpreter_class: Any, path: str, threads: int) -> Callable[[], None]:
    """What invokes the interpreter once."""
    interpreter = interpreter_class(path, num_threads=threads)
    interpreter.allocate_tensors()
    entry = interpreter.get_input_details()[0]
    values = np.random.default_rng(1).integers(-128, 128, entry["shape"]).astype(entry["dtype"])
    interpreter.set_tensor(entry["index"], values)
    invoke: Callable[[], None] = interpreter.invoke
    return invoke


def open_onnx(path: str, threads: int) -> Callable[[], None]:
    """What runs the session once."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    entry = session.get_inputs()[0]
    values = np.random.default_rng(1).standard_normal(entry.shape).astype(np.float32)
    return lambda: session.run(None, {entry.name: values}) and None


def open_engine(engine: str, path: str, threads: int) -> Callable[[], None]:
    """What does one inference."""
    if engine == "onnxruntime":
        return open_onnx(path, threads)
    if engine == "litert":
        from ai_edge_litert.interpreter import Interpreter
    else:
        from tflite_runtime.interpreter import Interpreter
    return open_tflite(Interpreter, path, threads)


def main() -> None:
    """Answer until the input ends."""
    engine, path, threads = sys.argv[1:]
    run = open_engine(engine, path, int(threads))
    run()
    for _ in sys.stdin:
        began = perf_counter()
        run()
        print((perf_counter() - began) * 1000, flush=True)


if __name__ == "__main__":
    main()
