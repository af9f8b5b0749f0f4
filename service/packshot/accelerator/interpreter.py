"""The TFLite interpreter of whichever package the board has: LiteRT, else tflite-runtime. Same calls, same numbers."""

import importlib
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from packshot.accelerator.checks import check_fed, check_tensor
from packshot.errors import AcceleratorError, ModelError
from packshot.matting.card import ModelCard

RUNTIMES = (("litert", "ai_edge_litert.interpreter"), ("tflite-runtime", "tflite_runtime.interpreter"))
DELEGATE = "DELEGATE"
NATIVE_CHATTER = (b"INFO: ", b"WARNING: ")


@dataclass(frozen=True)
class Runtime:
    """An installed interpreter package: its short name and its ``interpreter`` module."""

    name: str
    module: Any


def find_runtime(wanted: str = "auto") -> Runtime:
    """LiteRT if it is installed, else tflite-runtime, or only the one ``wanted`` by name.

    Raises AcceleratorError when none of them can be imported.
    """
    problems = []
    for name, module in RUNTIMES:
        if wanted not in ("auto", name):
            continue
        try:
            return Runtime(name, importlib.import_module(module))
        except ImportError as error:
            problems.append(f"{module}: {error}")
    raise AcceleratorError(f"no TFLite runtime ({'; '.join(problems) or wanted}); pip install ai-edge-litert")


class LoadedNetwork:
    """An interpreter with the network in it, checked against the card, ready to run."""

    def __init__(
        self,
        runtime: Runtime,
        model: bytes,
        card: ModelCard,
        *,
        threads: int = 1,
        delegates: Sequence[Any] = (),
        default_delegates: bool = True,
    ) -> None:
        """``default_delegates=False`` keeps XNNPACK away. Raises ModelError or AcceleratorError."""
        self.card = card
        resolver = runtime.module.OpResolverType
        with _quiet_natives():
            try:
                self._interpreter: Any = runtime.module.Interpreter(
                    model_content=model,
                    num_threads=threads,
                    experimental_delegates=list(delegates) or None,
                    experimental_op_resolver_type=(
                        resolver.AUTO if default_delegates else resolver.BUILTIN_WITHOUT_DEFAULT_DELEGATES
                    ),
                )
                self._interpreter.allocate_tensors()
            except ValueError as error:
                raise ModelError(
                    f"network {card.name} cannot be loaded: {_one_line(error)}; install it again"
                ) from error
            except (RuntimeError, SystemError) as error:  # SystemError: tflite-runtime beside numpy 2
                raise AcceleratorError(
                    f"{runtime.name} with numpy {np.__version__} cannot run {card.name}: {_one_line(error)}"
                ) from error
        self._input, self._output = self._check()

    def _check(self) -> tuple[int, int]:
        """Both ends against the card; returns the tensor indices of input and output."""
        inputs, outputs = self._interpreter.get_input_details(), self._interpreter.get_output_details()
        if len(inputs) != 1 or len(outputs) != 1:
            raise ModelError(
                f"network {self.card.name} has {len(inputs)} inputs and {len(outputs)} outputs, not one each"
            )
        check_tensor("input", inputs[0], self.card.input)
        check_tensor("output", outputs[0], self.card.output)
        return int(inputs[0]["index"]), int(outputs[0]["index"])

    def run(self, tensor: NDArray[np.int8]) -> NDArray[np.int8]:
        """One inference, a copy. Raises ValueError for a wrong array, AcceleratorError when the engine fails."""
        check_fed(tensor, self.card.input)
        try:
            self._interpreter.set_tensor(self._input, tensor)
            self._interpreter.invoke()
            return np.array(self._interpreter.get_tensor(self._output), np.int8)
        except RuntimeError as error:
            raise AcceleratorError(f"inference failed: {_one_line(error)}") from error

    def outside_delegates(self) -> frozenset[str]:
        """The names of the operations that no delegate took over; all of them where there is no delegate.

        The interpreter lists one DELEGATE operation for each part of the graph that was taken, after the operations
        themselves: what was taken lies between that operation's inputs and its outputs.
        """
        operations = self._operations()
        makers = {int(out): op for op in operations if op["op_name"] != DELEGATE for out in op["outputs"]}
        taken: set[int] = set()
        for delegate in (op for op in operations if op["op_name"] == DELEGATE):
            ends = {int(tensor) for tensor in delegate["inputs"]}
            pending = [int(tensor) for tensor in delegate["outputs"]]
            while pending:
                maker = makers.get(pending.pop())
                if maker is not None and maker["index"] not in taken:
                    taken.add(maker["index"])
                    pending.extend(int(tensor) for tensor in maker["inputs"] if int(tensor) not in ends)
        return frozenset(str(op["op_name"]) for op in makers.values() if op["index"] not in taken)

    def operation_names(self) -> frozenset[str]:
        """The names of all operations in the network, custom ones by their own name."""
        return frozenset(str(op["op_name"]) for op in self._operations())

    def _operations(self) -> list[dict[str, Any]]:
        # The interpreter has no public list of its operations; both packages carry this one, and the contract
        # suite runs under both.
        operations: list[dict[str, Any]] = self._interpreter._get_ops_details()  # noqa: SLF001 - no public call
        return operations


@contextmanager
def _quiet_natives() -> Iterator[None]:
    """Keep the runtime's own INFO and WARNING lines off stderr (it has no setting for that); pass on all others."""
    sys.stderr.flush()
    real = os.dup(2)
    held = os.memfd_create("stderr")
    os.dup2(held, 2)
    try:
        yield
    finally:
        os.dup2(real, 2)
        os.close(real)
        with os.fdopen(held, "rb") as lines:
            lines.seek(0)
            for line in lines:
                if not line.startswith(NATIVE_CHATTER):
                    os.write(2, line)


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
