"""Specs: what the package brings, what a file of one's own may say, and what is told where it is wrong."""

from pathlib import Path

import msgspec
import pytest

from packshot.config import Config
from packshot.errors import ConfigError, UsageError
from packshot.idphoto.spec import Spec, pick_spec, specs_from_toml
from packshot.platform.resources import package_path
from packshot.wiring.portraits import all_specs

OWN = """
[club]
title = "Club card"
accepted = "our door"
source = "ours"
width_mm = 25
height_mm = 35
width_px = [295, 590]
head = [0.5, 0.7]
aim = 0.6
eyes = [0.3, 0.6]
crown = [0.05, 0.3]
"""


def test_the_package_brings_five_specs_that_say_where_they_are_accepted(specs: dict[str, Spec]) -> None:
    assert set(specs) == {"icao", "uk", "us", "cn", "badge"}
    assert all(len(spec.accepted) > 20 and spec.source for spec in specs.values())


@pytest.mark.parametrize(
    ("name", "natural", "size", "dpi"),
    [
        ("icao", 240, (413, 531), 300),
        ("icao", 3000, (413, 531), 300),
        ("uk", 300, (600, 771), 435),
        ("us", 100, (600, 600), 300),
        ("us", 918, (918, 918), 459),
        ("us", 5000, (1200, 1200), 600),
        ("cn", 777, (480, 640), 300),
    ],
)
def test_the_file_has_the_photos_own_pixels_within_the_specs(
    specs: dict[str, Spec], name: str, natural: int, size: tuple[int, int], dpi: int
) -> None:
    assert specs[name].size_px(natural) == size
    assert specs[name].dpi(size[0]) == dpi


def test_only_the_badge_allows_another_background(specs: dict[str, Spec]) -> None:
    assert [name for name, spec in specs.items() if spec.background_colour] == ["badge"]
    assert specs["badge"].background_colour == (0xF4, 0xF4, 0xF2)


def test_heads_and_eyes_of_a_spec_can_be_had_at_once(specs: dict[str, Spec]) -> None:
    for spec in specs.values():
        eyes = [crown + spec.aim / 2 for crown in spec.crown]  # of a head whose eyes are half-way up
        assert max(eyes[0], spec.eyes[0]) + 0.02 < min(eyes[1], spec.eyes[1]), spec.title


def test_a_file_of_ones_own_adds_and_replaces(tmp_path: Path) -> None:
    file = tmp_path / "specs.toml"
    file.write_text(OWN + OWN.replace("[club]", "[badge]"))
    config = msgspec.convert({"id_photo": {"specs_file": str(file), "spec": "club"}}, Config)
    specs = all_specs(config)
    assert specs["club"].size_px(400) == (400, 560)
    assert specs["badge"].title == "Club card"
    assert "icao" in specs


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("aim = 0.6", "aim = 0.8"), "aim 0.8 lies outside"),
        (("[0.5, 0.7]", "[0.7, 0.5]"), "give the smaller first"),
        (("width_mm = 25", "width_mm = 0"), "width_mm"),
        (("width_mm = 25", "wide_mm = 25"), "wide_mm"),
        (('source = "ours"', 'source = "ours"\nnew_background = "white"'), "new_background"),
        (("[club]", "[club"), "not TOML"),
    ],
)
def test_a_wrong_spec_is_named_with_its_file(change: tuple[str, str], says: str) -> None:
    with pytest.raises(ConfigError, match=r"own\.toml") as error:
        specs_from_toml(OWN.replace(*change), "own.toml")
    assert says in str(error.value)


def test_an_unknown_spec_is_told_the_known_ones(specs: dict[str, Spec]) -> None:
    with pytest.raises(UsageError, match="badge, cn, icao, uk, us"):
        pick_spec(specs, "mars")


def test_the_specs_are_package_data() -> None:
    assert package_path("idphoto", "specs.toml").is_file()
