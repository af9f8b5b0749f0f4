"""The Edge TPU check refuses what the compiler would leave to the CPU, and says why in one line."""

import sys
from pathlib import Path

import pytest
from ai_edge_litert import schema_py_generated as schema

from models import edgetpu_check
from packshot.errors import ModelError
from tests.models.flat_model import FlatModel

BUILTIN, TYPE = schema.BuiltinOperator, schema.TensorType
RELEASED = sorted(Path(edgetpu_check.__file__).parent.glob("released/*.tflite"))


def reasons(model: FlatModel) -> str:
    return "\n".join(edgetpu_check.check(model.content()).reasons())


def test_ok__plain_convolutions_and_a_small_resize() -> None:
    model = FlatModel()
    model.convolution()
    model.resize(16)
    model.convolution(channels=1)
    assert reasons(model) == ""


def test_fail__dilation() -> None:
    model = FlatModel()
    model.convolution(dilation=2)
    assert "operator 0 CONV_2D: dilation" in reasons(model)


def test_fail__half_pixel_resize() -> None:
    model = FlatModel()
    model.resize(16, half_pixel=True)
    assert "RESIZE_BILINEAR: half-pixel" in reasons(model)


def test_fail__transpose() -> None:
    model = FlatModel()
    order = model.tensor((4,), TYPE.INT32, [0, 3, 1, 2])
    model.add(BUILTIN.TRANSPOSE, 2, (1, 4, 8, 8), extra=[order], settings=schema.TransposeOptionsT())
    assert "TRANSPOSE: transposes are left to the CPU" in reasons(model)


@pytest.mark.parametrize(("side", "refused"), [(362, False), (363, True)])
def test_resize_is_refused_from_the_first_size_over_half_a_mebibyte(side: int, refused: bool) -> None:
    model = FlatModel()  # four channels: 362 * 362 * 4 = 524,176 bytes, 363 * 363 * 4 = 527,076
    model.resize(side)
    assert ("at most 524288 are mapped" in reasons(model)) == refused


def test_fail__float_island_between_int8_operators() -> None:
    model = FlatModel()
    model.convolution()
    model.add(BUILTIN.DEQUANTIZE, 2, (1, 8, 8, 4), TYPE.FLOAT32)
    model.add(BUILTIN.LOGISTIC, 1, (1, 8, 8, 4), TYPE.FLOAT32)
    model.add(BUILTIN.QUANTIZE, 1, (1, 8, 8, 4))
    model.convolution()
    found = reasons(model)
    assert "operator 1 DEQUANTIZE" in found
    assert "operator 2 LOGISTIC: a FLOAT32 tensor" in found
    assert "1 gap(s) in the graph" in found


def test_fail__float_input() -> None:
    model = FlatModel(kind=TYPE.FLOAT32)
    model.add(BUILTIN.QUANTIZE, 1, (1, 8, 8, 4))
    model.convolution()
    assert "at the border is FLOAT32" in reasons(model)


def test_fail__operator_version_of_a_newer_converter() -> None:
    model = FlatModel()
    model.convolution(version=8)
    assert "version 8 is newer than the 3 that compiler 16 reads" in reasons(model)


def test_fail__concat_with_a_fused_activation() -> None:
    settings = schema.ConcatenationOptionsT()
    settings.axis, settings.fusedActivationFunction = 3, schema.ActivationFunctionType.RELU6
    model = FlatModel()
    model.add(BUILTIN.CONCATENATION, 2, (1, 8, 8, 8), extra=[model.last], settings=settings)
    assert "CONCATENATION: fused activation" in reasons(model)


def test_fail__batch_of_two() -> None:
    model = FlatModel(shape=(2, 8, 8, 4))
    model.convolution()
    assert "has batch 2; it must be 1" in reasons(model)


def test_fail__dynamic_shape() -> None:
    model = FlatModel()
    model.convolution()
    model.graph.tensors[0].shapeSignature = [1, -1, -1, 4]
    assert "dynamic shape" in reasons(model)


def test_fail__more_weights_than_the_chip_keeps() -> None:
    model = FlatModel(shape=(1, 8, 8, 512))
    model.convolution(channels=1400)
    assert "6456800 bytes of parameters" in reasons(model)


@pytest.mark.parametrize("content", [b"", b"\x00\x00\x00\x00TFL", b"\x1c\x00\x00\x00TFL3" + b"\xff" * 40])
def test_damaged_file_is_one_clear_error(content: bytes) -> None:
    with pytest.raises(ModelError):
        edgetpu_check.check(content)


def test_compiled_model_must_be_the_custom_operator_alone() -> None:
    model = FlatModel()
    model.add(BUILTIN.CUSTOM, 1, (1, 8, 8, 1))
    model.model.operatorCodes[0].customCode = b"edgetpu-custom-op"
    edgetpu_check.require_custom_op(model.content(), "whole.tflite")
    model.convolution()
    with pytest.raises(ModelError, match="compiles to 2 operators, 1 on the Edge TPU"):
        edgetpu_check.require_custom_op(model.content(), "split.tflite")


def test_compiler_that_maps_nothing_is_not_believed(tmp_path: Path) -> None:
    model = FlatModel()
    model.convolution()
    source = tmp_path / "net.tflite"
    source.write_bytes(model.content())
    copier = tmp_path / "edgetpu_compiler"  # answers as the real one, but leaves the model as it is
    copier.write_text('#!/bin/sh\ncp "$4" "$3/$(basename "$4" .tflite)_edgetpu.tflite"\n')
    copier.chmod(0o755)
    with pytest.raises(ModelError, match="compiles to 1 operators, 0 on the Edge TPU"):
        edgetpu_check.compile_whole(str(copier), source)


def test_compiler_that_fails_is_quoted(tmp_path: Path) -> None:
    grumbler = tmp_path / "edgetpu_compiler"
    grumbler.write_text("#!/bin/sh\necho 'Internal compiler error. Aborting!' >&2\nexit 1\n")
    grumbler.chmod(0o755)
    with pytest.raises(ModelError, match="Aborting"):
        edgetpu_check.compile_whole(str(grumbler), tmp_path / "net.tflite")


def test_command_line_names_file_and_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = FlatModel()
    bad.convolution(dilation=2)
    (tmp_path / "bad.tflite").write_bytes(bad.content())
    monkeypatch.setattr(sys, "argv", ["edgetpu_check", str(tmp_path / "bad.tflite"), str(tmp_path / "none.tflite")])
    assert edgetpu_check.main() == 1
    printed = capsys.readouterr().out.splitlines()
    assert printed == [
        "bad.tflite: operator 0 CONV_2D: dilation; use pooling or larger kernels",
        "none.tflite: cannot be read: No such file or directory",
    ]


@pytest.mark.parametrize("path", RELEASED, ids=lambda path: path.name)
def test_released_model_passes(path: Path) -> None:
    verdict = edgetpu_check.check(path.read_bytes())
    assert verdict.reasons() == []
    assert len(verdict.operators) > 100
