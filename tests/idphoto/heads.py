"""Rendered heads with known truth: a shaded ellipsoid with eyes, brows, nose, mouth, hair, neck and shoulders.

Not portraits of anybody and no substitute for people: they tell whether our geometry is right where the answer is
known to the pixel, for skins from light to dark, hair from none to much, plain and less plain backgrounds.
"""

from dataclasses import dataclass, replace
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

RGB8 = NDArray[np.uint8]
Plane = NDArray[np.float32]

# Mid-points of six skin groups from light to dark, after the Fitzpatrick scale; sRGB.
SKINS = {
    "I": (241, 210, 190),
    "II": (229, 190, 162),
    "III": (208, 160, 125),
    "IV": (170, 120, 86),
    "V": (120, 80, 56),
    "VI": (78, 52, 40),
}
HAIRS = [(30, 24, 22), (70, 48, 32), (120, 84, 50), (190, 160, 100), (150, 150, 150)]
CLOTHES = [(40, 50, 80), (90, 30, 40), (30, 30, 34), (50, 90, 70), (150, 150, 160)]
LIGHT_GREY, BLUE, OFF_WHITE = (214, 214, 212), (88, 150, 214), (240, 240, 238)


@dataclass(frozen=True)
class Look:
    """How a head looks and where it is; lengths in heights of the head (chin to crown) unless they are pixels."""

    head_px: float = 390.0
    centre: tuple[float, float] = (450.0, 430.0)  # px, midway between chin and crown
    size: tuple[int, int] = (900, 1125)  # px, width and height of the photo
    skin: tuple[int, int, int] = SKINS["II"]
    hair: tuple[int, int, int] = HAIRS[1]
    hair_up: float = 0.05  # hair above the skull
    hair_side: float = 0.05
    hair_line: float = -0.28  # row where the forehead begins; 0 is the middle of the head
    clothes: tuple[int, int, int] = CLOTHES[0]
    background: tuple[int, int, int] = LIGHT_GREY
    slope: float = 0.0  # of the background, L* per photo width, about
    width: float = 0.68
    eyes_apart: float = 0.275
    eye_row: float = 0.0
    roll_deg: float = 0.0
    light: float = 0.0  # -1 all from the left of the picture, 1 all from the right
    gain: float = 1.0  # of the exposure
    blur_px: float = 0.0
    red_eyes: bool = False
    eyes_open: bool = True
    shadow: float = 0.0  # of the head on the wall, 0-1
    noise: float = 2.0
    seed: int = 0


@dataclass(frozen=True)
class Truth:
    """Pixels (x, y) of what was drawn."""

    crown: tuple[float, float]
    chin: tuple[float, float]
    left_eye: tuple[float, float]
    right_eye: tuple[float, float]


def any_look(seed: int, tone: str, **fixed: object) -> Look:
    """A look drawn from ``seed``: proportions, hair, clothes, light, place and scale as people before a camera vary."""
    rng = np.random.default_rng(seed)
    hair_up = float(rng.choice([0.0, 0.03, 0.06, 0.09, 0.14, 0.22]))
    look = Look(
        head_px=float(rng.uniform(350, 480)),
        centre=(450 + float(rng.uniform(-45, 45)), 440 + float(rng.uniform(-30, 30))),
        skin=SKINS[tone],
        hair=HAIRS[int(rng.integers(len(HAIRS) if tone in ("I", "II", "III") else 2))],
        hair_up=hair_up,
        hair_side=hair_up * float(rng.uniform(0.5, 1.2)),
        hair_line=float(rng.uniform(-0.33, -0.24)),
        clothes=CLOTHES[int(rng.integers(len(CLOTHES)))],
        slope=float(rng.uniform(-3, 3)),
        width=float(rng.uniform(0.63, 0.72)),
        eyes_apart=float(rng.normal(0.275, 0.012)),
        eye_row=float(rng.normal(0.0, 0.015)),
        roll_deg=float(rng.uniform(-4, 4)),
        light=float(rng.uniform(-0.12, 0.12)),
        seed=seed,
    )
    return replace(look, **fixed)


