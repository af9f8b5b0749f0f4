"""Product photos drawn by arithmetic, with their exact alpha: shapes on studio sweeps with soft shadows."""

from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

UInt8 = NDArray[np.uint8]
Alpha = NDArray[np.float32]


def product_scenes(count: int, side: int = 480) -> Iterator[tuple[UInt8, Alpha]]:
    """``count`` pictures (side, side, 3) uint8 RGB and their alpha (side, side) in [0, 1]; always the same ones."""
    random = np.random.default_rng(7)
    for _ in range(count):
        alpha = _outline(random, side)
        backdrop = _sweep(random, side)
        shadow = cv2.GaussianBlur(np.roll(alpha, (side // 30, side // 40), (0, 1)), (0, 0), side / 25)
        lit = backdrop * (1 - 0.4 * shadow[..., None])
        shade = 1 - 0.35 * np.linspace(0, 1, side)[None, :, None]
        body = random.uniform(0.1, 0.8, 3) * shade * np.ones((side, side, 1))
        band = (np.arange(side) // (side // 12) % 3 == 0)[:, None, None]
        body = np.where(band, random.uniform(0.1, 0.9, 3) * shade, body)
        picture = lit * (1 - alpha[..., None]) + body * alpha[..., None]
        noisy = picture + random.normal(0, 0.01, picture.shape)
        yield np.rint(np.clip(noisy, 0, 1) * 255).astype(np.uint8), alpha


def _outline(random: np.random.Generator, side: int) -> Alpha:
    """A bottle, a box or a ball, drawn at four times the size."""
    big = np.zeros((4 * side, 4 * side), np.uint8)
    unit, x, y = side * 4, int(random.uniform(0.4, 0.6) * side * 4), int(random.uniform(0.5, 0.6) * side * 4)
    width, height = int(random.uniform(0.12, 0.2) * unit), int(random.uniform(0.2, 0.3) * unit)
    kind = random.integers(3)
    if kind == 0:
        cv2.ellipse(big, (x, y), (height, height), 0, 0, 360, 255, -1)
    else:
        cv2.rectangle(big, (x - width, y - height), (x + width, y + height), 255, -1)
    if kind == 2:
        cv2.rectangle(big, (x - width // 3, y - 3 * height // 2), (x + width // 3, y), 255, -1)
    return np.asarray(cv2.resize(big, (side, side), interpolation=cv2.INTER_AREA) / 255.0, np.float32)


def _sweep(random: np.random.Generator, side: int) -> NDArray[np.float64]:
    tone = random.uniform(0.75, 0.97) * random.uniform(0.95, 1.0, 3)
    fall = 1 - 0.12 * np.linspace(1, 0, side)[:, None, None]
    return np.broadcast_to(tone * fall, (side, side, 3))
