"""Networks that must not run, and the name of what does."""

import json
import shutil
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from packshot.accelerator.litert import LiteRT
from packshot.errors import ModelError
from packshot.platform.resources import load_card
from tests.fakes.networks import FOLDER, refused, tiny, with_sha256_of

needs_litert = pytest.mark.skipif(find_spec("ai_edge_litert") is None, reason="says something of LiteRT alone")


def _error(path: Path, card: object) -> str:
    with pytest.raises(ModelError) as caught:
        LiteRT(path, card)  # type: ignore[arg-type]
    text = str(caught.value)
    assert "\n" not in text
    return text


@needs_litert
def test_stored_networks_are_what_their_writer_writes() -> None:
    from tests.fakes.tiny_network import all_files  # needs LiteRT's schema

    for name, data in all_files().items():
        assert (FOLDER / name).read_bytes() == data, name


@needs_litert
def test_engine_says_whether_xnnpack_is_there() -> None:
    card, path = tiny()

    assert LiteRT(path, card).engine == "litert-xnnpack"
    assert LiteRT(path, card, xnnpack=False).engine == "litert-builtin"


@needs_litert
def test_xnnpack_and_builtin_kernels_agree_to_one_step() -> None:
    card, path = tiny()
    fast, slow = LiteRT(path, card), LiteRT(path, card, xnnpack=False)
    for seed in range(50):
        tensor = np.random.default_rng(seed).integers(-128, 128, (1, 16, 16, 3)).astype(np.int8)
        assert np.abs(fast.infer(tensor).astype(int) - slow.infer(tensor)).max() <= 1


def test_threads_do_not_change_the_result() -> None:
    card, path = tiny()
    tensor = np.random.default_rng(0).integers(-128, 128, (1, 16, 16, 3)).astype(np.int8)

    assert np.array_equal(LiteRT(path, card, threads=2).infer(tensor), LiteRT(path, card, threads=1).infer(tensor))


def test_missing_file(tmp_path: Path) -> None:
    assert "cannot be read" in _error(tmp_path / "gone.tflite", tiny()[0])


@pytest.mark.parametrize("keep", [0, 1, 100, 500, 695])
def test_truncated_file_does_not_match_its_checksum(tmp_path: Path, keep: int) -> None:
    card, path = tiny()
    cut = tmp_path / path.name
    cut.write_bytes(path.read_bytes()[:keep])

    assert "damaged" in _error(cut, card)


@pytest.mark.parametrize("content", [b"", b"no network at all" * 20], ids=["empty", "text"])
def test_something_else_under_the_right_checksum(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "tiny.tflite"
    path.write_bytes(content)

    assert "cannot be loaded" in _error(path, with_sha256_of(tiny()[0], content))


def test_float_network() -> None:
    card, path = refused("float.tflite")

    assert "float32, not int8" in _error(path, card)


def test_network_with_two_output_channels() -> None:
    card, path = refused("two-channels.tflite")

    assert "output has shape (1, 16, 16, 2)" in _error(path, card)


@pytest.mark.parametrize("end", ["input", "output"])
@pytest.mark.parametrize("change", [{"height": 32}, {"scale": 0.5}, {"zero_point": 7}], ids=["size", "scale", "zero"])
def test_card_of_another_network(end: str, change: dict[str, float]) -> None:
    card, path = tiny()
    other = replace(card, **{end: replace(getattr(card, end), **change)})

    text = _error(path, other)
    assert f"the network's {end}" in text
    assert "do not belong together" in text


def test_card_rounded_to_six_digits_still_fits() -> None:
    card, path = tiny()
    rounded = replace(card, input=replace(card.input, scale=round(card.input.scale, 7)))

    assert LiteRT(path, rounded).card == rounded


def test_the_runtime_keeps_its_chatter_off_stderr(capfd: pytest.CaptureFixture[str]) -> None:
    card, path = tiny()
    LiteRT(path, card)

    assert "XNNPACK" not in capfd.readouterr().err


def test_model_is_found_from_either_file(tmp_path: Path) -> None:
    for name in ("tiny.json", "tiny.tflite"):
        shutil.copy(FOLDER / name, tmp_path)

    from_network, from_card = load_card(tmp_path / "tiny.tflite"), load_card(tmp_path / "tiny.json")

    assert from_network == from_card
    assert LiteRT(from_card[1], from_card[0]).card.name == "tiny"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b"[]", "not a JSON object"),
        (b"{}", "lacks the key 'runtime'"),
        (json.dumps({"name": "x", "version": "1", "runtime": {"format": 99}}).encode(), "update packshot"),
    ],
)
def test_damaged_card(tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "tiny.json").write_bytes(content)

    with pytest.raises(ModelError, match=said):
        load_card(tmp_path / "tiny.tflite")


def test_network_without_a_card(tmp_path: Path) -> None:
    shutil.copy(FOLDER / "tiny.tflite", tmp_path)

    with pytest.raises(ModelError, match="needs its card beside it"):
        load_card(tmp_path / "tiny.tflite")