@lru_cache(maxsize=8)
def render(look: Look) -> tuple[RGB8, Truth]:
    """(H, W, 3) uint8 sRGB and where things are."""
    width, height = look.size
    x, y = _head_coordinates(look)
    canvas = _shoulders(_background(look, x, y), look, x, y)
    near = _window(look)
    part, x, y = canvas[near], x[near], y[near]
    for draw in (_hair_behind, _neck, _face, _features, _hair_on_top):
        part = draw(part, look, x, y)
    canvas[near] = part
    canvas = np.clip(canvas * look.gain, 0, 1) ** (1 / 2.2) * 255
    if look.blur_px:
        canvas = cv2.GaussianBlur(canvas, (0, 0), look.blur_px)
    rng = np.random.default_rng(look.seed)
    canvas += rng.normal(0, look.noise, (height, width, 1)).astype(np.float32)
    return np.clip(np.rint(canvas), 0, 255).astype(np.uint8), _truth(look)


def _truth(look: Look) -> Truth:
    half = look.eyes_apart / 2
    points = [(0.0, -0.5), (0.0, 0.5), (-half, look.eye_row), (half, look.eye_row)]
    turn = np.radians(look.roll_deg)
    cos, sin = np.cos(turn), np.sin(turn)
    placed = [
        (
            float(look.centre[0] + look.head_px * (x * cos - y * sin)),
            float(look.centre[1] + look.head_px * (x * sin + y * cos)),
        )
        for x, y in points
    ]
    return Truth(*placed)


def _head_coordinates(look: Look) -> tuple[Plane, Plane]:
    """Every pixel in the head's own frame: origin in its middle, y down, in heights of the head."""
    width, height = look.size
    columns, rows = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    dx, dy = (columns - look.centre[0]) / look.head_px, (rows - look.centre[1]) / look.head_px
    turn = np.radians(look.roll_deg)
    return (dx * np.cos(turn) + dy * np.sin(turn)).astype(np.float32), (-dx * np.sin(turn) + dy * np.cos(turn)).astype(
        np.float32
    )


def _window(look: Look) -> tuple[slice, slice]:
    """The part of the photo that head, hair and neck can reach."""
    x, y, reach = look.centre[0], look.centre[1], look.head_px
    return (
        slice(max(0, int(y - reach)), max(1, int(y + reach))),
        slice(max(0, int(x - 0.75 * reach)), max(1, int(x + 0.75 * reach))),
    )


def _linear(colour: tuple[int, int, int]) -> Plane:
    return (np.array(colour, np.float32) / 255) ** np.float32(2.2)


def _over(canvas: Plane, share: Plane, colour: Plane) -> Plane:
    share = share[..., None] if share.ndim == 2 else share
    return (canvas * (1 - share) + colour * share).astype(np.float32)


def _inside(distance: Plane, look: Look, soft: float = 1.0) -> Plane:
    """1 where a signed distance (in head heights) is negative, antialiased over ``soft`` pixels."""
    return np.clip(0.5 - distance * look.head_px / soft, 0, 1).astype(np.float32)


def _blob(x: Plane, y: Plane, x0: float, y0: float, a: float, b: float) -> Plane:
    """About the signed distance to an ellipse."""
    radius = np.sqrt(((x - x0) / a) ** 2 + ((y - y0) / b) ** 2)
    return ((radius - 1) * min(a, b)).astype(np.float32)


def _spot(x: Plane, y: Plane, x0: float, y0: float, a: float, b: float) -> Plane:
    return np.exp(-0.5 * (((x - x0) / a) ** 2 + ((y - y0) / b) ** 2)).astype(np.float32)


def _outline(x: Plane, y: Plane, half: float) -> Plane:
    """Signed distance to the head: an egg, its jaw narrower than its skull, from -0.5 to 0.5 exactly."""
    jaw = 1 - 0.30 * np.clip((y - 0.05) / 0.45, 0, 1) ** 1.6
    power = np.float32(2.3)
    radius = (np.abs(x / (half * jaw)) ** power + np.abs(y / 0.5) ** power) ** (1 / power)
    return ((radius - 1) * min(half, 0.5)).astype(np.float32)


def _background(look: Look, x: Plane, y: Plane) -> Plane:
    colour = np.broadcast_to(_linear(look.background), (*x.shape, 3)).astype(np.float32)
    across = np.linspace(-0.5, 0.5, x.shape[1], dtype=np.float32)[None, :, None]
    canvas = colour * (1 + look.slope * 0.025 * across)
    if look.shadow:
        dark = look.shadow * _inside(_outline(x - 0.16, y - 0.06, look.width / 2 + 0.03), look, 40)
        canvas = canvas * (1 - dark[..., None])
    return canvas.astype(np.float32)


