#!/usr/bin/env python3
"""Seeded product scenes with true alpha, foreground and background, to measure cutouts against.

    tools/make_scenes.py --out scenes/ --height 3040 --width 4056 --seed 7 [--renders RENDERS.tar --count 12]

Writes per scene ``<name>.jpg`` (photo), ``<name>.alpha.png``, ``<name>.plate.jpg`` (the empty scene, drifted) and, for
two-backdrop matting, ``<name>.{a,b}.png`` with ``<name>.plate-{a,b}.png``.
"""

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

Float = NDArray[np.float32]
RGB8 = NDArray[np.uint8]
Rng = np.random.Generator

FINE = 4  # shapes are drawn this many times finer in x and y, then averaged


@dataclass(frozen=True)
class Scene:
    """A photo and the truth behind it: photo = alpha * foreground + (1 - alpha) * background + noise.

    ``photo`` is (H, W, 3) uint8 sRGB; ``alpha`` (H, W), ``foreground`` and ``background`` (H, W, 3) float32 in [0, 1].
    """

    name: str
    photo: RGB8
    alpha: Float
    foreground: Float
    background: Float


def make_scene(kind: str, height: int, width: int, seed: int, noise: float = 2.0) -> Scene:
    """One scene of a kind in ``KINDS``; ``noise`` is the camera's sigma in 1/255."""
    rng = np.random.default_rng([seed, *kind.encode()])
    alpha = KINDS[kind](rng, height, width)
    if kind.startswith("white"):
        foreground, background = _white_product(rng, height, width), _white_sweep(rng, height, width)
    else:
        foreground = PRODUCT_COLOURS[int(rng.integers(len(PRODUCT_COLOURS)))](rng, height, width)
        background = BACKDROPS[int(rng.integers(len(BACKDROPS)))](rng, height, width)
    return Scene(kind, photograph(alpha, foreground, background, noise, rng), alpha, foreground, background)


def photograph(alpha: Float, foreground: Float, background: Float, noise: float, rng: Rng) -> RGB8:
    """Composite in sRGB values and add sensor noise of ``noise`` / 255."""
    a = alpha[..., None]
    clean = a * foreground + (1 - a) * background
    noisy = clean * 255 + rng.standard_normal(clean.shape, np.float32) * np.float32(noise)
    return np.clip(np.rint(noisy), 0, 255).astype(np.uint8)


def drifted_plate(scene: Scene, seed: int, gain: float = 1.02, shift: float = 2.0, noise: float = 2.0) -> RGB8:
    """The empty scene photographed again: exposure changed by ``gain``, camera moved by ``shift`` px."""
    rng = np.random.default_rng([seed, 77])
    angle = rng.uniform(0, 2 * np.pi)
    move = np.array([[1, 0, shift * np.cos(angle)], [0, 1, shift * np.sin(angle)]], np.float64)
    height, width = scene.alpha.shape
    moved = cv2.warpAffine(
        scene.background, move, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT
    )
    none = np.zeros((height, width), np.float32)
    return photograph(none, scene.foreground, np.asarray(moved * gain, np.float32), noise, rng)


def two_backdrops(
    scene: Scene,
    seed: int,
    colours: tuple[tuple[float, ...], tuple[float, ...]] = ((0.1, 0.7, 0.2), (0.8, 0.2, 0.75)),
    noise: float = 2.0,
) -> tuple[RGB8, RGB8, RGB8, RGB8]:
    """The product before two lit backdrops, then both backdrops alone: (photo 1, photo 2, plate 1, plate 2)."""
    rng = np.random.default_rng([seed, 78])
    height, width = scene.alpha.shape
    shade = 0.85 + 0.15 * smooth_noise(rng, height, width, 3)[..., None]
    plates = [np.asarray(shade * np.array(colour, np.float32), np.float32) for colour in colours]
    none = np.zeros((height, width), np.float32)
    shots = [photograph(scene.alpha, scene.foreground, plate, noise, rng) for plate in plates]
    empty = [photograph(none, plate, plate, noise, rng) for plate in plates]
    return shots[0], shots[1], empty[0], empty[1]


