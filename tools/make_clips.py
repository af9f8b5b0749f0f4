"""Seeded clips with known masks: a product on a table as a camera and a network would see it, frame after frame."""

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from tools.make_scenes import Scene, coarse_mask, make_scene

Float = NDArray[np.float32]
RGB8 = NDArray[np.uint8]


@dataclass(frozen=True)
class ClipFrame:
    """A picture (H, W, 3) uint8, the network's mask of it and the true one, both (h, w) in [0, 1]."""

    picture: RGB8
    seen: Float
    truth: Float


def make_clip(
    kind: str, seed: int, speed: float, frames: int = 40, *, jitter: float = 0.6, noise: float = 2.0, mask: int = 160
) -> Iterator[ClipFrame]:
    """A scene of 640x480 whose product moves by ``speed`` px of the picture a frame, to the right.

    The network's outline wanders by ``jitter`` mask px, anew in every frame, and it has its
    doubts everywhere; ``noise`` is the camera's, in 1/255.
    """
    scene = make_scene(kind, 480, 640, seed, noise=0.0)
    rng = np.random.default_rng([seed, 80])
    for index in range(frames):
        moved = _moved(scene, speed * (index - frames / 2))
        alpha = moved.alpha[..., None]
        clean = alpha * moved.foreground + (1 - alpha) * moved.background
        noisy = clean * 255 + rng.standard_normal(clean.shape, np.float32) * np.float32(noise)
        picture = np.clip(np.rint(noisy), 0, 255).astype(np.uint8)
        truth = np.asarray(cv2.resize(moved.alpha, (mask, mask), interpolation=cv2.INTER_AREA), np.float32)
        doubt = cv2.GaussianBlur(rng.standard_normal((mask, mask)).astype(np.float32), (0, 0), 3)
        wandering = coarse_mask(moved.alpha, mask, jitter, seed * 1000 + index)
        seen = np.clip(wandering + 0.02 * doubt / doubt.std(), 0, 1).astype(np.float32)
        yield ClipFrame(picture, seen, truth)


def _moved(scene: Scene, pixels: float) -> Scene:
    """The scene with its product moved to the right."""
    height, width = scene.alpha.shape
    move = np.array([[1, 0, pixels], [0, 1, 0]], np.float64)
    alpha, foreground = (
        np.asarray(cv2.warpAffine(part, move, (width, height), borderMode=border), np.float32)
        for part, border in ((scene.alpha, cv2.BORDER_CONSTANT), (scene.foreground, cv2.BORDER_REPLICATE))
    )
    return Scene(scene.name, scene.photo, alpha, foreground, scene.background)
