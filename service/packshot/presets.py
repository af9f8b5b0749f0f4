"""Presets: what a marketplace asks of a picture, as values; and the rules a finished picture breaks."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from math import isqrt
from typing import Annotated, Any, Literal

import msgspec

from packshot.domain import ARTEFACT_NAME
from packshot.errors import ConfigError, UsageError

Share = Annotated[float, msgspec.Meta(gt=0, le=1)]
Side = Annotated[int, msgspec.Meta(ge=1, le=65_000)]
Quality = Annotated[int, msgspec.Meta(ge=1, le=100)]
Name = Annotated[str, msgspec.Meta(pattern=r"^[^/\\\x00]+$", max_length=120)]
Colour = Annotated[str, msgspec.Meta(pattern=r"^(transparent|#[0-9a-fA-F]{6})$")]
LOSSY_STEP = 3  # 1/255, what JPEG and WebP do to a plain colour
NEARLY_SHARE = 1e-4  # of the pixels: a white product's own rim cannot be told from a background that is not quite white
TAKEN = re.compile(r"original(-\d+)?|mask|layers")  # the other files of a capture, without their endings
FORMATS = ("png", "jpg", "webp", "tiff")


class Preset(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One storefront's rules and our choices within them; sides in pixels.

    ``frame`` is "photo" (as taken), "tight" (the subject's box) or "square"; ``fill`` is the subject's longer side as a
    share of the square, allowed from ``fill_min`` to ``fill_max``. ``upscale`` allows enlarging up to ``min_side``.
    ``shadow`` (0-1) is the strength of a soft contact shadow. ``exact_background`` allows not one pixel near the
    background's colour; of the lossy formats only a jpg on white keeps that.
    """

    format: Literal["png", "jpg", "webp", "tiff"] = "png"
    background: Colour = "transparent"
    frame: Literal["photo", "tight", "square"] = "photo"
    fill: Share = 1.0
    fill_min: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.0
    fill_max: Share = 1.0
    target_side: Side | None = None
    min_side: Side | None = None
    max_side: Side | None = None
    max_pixels: Annotated[int, msgspec.Meta(ge=1)] | None = None
    max_bytes: Annotated[int, msgspec.Meta(ge=1000)] | None = None
    upscale: bool = False
    exact_background: bool = False
    quality: Quality = 90
    shadow: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.0
    name: Name = "{sku}_{angle}.{ext}"

    def __post_init__(self) -> None:
        if self.format == "jpg" and self.background == "transparent":
            raise ValueError("a jpg has no transparency; give a background")
        if not self.fill_min <= self.fill <= self.fill_max:
            raise ValueError(f"fill {self.fill} lies outside fill_min {self.fill_min} to fill_max {self.fill_max}")
        if self.shadow and self.exact_background:
            raise ValueError("a shadow and exact_background exclude each other")
        if self.exact_background and not keeps_exactly(self.format, self.background):
            choices = "a jpg on #ffffff, a png, or exact_background = false"
            raise ValueError(f"a {self.format} keeps {self.background} only nearly; give {choices}")

    @property
    def colour(self) -> tuple[int, int, int] | None:
        """The background as (R, G, B), or None for transparent."""
        return parse_colour(self.background)

    def file_name(self, sku: str, angle: int = 0) -> str:
        """The picture's name from its template: {sku}, {angle}, {variant} (MAIN, PT01, PT02...), {ext}."""
        variant = "MAIN" if angle == 0 else f"PT{angle:02d}"
        fields = {"sku": sku, "angle": str(angle), "variant": variant, "ext": self.format}
        return re.sub(r"\{(\w+)\}", lambda match: fields[match.group(1)], self.name)


def keeps_exactly(form: str, background: str) -> bool:
    """Whether our files of a format have just this background once they are decoded."""
    return form in ("png", "tiff") or background == "transparent" or (form, background.lower()) == ("jpg", "#ffffff")


def parse_colour(text: str) -> tuple[int, int, int] | None:
    """(R, G, B) of "#RRGGBB", None for "transparent". Raises UsageError for anything else."""
    if text == "transparent":
        return None
    if not re.fullmatch(r"#[0-9a-fA-F]{6}", text):
        raise UsageError(f"background {text!r} is neither 'transparent' nor #RRGGBB")
    return int(text[1:3], 16), int(text[3:5], 16), int(text[5:7], 16)


def presets_from_toml(text: str, source: str) -> dict[str, Preset]:
    """Presets by name from a TOML text; ``source`` names the file in errors. Raises ConfigError."""
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{source} is not TOML: {error}") from error
    return presets_from_dict(tables, source)


def presets_from_dict(tables: Mapping[str, Any], source: str) -> dict[str, Preset]:
    """Presets by name from parsed tables. Raises ConfigError with preset, key and value."""
    presets = {}
    for name, table in tables.items():
        _check_name(name, source)
        try:
            presets[name] = msgspec.convert(table, Preset)
            presets[name].file_name("sku")
        except msgspec.ValidationError as error:
            raise ConfigError(f"preset {name!r} in {source}: {error}") from error
        except KeyError as error:
            raise ConfigError(f"preset {name!r} in {source}: name template has no field {error}") from error
    return presets


def _check_name(name: str, source: str) -> None:
    """The picture is a file of the preset's name beside the others of its capture."""
    if not ARTEFACT_NAME.fullmatch(name) or "." in name:
        raise ConfigError(f"preset {name!r} in {source}: a name is made of a-z, 0-9, - and _, at most 41 of them")
    if TAKEN.fullmatch(name):
        raise ConfigError(f"preset {name!r} in {source}: other files of a capture are called so; choose another name")