def coarse_mask(alpha: Float, size: int, jitter: float, seed: int) -> Float:
    """What a network might answer: alpha at size x size whose outline wanders by ``jitter`` mask pixels (rms)."""
    rng = np.random.default_rng([seed, 79])
    small = cv2.resize(alpha, (size, size), interpolation=cv2.INTER_AREA)
    field = rng.standard_normal((2, size, size)).astype(np.float32)
    field = np.stack([cv2.GaussianBlur(part, (0, 0), size / 80) for part in field])
    field *= jitter / np.sqrt((field**2).mean() + 1e-12)
    y, x = np.mgrid[:size, :size].astype(np.float32)
    return np.asarray(cv2.remap(small, x + field[0], y + field[1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE))


def smooth_noise(rng: Rng, height: int, width: int, cells: int) -> Float:
    """Smooth random values in [0, 1] with about ``cells`` bumps across."""
    coarse = rng.random((cells + 3, cells + 3)).astype(np.float32)
    return _clipped(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC))


def _clipped(values: ArrayLike) -> Float:
    return np.asarray(np.clip(values, 0, 1), np.float32)


# Shapes: coverage (H, W) in [0, 1]


def _antialiased(height: int, width: int, draw: Callable[[NDArray[np.uint8], float], None]) -> Float:
    """Draw at FINE times the size with ``draw(canvas, unit)``, unit = pixels per 1/1000 of the height; average."""
    canvas = np.zeros((height * FINE, width * FINE), np.uint8)
    draw(canvas, height * FINE / 1000)
    covered = cv2.resize(canvas, (width, height), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    return np.asarray(cv2.GaussianBlur(covered, (0, 0), 0.6 * max(1.0, height / 1500)), np.float32)  # the lens


def _outline(rng: Rng, centre: NDArray[np.float64], radius: float, corners: int, rough: float) -> NDArray[np.int32]:
    angles = np.linspace(0, 2 * np.pi, 720, endpoint=False)
    wave = sum(rng.normal() / k * np.cos(k * angles + rng.uniform(0, 6.3)) for k in range(2, corners))
    r = radius * (1 + rough * np.asarray(wave))
    points = centre + np.stack([r * np.cos(angles), r * np.sin(angles)], axis=-1)
    return points.astype(np.int32)


def _centre(canvas: NDArray[np.uint8], rng: Rng) -> NDArray[np.float64]:
    height, width = canvas.shape
    return np.array([width * rng.uniform(0.45, 0.55), height * rng.uniform(0.47, 0.53)])


def _product(rng: Rng, height: int, width: int) -> Float:
    def draw(canvas: NDArray[np.uint8], unit: float) -> None:
        cv2.fillPoly(canvas, [_outline(rng, _centre(canvas, rng), 300 * unit, 9, 0.1)], 255)

    return _antialiased(height, width, draw)


def _box(rng: Rng, height: int, width: int) -> Float:
    def draw(canvas: NDArray[np.uint8], unit: float) -> None:
        x, y = _centre(canvas, rng)
        box = ((x, y), (rng.uniform(350, 600) * unit, rng.uniform(350, 600) * unit), rng.uniform(0, 90))
        cv2.fillPoly(canvas, [cv2.boxPoints(box).astype(np.int32)], 255)

    return _antialiased(height, width, draw)


def _mug(rng: Rng, height: int, width: int) -> Float:
    def draw(canvas: NDArray[np.uint8], unit: float) -> None:
        x, y = _centre(canvas, rng).astype(int)
        w, h, thick = int(200 * unit), int(260 * unit), int(rng.uniform(28, 55) * unit)
        cv2.ellipse(canvas, (x + w, y), (int(150 * unit), int(160 * unit)), 0, -100, 100, 255, thick)
        cv2.rectangle(canvas, (x - w, y - h), (x + w, y + h), 255, -1)
        cv2.ellipse(canvas, (x, y + h), (w, int(60 * unit)), 0, 0, 360, 255, -1)
        cv2.ellipse(canvas, (x, y - h), (w, int(40 * unit)), 0, 0, 360, 255, -1)

    return _antialiased(height, width, draw)


def _ring(rng: Rng, height: int, width: int) -> Float:
    def draw(canvas: NDArray[np.uint8], unit: float) -> None:
        x, y = _centre(canvas, rng).astype(int)
        axes = (int(rng.uniform(200, 320) * unit), int(rng.uniform(200, 320) * unit))
        cv2.ellipse(canvas, (x, y), axes, rng.uniform(0, 180), 0, 360, 255, int(rng.uniform(40, 90) * unit))

    return _antialiased(height, width, draw)


def _mesh(rng: Rng, height: int, width: int) -> Float:
    def draw(canvas: NDArray[np.uint8], unit: float) -> None:
        x, y = _centre(canvas, rng).astype(int)
        r, step, thick = int(330 * unit), int(rng.uniform(45, 70) * unit), max(1, int(rng.uniform(6, 14) * unit))
        for offset in range(-r, r + 1, step):
            cv2.line(canvas, (x + offset, y - r), (x + offset, y + r), 255, thick)
            cv2.line(canvas, (x - r, y + offset), (x + r, y + offset), 255, thick)
        cv2.rectangle(canvas, (x - r, y - r), (x + r, y + r), 255, 3 * thick)

    return _antialiased(height, width, draw)


def _strands(rng: Rng, height: int, width: int) -> Float:
    def draw(canvas: NDArray[np.uint8], unit: float) -> None:
        centre = _centre(canvas, rng)
        cv2.fillPoly(canvas, [_outline(rng, centre, 230 * unit, 6, 0.05)], 255)
        for _ in range(700):
            angle = rng.uniform(0, 2 * np.pi)
            length, bend = rng.uniform(250, 370) * unit, rng.normal(0, 0.5)
            t = np.linspace(0, 1, 24)
            turn = angle + bend * t**2
            r = 200 * unit + (length - 200 * unit) * t
            points = centre + np.stack([r * np.cos(turn), r * np.sin(turn)], axis=-1)
            thick = max(1, int(rng.uniform(0.8, 2.2) * unit))
            cv2.polylines(canvas, [points.astype(np.int32)], False, 255, thick)

    return _antialiased(height, width, draw)


def _wisps(rng: Rng, height: int, width: int) -> Float:
    """Thousands of hairs far thinner than a pixel: a halo that is nowhere opaque."""

    def draw(canvas: NDArray[np.uint8], unit: float) -> None:
        centre = _centre(canvas, rng)
        cv2.fillPoly(canvas, [_outline(rng, centre, 210 * unit, 6, 0.05)], 255)
        for _ in range(2500):
            angle, t = rng.uniform(0, 2 * np.pi), np.linspace(0, 1, 16)
            turn = angle + rng.normal(0, 0.35) * t**2
            r = (190 + rng.gamma(2.0, 35.0) * t) * unit
            points = centre + np.stack([r * np.cos(turn), r * np.sin(turn)], axis=-1)
            cv2.polylines(canvas, [points.astype(np.int32)], False, 255, 1)

    return _antialiased(height, width, draw)


def _fur(rng: Rng, height: int, width: int) -> Float:
    base = _product(rng, height, width)
    fine = rng.standard_normal((height, width)).astype(np.float32)
    tuft = cv2.GaussianBlur(fine, (0, 0), height / 900)
    spread = cv2.GaussianBlur(base, (0, 0), height / 60)
    return _clipped(0.5 + 2.2 * (spread - 0.5) + 0.9 * tuft / tuft.std() * 4 * spread * (1 - spread))


def _glass(rng: Rng, height: int, width: int) -> Float:
    outside = _mug(rng, height, width)
    inner = cv2.erode(outside, np.ones((3, 3), np.uint8), iterations=max(1, height // 75))
    body = 0.15 + 0.3 * smooth_noise(rng, height, width, 6)
    return np.asarray(outside * (1 - inner) * 0.85 + outside * inner * body, np.float32)


def _several(rng: Rng, height: int, width: int) -> Float:
    def draw(canvas: NDArray[np.uint8], unit: float) -> None:
        for share in (0.25, 0.5, 0.75):
            centre = np.array([canvas.shape[1] * share, canvas.shape[0] * rng.uniform(0.4, 0.6)])
            cv2.fillPoly(canvas, [_outline(rng, centre, 130 * unit, 7, 0.1)], 255)

    return _antialiased(height, width, draw)


KINDS: dict[str, Callable[[Rng, int, int], Float]] = {
    "product": _product,
    "box": _box,
    "mug": _mug,
    "ring": _ring,
    "several": _several,
    "mesh": _mesh,
    "strands": _strands,
    "wisps": _wisps,
    "fur": _fur,
    "glass": _glass,
    "white": _mug,
    "white-mesh": _mesh,
}
HARD_KINDS = ("product", "box", "mug", "ring", "several")
SOFT_KINDS = ("strands", "wisps", "fur")


# Colours: (H, W, 3) in [0, 1]


def _product_colours(rng: Rng, height: int, width: int) -> Float:
    base = rng.uniform(0.08, 0.92, 3).astype(np.float32)
    other = rng.uniform(0.05, 0.95, 3).astype(np.float32)
    pattern = smooth_noise(rng, height, width, int(rng.integers(3, 9)))[..., None]
    if rng.random() < 0.4:
        pattern = (pattern > 0.5).astype(np.float32)
    shade = 0.8 + 0.3 * (smooth_noise(rng, height, width, 2)[..., None] - 0.5)
    return _clipped((base * pattern + other * (1 - pattern)) * shade)


def _busy_colours(rng: Rng, height: int, width: int) -> Float:
    """Prints, seams and shine: three colours in patches of several sizes."""
    picture = np.empty((height, width, 3), np.float32)
    picture[:] = rng.uniform(0.05, 0.95, 3)
    for cells in (4, 12, 40):
        patch = smooth_noise(rng, height, width, cells) > rng.uniform(0.5, 0.75)
        picture[patch] = rng.uniform(0.05, 0.95, 3)
    shine = np.clip(smooth_noise(rng, height, width, 9) * 4 - 3, 0, 1)[..., None]
    shade = 0.7 + 0.5 * smooth_noise(rng, height, width, 3)[..., None]
    lit = np.asarray(cv2.GaussianBlur(picture, (0, 0), height / 1200), np.float32) * shade
    return _clipped(lit * (1 - shine) + shine)


def _white_product(rng: Rng, height: int, width: int) -> Float:
    shade = 0.84 + 0.08 * smooth_noise(rng, height, width, 4)
    return np.repeat(shade[..., None], 3, axis=2)


def _white_sweep(rng: Rng, height: int, width: int) -> Float:
    shade = 0.93 + 0.05 * smooth_noise(rng, height, width, 2)
    texture = 0.01 * smooth_noise(rng, height, width, 120)
    return np.repeat((shade + texture)[..., None], 3, axis=2).astype(np.float32)


def _sweep(rng: Rng, height: int, width: int) -> Float:
    tint = rng.uniform(0.55, 0.95) + rng.uniform(-0.04, 0.04, 3)
    fall = np.linspace(1.0, rng.uniform(0.7, 0.95), height, dtype=np.float32)[:, None, None]
    return np.broadcast_to(fall * tint.astype(np.float32), (height, width, 3)).astype(np.float32).copy()


def _texture(rng: Rng, height: int, width: int) -> Float:
    tint = rng.uniform(0.2, 0.8, 3).astype(np.float32)
    fine = cv2.GaussianBlur(rng.standard_normal((height, width)).astype(np.float32), (0, 0), height / 400)
    grain = 0.04 * fine / fine.std() + 0.1 * (smooth_noise(rng, height, width, 40) - 0.5)
    return _clipped(tint + grain[..., None])


def _room(rng: Rng, height: int, width: int) -> Float:
    wall = np.empty((height, width, 3), np.float32)
    wall[:] = rng.uniform(0.3, 0.8, 3)
    for _ in range(25):
        corner = rng.integers(0, (width, height))
        size = (rng.uniform(0.05, 0.3, 2) * (width, height)).astype(int)
        cv2.rectangle(wall, corner.tolist(), (corner + size).tolist(), rng.uniform(0.1, 0.9, 3).tolist(), -1)
    return np.asarray(cv2.GaussianBlur(wall, (0, 0), height / 90), np.float32)


def _clutter(rng: Rng, height: int, width: int) -> Float:
    """A shelf in focus: edges everywhere."""
    scene = _room(rng, height, width)
    for _ in range(120):
        corner = rng.integers(0, (width, height))
        size = (rng.uniform(0.01, 0.12, 2) * (width, height)).astype(int)
        cv2.rectangle(scene, corner.tolist(), (corner + size).tolist(), rng.uniform(0.1, 0.9, 3).tolist(), -1)
    return np.asarray(cv2.GaussianBlur(scene, (0, 0), height / 800), np.float32)


BACKDROPS = (_sweep, _texture, _room, _clutter)
PRODUCT_COLOURS = (_product_colours, _busy_colours)


def main() -> None:
    """Write scenes of every kind asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="folder to write to")
    parser.add_argument("--kinds", nargs="+", choices=sorted(KINDS), default=sorted(KINDS))
    parser.add_argument("--height", type=int, default=1200, help="pixels")
    parser.add_argument("--width", type=int, default=1600, help="pixels")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--renders", type=Path, help="RGBA renders (a .tar or a folder) to make scenes of instead")
    parser.add_argument("--count", type=int, default=12, help="how many renders")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    for scene in _scenes(arguments):
        write_scene(scene, arguments.out, arguments.seed)
        print(f"{arguments.out / scene.name}.jpg")


def _scenes(arguments: argparse.Namespace) -> Iterator[Scene]:
    size = (arguments.height, arguments.width, arguments.seed)
    if not arguments.renders:
        yield from (make_scene(kind, *size) for kind in arguments.kinds)
        return
    from tools.rendered_scenes import read_renders, rendered_scene

    for name, rgba in read_renders(arguments.renders, arguments.count):
        yield rendered_scene(name, rgba, *size)


def write_scene(scene: Scene, folder: Path, seed: int) -> None:
    """Photo, true alpha, drifted plate and the two-backdrop set of one scene as files."""
    _write(folder / f"{scene.name}.jpg", scene.photo)
    _write(folder / f"{scene.name}.alpha.png", np.rint(scene.alpha * 255).astype(np.uint8))
    _write(folder / f"{scene.name}.plate.jpg", drifted_plate(scene, seed))
    names = ("a", "b", "plate-a", "plate-b")
    for name, picture in zip(names, two_backdrops(scene, seed), strict=True):
        _write(folder / f"{scene.name}.{name}.png", picture)


def _write(path: Path, picture: RGB8) -> None:
    bgr = picture[..., ::-1] if picture.ndim == 3 else picture
    quality = [cv2.IMWRITE_JPEG_QUALITY, 95] if path.suffix == ".jpg" else []
    if not cv2.imwrite(str(path), bgr, quality):
        raise OSError(f"{path} cannot be written")


if __name__ == "__main__":
    main()
