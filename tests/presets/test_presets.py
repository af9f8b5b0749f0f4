"""Presets: the shipped ones, one's own, what is refused, and how a subject is laid out."""

import pytest

from packshot.errors import ConfigError, UsageError
from packshot.platform.resources import package_path
from packshot.presets import (
    PictureFacts,
    Preset,
    broken_rules,
    lay_out,
    parse_colour,
    pick_preset,
    presets_from_toml,
)

SHIPPED = presets_from_toml(package_path("presets.toml").read_text(), "presets.toml")
JPEG = "[mine]\nformat = 'jpg'\nexact_background = true"


def test_the_marketplaces_are_there() -> None:
    assert {"cutout", "web", "amazon-main", "ebay", "google-shopping", "shopify"} <= SHIPPED.keys()


def test_amazon_main_asks_what_amazon_asks() -> None:
    amazon = SHIPPED["amazon-main"]

    assert amazon.colour == (255, 255, 255)
    assert amazon.format == "jpg"
    assert (amazon.fill_min, amazon.fill_max, amazon.exact_background) == (0.85, 0.95, True)
    assert amazon.file_name("B000123456") == "B000123456.MAIN.jpg"
    assert amazon.file_name("B000123456", 2) == "B000123456.PT02.jpg"


@pytest.mark.parametrize("name", sorted(SHIPPED))
@pytest.mark.parametrize("box", [(3000, 2000), (1, 1), (40, 3000), (800, 790)])
def test_every_layout_keeps_the_presets_own_rules(name: str, box: tuple[int, int]) -> None:
    preset = SHIPPED[name]

    layout = lay_out(*box, preset)

    assert layout.left >= 0
    assert layout.left + layout.subject_width <= layout.width
    assert layout.top >= 0
    assert layout.top + layout.subject_height <= layout.height
    assert max(layout.width, layout.height) <= (preset.max_side or 10**6)
    if preset.frame == "square":
        fill = max(layout.subject_width / layout.width, layout.subject_height / layout.height)
        assert layout.width == layout.height
        assert layout.width < 20 or preset.fill_min <= fill <= preset.fill_max


def test_nothing_is_enlarged_where_that_is_forbidden() -> None:
    layout = lay_out(300, 200, SHIPPED["google-shopping"])

    assert (layout.subject_width, layout.subject_height) == (300, 200)


def test_a_small_product_is_enlarged_to_the_least_amazon_zooms() -> None:
    layout = lay_out(300, 200, SHIPPED["amazon-main"])

    assert layout.width == 1000
    assert layout.subject_width == 900


@pytest.mark.parametrize("most", [1, 3, 1000, 15_000_000, 20_000_000, 64_000_000])
@pytest.mark.parametrize("frame", ["square", "tight"])
def test_no_layout_has_more_pixels_than_its_preset_allows(frame: str, most: int) -> None:
    layout = lay_out(9000, 9000, Preset(frame=frame, max_pixels=most))

    assert layout.width * layout.height <= most


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[mine]\nformat = 'gif'", ["mine", "my.toml", "format"]),
        ("[mine]\nformat = 'jpg'", ["mine", "transparency"]),
        ("[mine]\nfill = 1.5", ["mine", "fill"]),
        ("[mine]\nfilll = 0.5", ["mine", "filll"]),
        ("[mine]\nfill = 0.5\nfill_min = 0.8", ["fill 0.5", "0.8"]),
        ("[mine]\nname = '{sku}_{colour}.png'", ["mine", "colour"]),
        ("[mine]\nname = '../{sku}.png'", ["mine", "name"]),
        ("[mine]\nbackground = 'red'", ["mine", "background"]),
        ("[mine]\nshadow = 0.3\nexact_background = true", ["mine", "shadow"]),
        (f"{JPEG}\nbackground = '#f4f0e8'", ["mine", "#f4f0e8", "#ffffff", "a png", "exact_background = false"]),
        (f"{JPEG}\nbackground = '#000000'", ["mine", "#000000"]),
        ("[mine]\nformat = 'webp'\nbackground = '#ffffff'\nexact_background = true", ["mine", "a webp", "#ffffff"]),
        ("mine = 3", ["mine"]),
        ("[Mine]", ["Mine", "my.toml", "a-z"]),
        ("['mine.two']", ["mine.two", "a-z"]),
        ("[mask]", ["mask", "another name"]),
        ("[original-2]", ["original-2", "another name"]),
        ("[mine", ["my.toml"]),
    ],
)
def test_a_wrong_preset_is_named_with_its_key(text: str, words: list[str]) -> None:
    with pytest.raises(ConfigError) as refusal:
        presets_from_toml(text, "my.toml")

    assert all(word in str(refusal.value) for word in words)


