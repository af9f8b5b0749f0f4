"""The steadied preview on a clip with known masks: less flicker than the masks themselves, less lag than averaging."""

import cv2
import numpy as np
from numpy.typing import NDArray

from packshot.matting.steady import SteadyMask

Float = NDArray[np.float32]
FRAMES, SIZE = 40, 96


def clip(speed: float) -> list[tuple[NDArray[np.uint8], Float, Float]]:
    """A disc on a textured table, moving by ``speed`` px a frame: (picture, the network's mask, true mask)."""
    rng = np.random.default_rng(1)
    table = cv2.GaussianBlur(rng.uniform(80, 160, (4 * SIZE, 4 * SIZE, 3)).astype(np.float32), (0, 0), 2)
    frames = []
    for index in range(FRAMES):
        truth = np.zeros((4 * SIZE, 4 * SIZE), np.float32)
        cv2.circle(truth, (round(4 * (24 + speed * index)), 2 * SIZE), 64, 1.0, -1, cv2.LINE_AA)
        a = truth[..., None]
        picture = a * (220, 40, 30) + (1 - a) * table + rng.normal(0, 2, table.shape)
        small = cv2.resize(truth, (SIZE, SIZE), interpolation=cv2.INTER_AREA)
        doubt = cv2.GaussianBlur(rng.standard_normal((SIZE, SIZE)).astype(np.float32), (0, 0), 3)
        seen = np.clip(small + 0.15 * doubt / doubt.std(), 0, 1).astype(np.float32)
        frames.append((np.clip(picture, 0, 255).astype(np.uint8), seen, small))
    return frames


def errors(frames: list[tuple[NDArray[np.uint8], Float, Float]]) -> tuple[float, float]:
    """Mean error, after the first ten frames, of plain averaging and of the steadied masks."""
    steady, average = SteadyMask(), frames[0][1]
    sums = np.zeros(2)
    for index, (picture, seen, truth) in enumerate(frames):
        average = 0.2 * seen + 0.8 * average
        steadied = steady.update(picture, seen)
        if index >= 10:
            sums += [np.abs(mask - truth).mean() for mask in (average, steadied)]
    averaged, steadied_error = sums / (len(frames) - 10)
    return averaged, steadied_error


def test_a_still_picture_flickers_far_less() -> None:
    steady, frames = SteadyMask(), clip(speed=0.0)
    seen = np.stack([mask for _, mask, _ in frames])
    steadied = np.stack([steady.update(picture, mask) for picture, mask, _ in frames])

    raw_flicker, flicker = (float(np.abs(np.diff(masks[10:], axis=0)).mean()) for masks in (seen, steadied))

    assert flicker < 0.3 * raw_flicker


def test_a_moving_product_does_not_trail() -> None:
    averaged, steadied = errors(clip(speed=1.2))

    assert steadied < 0.7 * averaged


def test_a_mask_of_another_size_starts_afresh() -> None:
    steady = SteadyMask()
    picture, seen, _ = clip(0.0)[0]
    steady.update(picture, seen)

    half = cv2.resize(seen, (48, 48))

    np.testing.assert_array_equal(steady.update(picture, half), half)
