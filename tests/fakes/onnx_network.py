"""The tiny network as ONNX: the same answer from (1, 3, 16, 16) float32 to (1, 1, 16, 16) float32."""

from pathlib import Path

from packshot.matting.card import ModelCard
from tests.fakes.networks import tiny, with_sha256_of

WEIGHT = 8 / 3


def onnx_tiny(folder: Path, channels: int = 3) -> tuple[ModelCard, Path]:
    """Write it into ``folder``; ``channels`` other than 3 makes one that its card does not describe."""
    from onnx import TensorProto, helper

    node = helper.make_node("Conv", ["input", "kernel"], ["logits"], kernel_shape=[1, 1])
    graph = helper.make_graph(
        [node],
        "tiny",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, channels, 16, 16])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, [1, 1, 16, 16])],
        [helper.make_tensor("kernel", TensorProto.FLOAT, [1, channels, 1, 1], [WEIGHT] * channels)],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    path = folder / "tiny.onnx"
    path.write_bytes(model.SerializeToString())
    return with_sha256_of(tiny()[0], path.read_bytes()), path
