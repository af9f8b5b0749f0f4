"""Would the Edge TPU take this .tflite whole? Per operator: mapped or not, and why.

    python -m models.edgetpu_check models/released/*.tflite

Rules from "TensorFlow models on the Edge TPU" (coral.ai), the operator versions that compiler 16.0 reads, and limits
met in practice. Where ``edgetpu_compiler`` is installed it has the last word: its output must be one edgetpu-custom-op.
Without it a model that passes is likely to map, but unproven.
"""

import argparse
import shutil
import struct
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ai_edge_litert import schema_py_generated as schema

from packshot.errors import ModelError, PackshotError

RESIZE_LIMIT = 512 * 1024  # bytes of a resize's output; larger ones were seen to fall back to the CPU
PARAMETER_LIMIT = 6_000_000  # bytes of weights that stay on the chip's 8 MB beside code and activations
CUSTOM_OP = b"edgetpu-custom-op"

# Operators that the compiler maps -> newest version it reads.
OPERATOR_VERSIONS = {
    "ADD": 2,
    "AVERAGE_POOL_2D": 2,
    "CONCATENATION": 2,
    "CONV_2D": 3,
    "DEPTHWISE_CONV_2D": 3,
    "FULLY_CONNECTED": 4,
    "LOGISTIC": 2,
    "MAX_POOL_2D": 2,
    "MAXIMUM": 2,
    "MEAN": 2,
    "MINIMUM": 2,
    "MUL": 2,
    "PAD": 2,
    "QUANTIZE": 1,
    "RELU": 2,
    "RELU6": 2,
    "RESHAPE": 1,
    "RESIZE_BILINEAR": 3,
    "RESIZE_NEAREST_NEIGHBOR": 3,
    "SLICE": 2,
    "SOFTMAX": 2,
    "SPACE_TO_DEPTH": 2,
    "SPLIT": 2,
    "STRIDED_SLICE": 4,
    "SUB": 2,
    "TANH": 2,
}

_NAMES = {code: name for name, code in vars(schema.BuiltinOperator).items() if isinstance(code, int)}
_TYPES = {code: name for name, code in vars(schema.TensorType).items() if isinstance(code, int)}


@dataclass(frozen=True)
class OpVerdict:
    """One operator: ``reason`` says why the Edge TPU would not take it; empty if it would."""

    index: int
    name: str
    version: int
    output: tuple[int, ...]
    reason: str


@dataclass(frozen=True)
class Verdict:
    """A whole model: its operators, and what is wrong beyond single operators."""

    operators: tuple[OpVerdict, ...]
    problems: tuple[str, ...]
    parameter_bytes: int

    @property
    def passes(self) -> bool:
        """Nothing stands against mapping the model whole."""
        return not self.problems and all(not op.reason for op in self.operators)

    def reasons(self) -> list[str]:
        """Everything that stands against it, one line each."""
        refused = [f"operator {op.index} {op.name}: {op.reason}" for op in self.operators if op.reason]
        return [*refused, *self.problems]


def check(content: bytes) -> Verdict:
    """Judge the bytes of a .tflite by the documented rules; raises ModelError if they are not one."""
    model = read(content)
    graph = model.subgraphs[0]
    operators = tuple(_judge(model, graph, index) for index in range(len(graph.operators)))
    size = sum(len(buffer.data) for buffer in model.buffers if buffer.data is not None)
    return Verdict(operators, tuple(_problems(model, graph, operators, size)), size)


def read(content: bytes) -> Any:
    """The schema's ModelT; raises ModelError if the bytes are damaged or hold no operators."""
    try:
        if content[4:8] != b"TFL3":
            raise ModelError("not a .tflite file: the mark TFL3 is missing")
        model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(content, 0))
        if not model.subgraphs or not model.subgraphs[0].operators:
            raise ModelError("the .tflite holds no operators")
    except (IndexError, ValueError, TypeError, AttributeError, struct.error) as error:
        raise ModelError(f"the .tflite is damaged: {error}") from error
    return model


def _judge(model: Any, graph: Any, index: int) -> OpVerdict:
    operator = graph.operators[index]
    code = model.operatorCodes[operator.opcodeIndex]
    builtin = max(code.builtinCode, code.deprecatedBuiltinCode)
    name, output = _NAMES.get(builtin, str(builtin)), graph.tensors[operator.outputs[0]]
    reason = _unsupported(name, code.version) or _wrong_type(graph, operator)
    if not reason and name in _RULES:
        reason = _RULES[name](operator.builtinOptions, output)
    return OpVerdict(index, name, code.version, tuple(int(n) for n in output.shape), reason)


def _unsupported(name: str, version: int) -> str:
    if name == "TRANSPOSE":
        return "transposes are left to the CPU; keep NHWC all the way"
    if name not in OPERATOR_VERSIONS:
        return "no operator of the Edge TPU"
    if version > OPERATOR_VERSIONS[name]:
        return f"version {version} is newer than the {OPERATOR_VERSIONS[name]} that compiler 16 reads"
    return ""


