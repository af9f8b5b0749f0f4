"""Released models are what their cards say, and see products."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

import models
from models.metrics import iou
from models.runners import open_runner
from packshot.matting.card import ModelCard, card_from_dict
from tests.models.scenes import product_scenes

FOLDER = Path(models.__file__).parent / "released"
INDEX = json.loads((FOLDER / "released.json").read_text())
PINNED_IOU = 0.962  # mean over generated product scenes, 1 % under what the released default reached
MOST_BYTES = {"small": 3_000_000, "default": 3_000_000, "large": 4_000_000}  # of a board's file
MOST_BYTES_OF_TWIN = 16_000_000
BOARD = sorted(name for name in INDEX.values() if not name.endswith(".onnx.json"))


@pytest.mark.parametrize(("name", "card_file"), sorted(INDEX.items()))
def test_card_describes_the_file_beside_it(name: str, card_file: str) -> None:
    card = card_from_dict(json.loads((FOLDER / card_file).read_text()))
    content = (FOLDER / card.file).read_bytes()
    assert hashlib.sha256(content).hexdigest() == card.sha256
    assert len(content) < (MOST_BYTES_OF_TWIN if name.endswith(".onnx") else MOST_BYTES[name])
    assert card_file.startswith(f"{card.name}-{card.version}.")


@pytest.mark.parametrize("name", [name for name in INDEX if name.endswith(".onnx")])
def test_twin_sees_what_the_network_of_the_boards_sees(name: str) -> None:
    pytest.importorskip("onnxruntime", reason="the twins are for onnxruntime, which this environment lacks")
    board = open_runner(FOLDER / _card(name.partition(".")[0]).file)
    twin = open_runner(FOLDER / _card(name).file)
    for rgb, _ in product_scenes(3):
        assert np.abs(board(rgb) - twin(rgb)).mean() < 0.01


def _card(name: str) -> ModelCard:
    return card_from_dict(json.loads((FOLDER / INDEX[name]).read_text()))


@pytest.mark.parametrize("card_file", BOARD)
def test_card_gives_the_scales_of_the_file(card_file: str) -> None:
    from ai_edge_litert.interpreter import Interpreter

    card = card_from_dict(json.loads((FOLDER / card_file).read_text()))
    interpreter = Interpreter(str(FOLDER / card.file))
    for spec, detail in (
        (card.input, interpreter.get_input_details()),
        (card.output, interpreter.get_output_details()),
    ):
        assert list(detail[0]["shape"]) == [1, spec.height, spec.width, spec.channels]
        scale, zero_point = detail[0]["quantization"]
        assert scale == pytest.approx(spec.scale)
        assert zero_point == spec.zero_point


def test_folder_holds_nothing_but_the_index_the_cards_and_their_files() -> None:
    cards = [json.loads((FOLDER / name).read_text()) for name in INDEX.values()]
    expected = {"released.json", *INDEX.values(), *(card["runtime"]["file"] for card in cards)}
    assert {path.name for path in FOLDER.iterdir()} == expected


def test_default_finds_drawn_products_on_sweeps() -> None:
    card = card_from_dict(json.loads((FOLDER / INDEX["default"]).read_text()))
    run = open_runner(FOLDER / card.file)
    found = [iou(run(rgb), alpha) for rgb, alpha in product_scenes(12)]
    assert np.mean(found) >= PINNED_IOU