def test_an_own_preset_is_read() -> None:
    text = "[shop]\nformat='webp'\nframe='square'\nfill=0.8\nname='{sku}-{angle}.{ext}'"

    assert presets_from_toml(text, "my.toml")["shop"].file_name("A 1", 3) == "A 1-3.webp"


@pytest.mark.parametrize(
    ("form", "background"),
    [("jpg", "#FFFFFF"), ("png", "#f4f0e8"), ("tiff", "#000000"), ("webp", "transparent"), ("png", "transparent")],
)
def test_a_preset_may_ask_for_an_exact_background_that_its_format_keeps(form: str, background: str) -> None:
    text = f"[shop]\nformat='{form}'\nbackground='{background}'\nexact_background=true"

    assert presets_from_toml(text, "my.toml")["shop"].exact_background


@pytest.mark.parametrize("name", ["masked", "original-look", "layers_2"])
def test_a_name_may_begin_as_another_file_s(name: str) -> None:
    assert name in presets_from_toml(f"[{name}]", "my.toml")


def test_an_unknown_preset_names_those_there_are() -> None:
    with pytest.raises(UsageError, match="amazon-main"):
        pick_preset(SHIPPED, "amazon")


def test_colours() -> None:
    assert parse_colour("#FF8000") == (255, 128, 0)
    assert parse_colour("transparent") is None
    with pytest.raises(UsageError, match="neither"):
        parse_colour("#12")


GOOD = PictureFacts(
    format="jpg",
    width=2000,
    height=2000,
    size_bytes=400_000,
    has_alpha=False,
    mode="RGB",
    icc_name="sRGB built-in",
    subject_box=(100, 200, 1800, 1500),
    background=(255, 255, 255),
)


def test_a_good_picture_breaks_no_rule() -> None:
    assert broken_rules(GOOD, SHIPPED["amazon-main"]) == []


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"format": "png"}, "format is png"),
        ({"size_bytes": 11_000_000}, "ceiling"),
        ({"mode": "CMYK"}, "CMYK"),
        ({"icc_name": "Display P3"}, "not sRGB"),
        ({"width": 800, "height": 800, "subject_box": (40, 80, 720, 600)}, "the minimum is 1000"),
        ({"width": 1900}, "not square"),
        ({"background": (254, 255, 255)}, "not (255, 255, 255)"),
        ({"background": None}, "not (255, 255, 255)"),
        ({"background_spread": 1}, "not (255, 255, 255)"),
        ({"near_background": 1200}, "1200 background pixels"),
        ({"subject_box": (500, 500, 1000, 1000)}, "fills 50.0%"),
        ({"subject_box": None}, "nothing but background"),
        ({"has_alpha": True}, "transparent"),
    ],
)
def test_each_broken_rule_is_named(change: dict[str, object], word: str) -> None:
    facts = PictureFacts(**{**{name: getattr(GOOD, name) for name in GOOD.__dataclass_fields__}, **change})

    assert any(word in rule for rule in broken_rules(facts, SHIPPED["amazon-main"]))


def test_a_transparent_preset_wants_transparency() -> None:
    assert any("no transparency" in rule for rule in broken_rules(GOOD, Preset(format="png")))


@pytest.mark.parametrize(("colour", "spread", "kept"), [((244, 240, 231), 1, True), ((244, 240, 225), 0, False)])
def test_a_lossy_format_may_miss_a_plain_colour_by_a_little(
    colour: tuple[int, int, int], spread: int, kept: bool
) -> None:
    cream = Preset(format="jpg", background="#f4f0e8", frame="square", fill=0.9)
    facts = PictureFacts(
        **{
            **{name: getattr(GOOD, name) for name in GOOD.__dataclass_fields__},
            "background": colour,
            "background_spread": spread,
        }
    )

    assert (broken_rules(facts, cream) == []) is kept
