"""Crops: what the spec wants, moved into the photo, refused where no crop within the spec fits."""

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from packshot.config import Config
from packshot.idphoto.crop import crop_head, frame_head, resized
from packshot.idphoto.findings import Face, Head
from packshot.idphoto.spec import Spec
from packshot.idphoto.wording import NoPortrait
from packshot.wiring.portraits import all_specs

SPECS = all_specs(Config())


def a_head(x: float = 500.0, eyes: float = 500.0, tall: float = 400.0, hair: float = 0.03) -> Head:
    half = 0.1375 * tall
    face = Face((0, 0, 10, 10), (x - half, eyes), (x + half, eyes), 0.0, 2, 50.0)
    crown, chin = eyes - tall / 2, eyes + tall / 2
    return Head(face, crown, chin, crown - hair * tall, x, 5.0, 5.0, 0.9)


@given(
    name=st.sampled_from(sorted(SPECS)),
    x=st.floats(300, 900),
    eyes=st.floats(300, 1100),
    tall=st.floats(150, 600),
    hair=st.floats(0, 0.3),
)
def test_every_crop_lies_in_the_photo_and_within_the_spec(
    name: str, x: float, eyes: float, tall: float, hair: float
) -> None:
    spec, head = SPECS[name], a_head(x, eyes, tall, hair)
    try:
        crop = crop_head(head, spec, 1200, 1400)
    except NoPortrait as refused:
        assert refused.message == "face_at_edge"
        assert refused.values["missing_px"] >= 0
        return
    near = 1.5 / crop.height  # whole pixels
    assert crop.left >= 0
    assert crop.top >= 0
    assert crop.left + crop.width <= 1200
    assert crop.top + crop.height <= 1400
    assert spec.head[0] - near <= head.height / crop.height <= spec.head[1] + near
    assert spec.eyes[0] - near <= (head.eye_line - crop.top) / crop.height <= spec.eyes[1] + near
    assert abs(head.centre - crop.left - crop.width / 2) <= spec.centre * crop.width + 1.5
    assert crop.width / crop.height == pytest.approx(spec.aspect, abs=1.5 / crop.height)


def test_a_head_in_the_open_gets_the_height_the_spec_aims_at() -> None:
    for spec in SPECS.values():
        crop = crop_head(a_head(600, 700), spec, 1200, 1400)
        assert 400 / crop.height == pytest.approx(spec.aim, abs=0.004)


def test_much_hair_makes_the_head_smaller_but_not_too_small() -> None:
    spec = SPECS["us"]
    flat, full = frame_head(a_head(hair=0.02), spec), frame_head(a_head(hair=0.3), spec)
    assert full.height > flat.height
    assert full.top <= 500 - 200 - 0.3 * 400
    assert full.share >= spec.head[0]


@pytest.mark.parametrize(
    ("x", "eyes", "side"),
    [(40.0, 600.0, "left"), (1170.0, 600.0, "right"), (600.0, 130.0, "top"), (600.0, 1300.0, "bottom")],
)
def test_a_face_at_an_edge_is_refused_with_the_side_and_what_to_do(x: float, eyes: float, side: str) -> None:
    with pytest.raises(NoPortrait, match="step back") as refused:
        crop_head(a_head(x, eyes), SPECS["icao"], 1200, 1400)
    assert refused.value.values["side"] == side
    assert side in str(refused.value)


def test_a_narrow_photo_gets_a_larger_head_rather_than_a_refusal() -> None:
    spec = SPECS["icao"]
    crop = crop_head(a_head(203, 500), spec, 406, 1400)  # the aim would need 415 px
    assert spec.aim < 400 / crop.height <= spec.head[1]


def test_resizing_keeps_means_and_leaves_the_right_size_alone() -> None:
    rng = np.random.default_rng(1)
    pixels = rng.integers(60, 190, (120, 90, 3)).astype(np.uint8)
    assert resized(pixels, 90, 120) is pixels
    for width, height in ((45, 60), (30, 40), (180, 240)):
        assert resized(pixels, width, height).mean() == pytest.approx(pixels.mean(), abs=1.0)


def test_specs_survive_the_way_to_json_and_back() -> None:
    for spec in SPECS.values():
        assert msgspec.json.decode(msgspec.json.encode(spec), type=Spec) == spec
