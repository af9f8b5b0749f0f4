"""A training run that is stopped and goes on ends where an uninterrupted one ends."""

import csv
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="training needs torch, which the box does not carry")
pytest.importorskip("tqdm", reason="the progress bar belongs to the training environment")
pytest.importorskip("matplotlib", reason="the curves belong to the training environment")

from models import checkpoint, train
from models.augment import Batch
from packshot.errors import UsageError
from tests.models.tiny_data import write_tiny_data

ROOT = Path(train.__file__).parents[1]
STEPS = 8


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_data(tmp_path_factory.mktemp("data"))


def command(data: Path, out: Path, *more: str) -> list[str]:
    options = f"--config small --samples {2 * STEPS} --batch 2 --sizes 64:1 --every 2 --data {data} --out {out}"
    return [sys.executable, "-m", "models.train", *options.split(), *more]


def environment() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(ROOT / "service")}


def run(data: Path, out: Path, *more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(data, out, *more), cwd=ROOT, env=environment(), capture_output=True, text=True)


@pytest.fixture(scope="module")
def whole_run(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("whole")
    done = run(data, out)
    assert done.returncode == 0, done.stderr
    return out


def test_run_leaves_weights_history_curves_and_masks(whole_run: Path) -> None:
    assert {path.name for path in whole_run.iterdir()} == {
        "state.pt",
        "weights.pt",
        "history.csv",
        "curves.png",
        "masks.jpg",
    }
    with (whole_run / "history.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["step"]) for row in rows] == [2, 4, 6, 8]
    assert {"product_mae", "general_iou", "empty_mae"} <= rows[0].keys()
    weights = torch.load(whole_run / "weights.pt", weights_only=True)
    assert weights["stem.conv.weight"].dtype == torch.float16


@pytest.mark.slow
def test_sigterm_and_the_same_command_again_end_at_the_same_weights(
    data: Path, whole_run: Path, tmp_path: Path
) -> None:
    process = subprocess.Popen(command(data, tmp_path), cwd=ROOT, env=environment(), stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while not (tmp_path / "state.pt").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 0
    stopped = torch.load(tmp_path / "state.pt", weights_only=True)
    assert 0 < stopped["steps"] <= STEPS

    assert run(data, tmp_path).returncode == 0
    resumed, expected = (torch.load(folder / "state.pt", weights_only=True) for folder in (tmp_path, whole_run))
    assert resumed["steps"] == expected["steps"] == STEPS
    for key, value in expected["average"].items():
        assert torch.equal(resumed["average"][key], value), key


def test_warm_start_takes_the_weights_and_nothing_else(data: Path, whole_run: Path, tmp_path: Path) -> None:
    done = run(data, tmp_path, "--warm", str(whole_run / "weights.pt"), "--rate", "1e-9", "--samples", "2")
    assert done.returncode == 0, done.stderr
    begun, warm = (torch.load(folder / "weights.pt", weights_only=True) for folder in (tmp_path, whole_run))
    key = "encoder.0.entry.conv.weight"
    assert torch.allclose(begun[key].float(), warm[key].float(), atol=1e-3)
    assert torch.load(tmp_path / "state.pt", weights_only=True)["steps"] == 1


def test_folder_of_another_run_is_refused_in_one_line(data: Path, whole_run: Path) -> None:
    done = run(data, whole_run, "--seed", "9")
    assert done.returncode == 2
    assert done.stderr.strip().splitlines() == [
        f"train: {whole_run} holds a run with seed=1, not 9; use another --out or the settings it began with"
    ]


def test_missing_data_is_one_line(tmp_path: Path) -> None:
    done = run(tmp_path / "nowhere", tmp_path)
    assert done.returncode == 2
    assert "cannot read" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_damaged_state_is_refused(tmp_path: Path) -> None:
    (tmp_path / "state.pt").write_bytes(b"\x00" * 100)
    with pytest.raises(UsageError, match="is damaged"):
        checkpoint.load(tmp_path, {})


def test_loss_that_is_no_number_stops_the_run_and_keeps_batch_and_weights(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = train.draw

    def spoilt(*args: object) -> Batch:
        batch = real(*args)  # type: ignore[arg-type]
        batch.pictures[0, 0, 0, 0] = float("nan")
        return batch

    monkeypatch.setattr(train, "draw", spoilt)
    monkeypatch.setattr(train, "Stop", type("Never", (), {"asked": False}))
    args = train.arguments().parse_args(command(data, tmp_path)[3:])
    with pytest.raises(UsageError, match=r"step 0 is not a number; the batch is in .*bad-batch\.pt"):
        train.train(args)
    assert torch.load(tmp_path / "bad-batch.pt", weights_only=True)["pictures"].isnan().any()


def test_history_drops_rows_that_a_resumed_run_repeats(tmp_path: Path) -> None:
    for step in (100, 200, 300, 200):
        checkpoint.append_history(tmp_path, {"step": step, "loss": "1.0"})
    assert [row["step"] for row in checkpoint.read_history(tmp_path)] == ["100", "200"]


def test_frozen_parts_stay_as_they_are_and_the_rest_learns(data: Path, whole_run: Path, tmp_path: Path) -> None:
    start = whole_run / "weights.pt"

    done = run(data, tmp_path, "--warm", str(start), "--frozen", "stem,encoder.0")

    assert done.returncode == 0, done.stderr
    before, after = (torch.load(path, weights_only=True) for path in (start, tmp_path / "weights.pt"))
    same = {name for name in before if torch.equal(before[name], after[name])}
    assert {name for name in before if name.startswith(("stem.", "encoder.0."))} <= same
    assert not any(name in same for name in before if name.startswith("decoder.") and name.endswith("conv.weight"))


def test_a_part_that_the_network_does_not_have_is_named(data: Path, tmp_path: Path) -> None:
    done = run(data, tmp_path, "--frozen", "encoder.9")

    assert done.returncode != 0
    assert "the network has no part 'encoder.9'" in done.stderr
