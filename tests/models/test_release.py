"""A release replaces the older one of its configuration and leaves the others alone; any folder can be measured."""

import hashlib
import json
from pathlib import Path

import cv2
import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="releases start from torch, which the box does not carry")

from models import evaluate, release
from models.metrics import Figures
from models.u2net_lite import CONFIGS, build
from packshot.errors import ModelError, UsageError
from tests.models.scenes import product_scenes
from tests.models.tiny_data import write_tiny_data


def card(name: str, version: str, content: bytes) -> dict[str, object]:
    file = f"u2net-lite-{name}-{version}.int8.tflite"
    runtime = {"file": file, "sha256": hashlib.sha256(content).hexdigest()}
    return {"name": f"u2net-lite-{name}", "version": version, "runtime": runtime}


def test_new_version_takes_the_place_of_the_old_and_leaves_other_sizes(tmp_path: Path) -> None:
    for name, version in (("default", "0.1.0"), ("small", "0.1.0"), ("default", "0.2.0")):
        files = {ending: f"{name} {version} {ending}".encode() for ending in ("int8.tflite", "onnx", "int8.onnx")}
        release.publish(CONFIGS[name], card(name, version, files["int8.tflite"]), files, tmp_path)
    endings = ("json", "int8.tflite", "onnx", "onnx.json", "int8.onnx", "int8.onnx.json")
    stems = ("u2net-lite-default-0.2.0", "u2net-lite-small-0.1.0")
    assert {path.name for path in tmp_path.iterdir()} == {
        "released.json",
        *(f"{stem}.{ending}" for stem in stems for ending in endings),
    }
    assert json.loads((tmp_path / "released.json").read_text()) == {
        "default": "u2net-lite-default-0.2.0.json",
        "default.int8.onnx": "u2net-lite-default-0.2.0.int8.onnx.json",
        "default.onnx": "u2net-lite-default-0.2.0.onnx.json",
        "small": "u2net-lite-small-0.1.0.json",
        "small.int8.onnx": "u2net-lite-small-0.1.0.int8.onnx.json",
        "small.onnx": "u2net-lite-small-0.1.0.onnx.json",
    }


def test_card_of_a_twin_names_the_twin_and_its_own_checksum(tmp_path: Path) -> None:
    files = {"int8.tflite": b"board", "onnx": b"jetson"}
    release.publish(CONFIGS["small"], card("small", "1.0.0", b"board"), files, tmp_path)
    runtime = json.loads((tmp_path / "u2net-lite-small-1.0.0.onnx.json").read_text())["runtime"]
    assert runtime["file"] == "u2net-lite-small-1.0.0.onnx"
    assert runtime["sha256"] == hashlib.sha256(b"jetson").hexdigest()


def test_network_that_has_learnt_nothing_is_not_released(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("py_sod_metrics", reason="pysodmetrics belongs to the training environment")
    data = write_tiny_data(tmp_path)
    monkeypatch.setattr("models.quantize.CALIBRATION_COUNT", 10)
    torch.manual_seed(0)
    untaught = build(CONFIGS["small"])
    torch.save(untaught.state_dict(), tmp_path / "weights.pt")
    before = sorted(release.FOLDER.iterdir())
    with pytest.raises(ModelError, match=r"u2net-lite-small-9\.9\.9 is not released: .*no better than a blank mask"):
        release.release(CONFIGS["small"], tmp_path / "weights.pt", "9.9.9", data, {}, None)
    assert sorted(release.FOLDER.iterdir()) == before


def write_folder(folder: Path) -> None:
    for kind in ("images", "masks"):
        (folder / kind).mkdir()
    for number, (rgb, alpha) in enumerate(product_scenes(3, 64)):
        cv2.imwrite(str(folder / "images" / f"{number}.jpg"), rgb[..., ::-1])
        cv2.imwrite(str(folder / "masks" / f"{number}.png"), np.rint(alpha * 255))


def test_any_folder_of_images_and_masks_can_be_measured(tmp_path: Path) -> None:
    pytest.importorskip("py_sod_metrics", reason="pysodmetrics belongs to the training environment")
    write_folder(tmp_path)
    truths = [alpha for _, alpha in product_scenes(3, 64)]
    figures = Figures()
    found = iter([truths[0], 1 - truths[1], truths[2]])
    worst = evaluate.evaluate(lambda _rgb: next(found), evaluate.folder_pictures(tmp_path), figures)
    assert worst[0][0] == 0.0  # the inverted one leads the contact sheet
    assert worst[0][1].shape == (evaluate.TILE, 3 * evaluate.TILE, 3)
    assert figures.result()["mae"] == pytest.approx(1 / 3, abs=0.01)
    evaluate.write_sheet(tmp_path / "worst.png", [tile for _, tile in worst])
    assert cv2.imread(str(tmp_path / "worst.png")).shape == (2 * evaluate.TILE, 6 * evaluate.TILE, 3)


def test_picture_without_a_mask_is_named(tmp_path: Path) -> None:
    write_folder(tmp_path)
    (tmp_path / "masks" / "1.png").unlink()
    with pytest.raises(UsageError, match=r"1\.jpg has no mask of that name"):
        list(evaluate.folder_pictures(tmp_path))


def test_folder_without_pictures_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="has no images/ folder"):
        list(evaluate.folder_pictures(tmp_path))


def test_odd_last_tile_is_on_the_sheet_too(tmp_path: Path) -> None:
    tiles = [np.full((4, 6, 3), 40 * n, np.uint8) for n in range(1, 4)]
    evaluate.write_sheet(tmp_path / "sheet.png", tiles)
    sheet = cv2.imread(str(tmp_path / "sheet.png"))
    assert sheet.shape == (8, 12, 3)
    assert set(np.unique(sheet)) == {0, 40, 80, 120}
