"""PyTorch, folded graph, .tflite and .onnx compute the same thing."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="exports start from torch, which the box does not carry")

from models import compare, edgetpu_check, onnx_writer, tflite_writer
from models.calibrate import Affine, affines, input_range, observe
from models.graph import Concat, Convolution, Graph, Pool, Resize, run, trace
from models.runners import open_runner
from models.u2net_lite import CONFIGS, build
from models.weights import load_weights
from packshot.errors import UsageError
from tests.models.scenes import product_scenes

SIDE = 128


def lively(name: str) -> torch.nn.Module:
    """A network with random weights and BatchNorm figures that are not the neutral ones."""
    torch.manual_seed(5)
    network = build(CONFIGS[name])
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.1, 0.3)  # about what keeps signals of one size through the depth
            module.bias.data.uniform_(-0.2, 0.4)
    return network.eval()


@pytest.fixture(scope="module")
def network() -> torch.nn.Module:
    return lively("small")


@pytest.fixture(scope="module")
def graph(network: torch.nn.Module) -> Graph:
    return trace(network, SIDE)


@pytest.fixture(scope="module")
def pictures() -> torch.Tensor:
    rows = [torch.from_numpy(rgb).permute(2, 0, 1).float() / 128 - 1 for rgb, _ in product_scenes(3, SIDE)]
    return torch.stack(rows)


@pytest.fixture(scope="module")
def scales(graph: Graph, pictures: torch.Tensor) -> dict[str, Affine]:
    return affines(graph, observe(graph, [pictures]))


@pytest.mark.parametrize("name", CONFIGS)
def test_folded_graph_computes_what_the_network_computes(name: str, pictures: torch.Tensor) -> None:
    network = lively(name)
    graph = trace(network, SIDE)
    with torch.no_grad():
        expected = network(pictures[:1])[-1]
    found = run(graph, pictures[:1])[graph.output]
    assert torch.allclose(found, expected, atol=1e-4 * float(expected.abs().max()))
    assert graph.shapes[graph.output] == tuple(expected.shape[1:])


def test_layer_by_layer_float_is_exact_and_int8_close(
    network: torch.nn.Module, graph: Graph, scales: dict[str, Affine], pictures: torch.Tensor
) -> None:
    layers = compare.layers(network, graph, scales, [pictures[:1]])
    assert [layer.name for layer in layers] == [op.output for op in graph.ops]
    assert max(layer.folded for layer in layers) < 1e-3
    assert max(layer.float_tflite for layer in layers) < 1e-3
    assert min(layer.int8_db for layer in layers) > 8
    assert "int8 dB" in compare.report(layers)


def test_comparison_points_at_a_wrong_scale(
    network: torch.nn.Module, graph: Graph, scales: dict[str, Affine], pictures: torch.Tensor
) -> None:
    hurt = graph.ops[0].output
    wrong = scales | {hurt: Affine(scales[hurt].scale / 8, scales[hurt].zero_point)}
    sound, broken = (compare.layers(network, graph, s, [pictures[:1]])[0] for s in (scales, wrong))
    assert broken.float_tflite == sound.float_tflite
    assert broken.int8_db < sound.int8_db - 10


def test_tensors_that_are_only_copied_share_their_scale(graph: Graph, scales: dict[str, Affine]) -> None:
    copies = [op for op in graph.ops if isinstance(op, Pool | Resize | Concat)]
    assert len(copies) > 20
    for op in copies:
        assert {scales[name] for name in (*op.inputs, op.output)} == {scales[op.output]}


def test_every_possible_pixel_fits_the_input_scale(graph: Graph, scales: dict[str, Affine]) -> None:
    affine = scales[graph.input]
    for value in input_range():
        q = round(value / affine.scale) + affine.zero_point
        assert -128 <= q <= 127


def test_int8_file_passes_the_edge_tpu_check(graph: Graph, scales: dict[str, Affine]) -> None:
    verdict = edgetpu_check.check(tflite_writer.write(graph, scales))
    assert verdict.reasons() == []
    assert {op.name for op in verdict.operators} == {
        "CONV_2D",
        "MAX_POOL_2D",
        "RESIZE_NEAREST_NEIGHBOR",
        "CONCATENATION",
        "ADD",
    }


def test_published_network_is_refused_for_dilation_and_half_pixel_resizing() -> None:
    network = lively("u2netp")
    graph = trace(network, SIDE)
    scales = dict.fromkeys(graph.shapes, Affine(0.1, 0))
    reasons = "\n".join(edgetpu_check.check(tflite_writer.write(graph, scales)).reasons())
    assert "dilation" in reasons
    assert "half-pixel" in reasons


def in_half_precision(graph: Graph) -> Graph:
    """The graph with its weights rounded to what the float .onnx keeps."""
    ops = [
        replace(op, weight=op.weight.astype(np.float16).astype(np.float32)) if isinstance(op, Convolution) else op
        for op in graph.ops
    ]
    return replace(graph, ops=tuple(ops))


def test_float_onnx_has_half_the_bytes_of_its_weights(graph: Graph) -> None:
    weights = sum(op.weight.size for op in graph.ops if isinstance(op, Convolution))
    assert len(onnx_writer.write(graph, None)) < 2.2 * weights


@pytest.mark.parametrize("int8", [False, True], ids=["float", "int8"])
def test_onnx_agrees_with_tflite(
    graph: Graph, scales: dict[str, Affine], int8: bool, tmp_path: Path, pictures: torch.Tensor
) -> None:
    onnxruntime = pytest.importorskip("onnxruntime", reason="onnxruntime belongs to the training environment")
    content = onnx_writer.write(graph, scales if int8 else None)
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    found = session.run(None, {graph.input: pictures[:1].numpy()})[0]
    expected = run(graph if int8 else in_half_precision(graph), pictures[:1])[graph.output].numpy()
    spread = float(np.ptp(expected))
    assert np.abs(found - expected).max() < (0.3 if int8 else 1e-4) * spread
    assert np.abs(found - expected).mean() < (0.06 if int8 else 1e-5) * spread


def test_runner_refuses_a_float_tflite(graph: Graph, tmp_path: Path) -> None:
    path = tmp_path / "float.tflite"
    path.write_bytes(tflite_writer.write(graph, None))
    with pytest.raises(UsageError, match=r"another kind than \(1, H, W, 3\) int8"):
        open_runner(path)


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "small.pt"
    torch.save(build(CONFIGS["small"]).state_dict(), path)
    assert load_weights(CONFIGS["small"], path) is not None
    with pytest.raises(UsageError, match="another network than 'default'"):
        load_weights(CONFIGS["default"], path)


def test_file_that_holds_no_weights_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "weights.pt"
    path.write_bytes(b"not a checkpoint")
    with pytest.raises(UsageError, match=r"weights\.pt"):
        load_weights(CONFIGS["small"], path)