def _wrong_type(graph: Any, operator: Any) -> str:
    for index in (*operator.inputs, *operator.outputs):
        kind = _TYPES[graph.tensors[index].type] if index >= 0 else "INT8"
        if kind not in ("INT8", "UINT8", "INT32"):
            return f"a {kind} tensor; everything must be int8 (weights, activations) or int32 (biases, sizes)"
    return ""


def _convolution(options: Any, _output: Any) -> str:
    if max(options.dilationWFactor, options.dilationHFactor) > 1:
        return "dilation; use pooling or larger kernels"
    return ""


def _unfused(options: Any, _output: Any) -> str:
    fused = options.fusedActivationFunction != schema.ActivationFunctionType.NONE
    return "fused activation; give it to the convolution before" if fused else ""


def _resize(options: Any, output: Any) -> str:
    if options.halfPixelCenters or options.alignCorners:
        return "half-pixel or aligned corners; neither flag may be set"
    channels = int(output.shape[1]) * int(output.shape[2]) * int(output.shape[3])
    if channels > RESIZE_LIMIT:
        return f"output of {channels} bytes; at most {RESIZE_LIMIT} are mapped"
    return ""


_RULES: dict[str, Callable[[Any, Any], str]] = {
    "CONV_2D": _convolution,
    "DEPTHWISE_CONV_2D": _convolution,
    "CONCATENATION": _unfused,
    "MAX_POOL_2D": _unfused,
    "AVERAGE_POOL_2D": _unfused,
    "RESIZE_BILINEAR": _resize,
    "RESIZE_NEAREST_NEIGHBOR": _resize,
}


def _problems(model: Any, graph: Any, operators: tuple[OpVerdict, ...], size: int) -> Iterator[str]:
    if len(model.subgraphs) != 1:
        yield f"{len(model.subgraphs)} subgraphs; one is mapped"
    for index in (*graph.inputs, *graph.outputs):
        tensor = graph.tensors[index]
        if _TYPES[tensor.type] not in ("INT8", "UINT8"):
            yield f"tensor {_text(tensor.name)} at the border is {_TYPES[tensor.type]}; int8 or uint8 is wanted"
        if tensor.shapeSignature is not None and min(tensor.shapeSignature, default=1) < 0:
            yield f"tensor {_text(tensor.name)} has a dynamic shape; shapes must be fixed"
        if int(tensor.shape[0]) != 1:
            yield f"tensor {_text(tensor.name)} has batch {tensor.shape[0]}; it must be 1"
    if size > PARAMETER_LIMIT:
        yield f"{size} bytes of parameters; above {PARAMETER_LIMIT} they are streamed for every picture"
    before = (False, *(bool(op.reason) for op in operators[:-1]))
    segments = sum(bool(op.reason) and not gap for op, gap in zip(operators, before, strict=True))
    if segments and not operators[0].reason:
        yield f"{segments} gap(s) in the graph; the compiler maps only what comes before the first"


def _text(name: bytes | str | None) -> str:
    return name.decode() if isinstance(name, bytes) else str(name)


def compiler() -> str | None:
    """Path of ``edgetpu_compiler``, or None where it is not installed (it exists for x86-64 Linux only)."""
    return shutil.which("edgetpu_compiler")


def compile_whole(program: str, path: Path) -> None:
    """Run the compiler and require one edgetpu-custom-op and nothing else; raises ModelError with its last line."""
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run([program, "-s", "-o", folder, str(path)], capture_output=True, text=True, check=False)
        compiled = Path(folder) / f"{path.stem}_edgetpu.tflite"
        if done.returncode or not compiled.exists():
            lines = (done.stderr or done.stdout).strip().splitlines() or ["no message"]
            raise ModelError(f"edgetpu_compiler refuses {path.name}: {lines[-1]}")
        require_custom_op(compiled.read_bytes(), path.name)


def require_custom_op(content: bytes, name: str) -> None:
    """Raise ModelError unless the compiled model is the custom operator alone."""
    model = read(content)
    codes = [model.operatorCodes[op.opcodeIndex] for op in model.subgraphs[0].operators]
    custom = [code for code in codes if code.customCode == CUSTOM_OP]
    if len(custom) != 1 or len(codes) != 1:
        raise ModelError(f"{name} compiles to {len(codes)} operators, {len(custom)} on the Edge TPU; one is wanted")


def main() -> int:
    """Command line; returns 0 if every model passes, 1 if one is refused."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", type=Path, nargs="+")
    refused = False
    for path in parser.parse_args().models:
        try:
            reasons = _check_file(path)
        except PackshotError as error:
            reasons = [str(error)]
        except OSError as error:
            reasons = [f"cannot be read: {error.strerror}"]
        refused = refused or bool(reasons)
        print("\n".join(f"{path.name}: {reason}" for reason in reasons) or f"{path.name}: {_praise()}")
    return int(refused)


def _check_file(path: Path) -> list[str]:
    reasons = check(path.read_bytes()).reasons()
    program = compiler()
    if not reasons and program is not None:
        compile_whole(program, path)
    return reasons


def _praise() -> str:
    if compiler() is not None:
        return "compiled whole for the Edge TPU"
    return "nothing stands against mapping it whole; unproven until edgetpu_compiler has run"


if __name__ == "__main__":
    sys.exit(main())
