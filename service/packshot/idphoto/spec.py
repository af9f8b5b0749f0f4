"""ID photo specs: what an office asks of a photo, as values, and where it is accepted."""

import tomllib
from collections.abc import Mapping
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from packshot.errors import ConfigError, UsageError

MM_PER_INCH = 25.4

Millimetres = Annotated[float, Meta(gt=0, le=200)]
Pixels = Annotated[int, Meta(ge=64, le=10_000)]
Share = Annotated[float, Meta(ge=0, le=1)]
ByteCount = Annotated[int, Meta(ge=0)]
Degrees = Annotated[float, Meta(gt=0, le=45)]
Range = tuple[float, float]


class Backdrop(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What the background must be, in CIE L*C*h (D65): lightness 0-100, chroma, hue in degrees.

    ``hue`` may run through 0 (350 to 20) and counts only where ``chroma`` asks for colour. ``spread`` is the largest
    difference in L* between the darkest and the lightest twentieth.
    """

    name: str
    lightness: Range = (0.0, 100.0)
    chroma: Range = (0.0, 200.0)
    hue: Range = (0.0, 360.0)
    spread: Annotated[float, Meta(gt=0, le=100)] = 14.0


class Spec(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One kind of ID photo. Shares are of the photo's height (``centre``: of its width), counted from the top.

    ``head`` is chin to crown, ``aim`` where in it we crop; ``eyes`` the eye line, ``crown`` the top of the head.
    ``width_px`` is the least and largest width of the file, its height follows from the millimetres. ``roll_deg`` is
    the largest tilt; ``eye_distance_px`` the least between the pupils in the photo as taken. ``new_background``
    "#RRGGBB" allows (and is) another background; empty forbids it.
    """

    title: str
    accepted: str
    source: str
    width_mm: Millimetres
    height_mm: Millimetres
    width_px: tuple[Pixels, Pixels]
    head: Range
    aim: Share
    eyes: Range
    crown: Range
    bytes: tuple[ByteCount, ByteCount] = (0, 10_000_000)
    centre: Share = 0.05
    roll_deg: Degrees = 8.0
    eye_distance_px: Annotated[int, Meta(ge=20)] = 90
    background: Backdrop = Backdrop(name="any", spread=100.0)
    new_background: Annotated[str, Meta(pattern=r"^(#[0-9a-fA-F]{6})?\Z")] = ""
    note: str = ""

    def __post_init__(self) -> None:
        ranges = {"width_px": self.width_px, "bytes": self.bytes, "head": self.head}
        for name, (low, high) in {**ranges, "eyes": self.eyes, "crown": self.crown}.items():
            if low > high:
                raise ValueError(f"{name} runs from {low} to {high}; give the smaller first")
        if not self.head[0] <= self.aim <= self.head[1]:
            raise ValueError(f"aim {self.aim} lies outside head {self.head[0]} to {self.head[1]}")

    @property
    def aspect(self) -> float:
        """Width over height."""
        return self.width_mm / self.height_mm

    @property
    def background_colour(self) -> tuple[int, int, int] | None:
        """The new background as (R, G, B), None where none is allowed."""
        if not self.new_background:
            return None
        red, green, blue = bytes.fromhex(self.new_background[1:])
        return red, green, blue

    def size_px(self, natural_width: float) -> tuple[int, int]:
        """(width, height) of the file: the photo's own resolution, within the spec's pixels."""
        width = round(min(max(natural_width, self.width_px[0]), self.width_px[1]))
        return width, round(width / self.aspect)

    def dpi(self, width_px: int) -> int:
        """The resolution at which a file of that width prints at the spec's size, in dots per inch."""
        return round(width_px / self.width_mm * MM_PER_INCH)


def specs_from_toml(text: str, source: str) -> dict[str, Spec]:
    """Specs by name from a TOML text; ``source`` names the file in errors. Raises ConfigError."""
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{source} is not TOML: {error}") from error
    return {name: _spec(name, table, source) for name, table in tables.items()}


def pick_spec(specs: Mapping[str, Spec], name: str) -> Spec:
    """The spec of that name. Raises UsageError that lists the names there are."""
    if name not in specs:
        raise UsageError(f"there is no ID photo spec {name!r}; known: {', '.join(sorted(specs))}")
    return specs[name]


def _spec(name: str, table: Any, source: str) -> Spec:
    try:
        return msgspec.convert(table, Spec)
    except msgspec.ValidationError as error:
        raise ConfigError(f"ID photo spec {name!r} in {source}: {error}") from error
