"""The yardstick of the model benchmark is U²-Net† indeed, and the profile covers every operator."""

from collections import Counter
from pathlib import Path

import pytest

from tools import bench_model
from tools.bench_workers import single_ops, u2netp_onnx


def test_yardstick_has_the_published_arithmetic(tmp_path: Path) -> None:
    macs = u2netp_onnx.write(tmp_path / "u2netp.onnx")
    assert macs / 1e9 == pytest.approx(19.8, abs=0.05)


def test_yardstick_counts_what_the_published_configuration_counts(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="torch belongs to the training environment")
    from models.u2net_lite import CONFIGS, build, multiply_accumulates

    assert u2netp_onnx.write(tmp_path / "u2netp.onnx") == multiply_accumulates(build(CONFIGS["u2netp"]), 320)


@pytest.mark.slow
def test_yardstick_runs_in_onnxruntime_and_the_released_network_in_litert(tmp_path: Path) -> None:
    published = tmp_path / "u2netp.onnx"
    u2netp_onnx.write(published)
    chosen = [
        bench_model.Candidate("onnxruntime", "U²-Net† float", published, 1),
        bench_model.Candidate("litert", "default int8", bench_model.released()["default"], 1),
    ]
    medians = bench_model.measure(chosen, 2)
    assert set(medians) == {candidate.key for candidate in chosen}
    assert all(ms > 0 for ms in medians.values())


def test_every_operator_of_the_released_network_runs_alone() -> None:
    kinds = Counter(kind for kind, _, _ in single_ops.profile(bench_model.released()["default"], runs=1))
    assert kinds["CONV_2D"] > 50
    assert set(kinds) == {"CONV_2D", "CONCATENATION", "RESIZE_NEAREST_NEIGHBOR", "ADD", "MAX_POOL_2D"}