def _shoulders(canvas: Plane, look: Look, x: Plane, y: Plane) -> Plane:
    top = 0.70 + 0.34 * np.abs(x / 0.95) ** 2.2
    share = _inside(np.maximum(top - y, np.abs(x) - 1.02).astype(np.float32), look, 2)
    shade = np.clip(1.05 - 0.35 * np.abs(x) - 0.15 * (y - 0.7), 0.3, 1.1)[..., None]
    return _over(canvas, share, _linear(look.clothes) * shade)


def _neck(canvas: Plane, look: Look, x: Plane, y: Plane) -> Plane:
    half = 0.20 + 0.06 * np.clip((y - 0.55) / 0.25, 0, 1) ** 2
    share = _inside(np.maximum.reduce([np.abs(x) - half, 0.15 - y, y - 0.78 + 0.6 * np.abs(x) ** 1.5]), look, 2)
    under = 0.45 + 0.40 * np.clip((y - 0.50) / 0.22, 0, 1)
    shade = (under * (1 - 0.9 * (x / 0.30) ** 2 * 0.5) * (1 + look.light * x * 2)).astype(np.float32)
    return _over(canvas, share, _linear(look.skin) * shade[..., None])


def _face(canvas: Plane, look: Look, x: Plane, y: Plane) -> Plane:
    half = look.width / 2
    for side in (-1, 1):
        ear = _inside(_blob(x, y, side * (half * 0.97), 0.06, 0.055, 0.115), look, 2)
        canvas = _over(canvas, ear, _linear(look.skin) * np.float32(0.72))
    depth = np.clip(1 - (x / (half * 1.03)) ** 2 - (y / 0.53) ** 2, 0.02, 1)
    nx, ny, nz = x / (half * 1.03) ** 2, y / 0.53**2, np.sqrt(depth) / half
    norm = np.sqrt(nx**2 + ny**2 + nz**2)
    lit = np.clip((nx * look.light * 1.6 - ny * 0.28 + nz) / norm / 1.04, 0, None)
    shade = (0.32 + 0.70 * lit)[..., None].astype(np.float32)
    return _over(canvas, _inside(_outline(x, y, half), look, 1.5), _linear(look.skin) * shade)


def _features(canvas: Plane, look: Look, x: Plane, y: Plane) -> Plane:
    row, apart = look.eye_row, look.eyes_apart / 2
    for side in (-1, 1):
        canvas = canvas * (1 - 0.38 * _spot(x, y, side * apart, row - 0.020, 0.070, 0.040))[..., None]
        canvas = canvas * (1 + 0.16 * _spot(x, y, side * 0.165, row + 0.14, 0.055, 0.05))[..., None]
        canvas = _eye(canvas, look, x, y, side * apart, row)
        arch = row - 0.088 + 0.9 * (np.abs(x) - apart - 0.01) ** 2
        brow = np.maximum(np.abs(y - arch) - 0.015, np.abs(x - side * (apart + 0.005)) - 0.078)
        canvas = _over(canvas, 0.85 * _inside(brow.astype(np.float32), look, 5), _linear(look.hair) * np.float32(0.7))
    canvas = canvas * (1 + 0.22 * _spot(x, y, 0.0, row + 0.10, 0.018, 0.10))[..., None]
    for side in (-1, 1):
        canvas = canvas * (1 - 0.20 * _spot(x, y, side * 0.042, row + 0.08, 0.018, 0.09))[..., None]
        canvas = canvas * (1 - 0.62 * _spot(x, y, side * 0.030, row + 0.222, 0.017, 0.009))[..., None]
    canvas = canvas * (1 - 0.28 * _spot(x, y, 0.0, row + 0.235, 0.060, 0.012))[..., None]
    return _mouth(canvas, look, x, y, row + 0.318)


