"""What the package carries must be there, readable, and worth showing."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from packshot.errors import ModelError
from packshot.platform import resources
from packshot.platform.resources import (
    golden_alpha,
    golden_photo,
    load_card,
    package_path,
    read_model,
    released_model,
    sample_photos,
)


def _decoded(data: bytes) -> np.ndarray:
    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)


def test_the_released_network_is_the_one_of_its_card() -> None:
    card, path = released_model()

    assert len(read_model(path, card)) > 100_000


def test_a_network_finds_its_card_by_its_own_name() -> None:
    card, path = released_model()

    assert load_card(path) == (card, path)


def test_an_unknown_release_names_those_that_exist() -> None:
    with pytest.raises(ModelError, match=r"no released model 'nonesuch'; known: .*default"):
        released_model("nonesuch")


@pytest.mark.parametrize(
    ("index", "said"),
    [
        (None, "cannot be read"),
        ("{", "not JSON"),
        ("[]", "not a JSON object"),
        (json.dumps({"default": "../../etc/passwd"}), "no released model"),
        (json.dumps({"default": 3}), "no released model"),
        (json.dumps({"default": "gone.json"}), "cannot be read"),
    ],
)
def test_a_damaged_release(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, index: str | None, said: str) -> None:
    if index is not None:
        (tmp_path / "released.json").write_text(index)
    monkeypatch.setattr(resources, "package_path", lambda *_: tmp_path)

    with pytest.raises(ModelError, match=said):
        released_model()


def test_the_demo_has_five_photos_or_more_of_a_cameras_size() -> None:
    photos = sample_photos()

    assert len(photos) >= 5
    for path in photos:
        assert max(_decoded(path.read_bytes()).shape) >= 1000, path.name
    assert sum(path.stat().st_size for path in photos) < 2_500_000


def test_every_photo_has_its_truth_and_every_truth_its_photo() -> None:
    photos = {path.stem: path for path in sample_photos()}
    truths = {path.stem: path for path in package_path("samples", "truth").glob("*.png")}

    assert photos.keys() == truths.keys()
    for stem, truth in truths.items():
        alpha = cv2.imread(str(truth), cv2.IMREAD_UNCHANGED)
        assert alpha.shape == _decoded(photos[stem].read_bytes()).shape[:2]
        assert 0.05 < (alpha > 127).mean() < 0.6


def test_the_golden_alpha_fits_the_golden_photo() -> None:
    alpha = golden_alpha()

    assert alpha.dtype == np.uint8
    assert alpha.shape == _decoded(golden_photo()).shape[:2]
    assert {0, 255} <= set(np.unique(alpha))


def test_every_photo_is_named_in_the_licence_note() -> None:
    note = package_path("samples", "README.md").read_text()

    for path in sample_photos():
        assert path.name in note