def pick_preset(presets: Mapping[str, Preset], name: str) -> Preset:
    """The preset of that name. Raises UsageError that lists the names there are."""
    if name not in presets:
        raise UsageError(f"there is no preset {name!r}; known: {', '.join(sorted(presets))}")
    return presets[name]


@dataclass(frozen=True)
class Layout:
    """Where the scaled subject box lies: its size and place on a canvas, all in pixels."""

    subject_width: int
    subject_height: int
    left: int
    top: int
    width: int
    height: int


def lay_out(box_width: int, box_height: int, preset: Preset) -> Layout:
    """Size and place of a subject box of ``box_width`` x ``box_height`` px by the preset's frame, fill and sides."""
    fill = preset.fill if preset.frame == "square" else 1.0
    natural = max(box_width, box_height) / fill
    side = _side(natural, preset)
    longest = side * fill
    scale = longest / max(box_width, box_height)
    width, height = (max(1, round(length * scale)) for length in (box_width, box_height))
    if preset.frame != "square":
        return Layout(width, height, 0, 0, width, height)
    square = max(1, round(side))
    return Layout(width, height, (square - width) // 2, (square - height) // 2, square, square)


def _side(natural: float, preset: Preset) -> float:
    """The canvas side: the target where the photo has the pixels, never under the minimum if upscaling is allowed."""
    side = min(natural, preset.target_side or natural)
    if preset.upscale and preset.min_side:
        side = max(side, preset.min_side)
    side = min(side, preset.max_side or side)
    if preset.max_pixels:
        side = min(side, isqrt(preset.max_pixels))
    return side


@dataclass(frozen=True)
class PictureFacts:
    """What was measured on a finished picture, for ``broken_rules``.

    ``subject_box`` is (left, top, width, height) of what is not background, None where there is nothing;
    ``background`` is the colour of the whole border, None where it has several, ``background_spread`` how far single
    pixels are from it; ``near_background`` counts pixels of
    the white area that are nearly, not exactly, white; ``icc_name`` is empty where untagged.
    """

    format: str
    width: int
    height: int
    size_bytes: int
    has_alpha: bool
    mode: str
    icc_name: str
    subject_box: tuple[int, int, int, int] | None
    background: tuple[int, int, int] | None
    background_spread: int = 0
    near_background: int = 0


def broken_rules(facts: PictureFacts, preset: Preset) -> list[str]:
    """The preset's rules that a picture breaks, one sentence each; empty when it passes."""
    checks = [*_file_rules(facts, preset), *_size_rules(facts, preset), *_content_rules(facts, preset)]
    return [text for broken, text in checks if broken]


def _file_rules(facts: PictureFacts, preset: Preset) -> list[tuple[bool, str]]:
    limit = preset.max_bytes or facts.size_bytes
    return [
        (facts.format != preset.format, f"format is {facts.format}, wanted {preset.format}"),
        (facts.size_bytes > limit, f"the file has {facts.size_bytes} bytes, the ceiling is {limit}"),
        (facts.mode not in ("RGB", "RGBA"), f"colour mode is {facts.mode}, wanted RGB"),
        (bool(facts.icc_name) and "srgb" not in facts.icc_name.lower(), f"profile {facts.icc_name!r} is not sRGB"),
    ]


def _size_rules(facts: PictureFacts, preset: Preset) -> list[tuple[bool, str]]:
    longest, pixels = max(facts.width, facts.height), facts.width * facts.height
    low, high, most = preset.min_side or 0, preset.max_side or longest, preset.max_pixels or pixels
    return [
        (longest < low, f"longest side is {longest} px, the minimum is {low}"),
        (longest > high, f"longest side is {longest} px, the maximum is {high}"),
        (pixels > most, f"the picture has {pixels} pixels, the maximum is {most}"),
        (preset.frame == "square" and facts.width != facts.height, f"{facts.width}x{facts.height} is not square"),
    ]


def _has_background(facts: PictureFacts, preset: Preset) -> bool:
    """Whether the border has the preset's colour: exactly so, or as well as a lossy format can keep it."""
    if facts.background is None or preset.colour is None:
        return False
    allowed = LOSSY_STEP if preset.format in ("jpg", "webp") and not preset.exact_background else 0
    off = max(abs(have - want) for have, want in zip(facts.background, preset.colour, strict=True))
    return max(off, facts.background_spread) <= allowed


def _content_rules(facts: PictureFacts, preset: Preset) -> list[tuple[bool, str]]:
    if facts.subject_box is None:
        return [(True, "nothing but background")]
    opaque, wanted = preset.colour is not None, preset.colour
    fill = max(facts.subject_box[2] / facts.width, facts.subject_box[3] / facts.height)
    low, high = preset.fill_min, preset.fill_max
    return [
        (opaque and facts.has_alpha, "the picture is transparent, wanted a plain background"),
        (not opaque and not facts.has_alpha, "the picture has no transparency"),
        (
            opaque and not facts.has_alpha and not _has_background(facts, preset),
            f"background is not {wanted} all round",
        ),
        (
            preset.exact_background and facts.near_background > NEARLY_SHARE * facts.width * facts.height,
            f"{facts.near_background} background pixels are nearly, not exactly, {wanted}",
        ),
        (not low <= fill <= high + 0.005, f"the subject fills {fill:.1%}, wanted {low:.0%} to {high:.0%}"),
    ]