def _eye(canvas: Plane, look: Look, x: Plane, y: Plane, x0: float, y0: float) -> Plane:
    opening = _blob(x, y, x0, y0, 0.060, 0.024 if look.eyes_open else 0.003)
    white = 0.9 * _inside(opening, look, 2)
    shade = (0.55 + 6.0 * np.clip(y - y0 + 0.02, 0, 0.05))[..., None]
    canvas = _over(canvas, white, _linear((225, 222, 218)) * shade.astype(np.float32))
    iris = np.minimum(_inside(_blob(x, y, x0, y0 - 0.002, 0.026, 0.026), look, 2), _inside(opening, look, 2))
    canvas = _over(canvas, iris, _linear((72, 50, 36)))
    pupil = np.minimum(_inside(_blob(x, y, x0, y0 - 0.002, 0.011, 0.011), look, 2), iris)
    canvas = _over(canvas, pupil, _linear((210, 40, 40) if look.red_eyes else (12, 10, 10)))
    glint = np.minimum(_inside(_blob(x, y, x0 - 0.007, y0 - 0.011, 0.004, 0.004), look, 2), iris)
    canvas = _over(canvas, glint, _linear((250, 250, 250)))
    lid = np.abs(y - (y0 - 0.024 + 6.2 * (x - x0) ** 2 if look.eyes_open else y0 + 0.004)) - 0.006
    line = np.maximum(lid, np.abs(x - x0) - 0.062).astype(np.float32)
    return _over(canvas, 0.8 * _inside(line, look, 3), _linear(look.skin) * np.float32(0.12))


def _mouth(canvas: Plane, look: Look, x: Plane, y: Plane, row: float) -> Plane:
    lips = _inside(_blob(x, y, 0.0, row, 0.098, 0.030), look, 4)
    skin = _linear(look.skin)
    canvas = _over(canvas, 0.75 * lips, skin * np.array([0.70, 0.42, 0.44], np.float32))
    line = np.maximum(np.abs(y - row + 0.002 - 0.35 * x**2) - 0.0045, np.abs(x) - 0.096).astype(np.float32)
    canvas = _over(canvas, 0.85 * _inside(line, look, 3), skin * np.float32(0.12))
    return canvas * (1 - 0.22 * _spot(x, y, 0.0, row + 0.052, 0.055, 0.013))[..., None]


def _strands(look: Look, x: Plane, y: Plane) -> Plane:
    """A texture along the hair, (H, W, 1)."""
    rng = np.random.default_rng(look.seed + 1)
    around = np.arctan2(x, -(y + 0.1))
    waves = sum(
        float(rng.uniform(0.3, 1)) * np.sin(around * float(rng.uniform(20, 130)) + float(rng.uniform(0, 6)))
        for _ in range(6)
    )
    return (0.95 + 0.10 * waves)[..., None].astype(np.float32)


def _hair_cap(look: Look, x: Plane, y: Plane) -> Plane:
    """Signed distance to the hair's outline: the skull grown by ``hair_up`` and ``hair_side``."""
    low = 0.12 + 1.1 * look.hair_side
    grown_y = np.where(y < 0, y / (1 + 2 * look.hair_up), y)
    grown = _outline(
        (x * (look.width / 2) / (look.width / 2 + look.hair_side)).astype(np.float32), grown_y, look.width / 2
    )
    return np.maximum(grown, y - low).astype(np.float32)


def _hair_behind(canvas: Plane, look: Look, x: Plane, y: Plane) -> Plane:
    if look.hair_up <= 0:
        return canvas
    return _over(canvas, _inside(_hair_cap(look, x, y), look, 2), _linear(look.hair) * _strands(look, x, y))


def _hair_on_top(canvas: Plane, look: Look, x: Plane, y: Plane) -> Plane:
    if look.hair_up <= 0:
        return canvas
    line = look.hair_line + 2.2 * x**2 * (1 - 0.3 * np.sign(-y))
    forehead = np.maximum(y - line, np.zeros_like(y) - 1)
    temple = (look.width / 2 - 0.045) - np.abs(x)
    covered = np.minimum(forehead, np.maximum(temple, y - 0.05)).astype(np.float32)
    share = np.minimum(_inside(covered, look, 4), _inside(_hair_cap(look, x, y), look, 2))
    shine = 1 + 0.5 * _spot(x, y, -0.08, -0.42, 0.16, 0.05)[..., None]
    return _over(canvas, share, _linear(look.hair) * _strands(look, x, y) * shine)
