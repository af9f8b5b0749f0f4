"""A plate is a photo of the empty scene: align it to a photo in shift and exposure, and say when it cannot be used."""

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from packshot.matting.tensor import stretch

Float = NDArray[np.float32]
RGB8 = NDArray[np.uint8]
Bool = NDArray[np.bool_]
NO_TEXTURE = 1.5  # 1/255, after averaging: less is the camera's noise
LEVELS = ((4, 6), (2, 3))  # (by how much smaller, Gauss-Newton steps), each twice as fine as the one before
Pixels = TypeVar("Pixels", Float, RGB8)


@dataclass(frozen=True)
class PlateSettings:
    """When a plate fits: ``max_shift`` is a share of the longer side, the others are ratios and shares.

    ``max_texture_left`` is what may be left of the background's texture once the plate is taken away.
    """

    max_gain: float = 1.4
    max_shift: float = 0.03
    max_unexplained: float = 0.25
    min_seen: float = 0.12
    max_texture_left: float = 0.7


class PlateState(StrEnum):
    """Whether a plate can be used, and if not, why."""

    FITS = "fits"
    OTHER_SIZE = "the plate has another size or shape than the photo; take a new one"
    MOVED = "the camera moved since the plate was taken; take a new one"
    LIGHT = "the light changed since the plate was taken; take a new one"
    OTHER_SCENE = "the plate shows another scene; take a new one"
    OCCUPIED = "the plate shows the product too; take it of the empty scene"


@dataclass(frozen=True)
class PlateFit:
    """How the plate lies under the photo: photo ~ gain * plate moved by (dx, dy), shares of width and height.

    ``gain`` is per channel; ``noise`` is the sigma of what is left over on the background, in 1/255.
    """

    state: PlateState
    dx: float = 0.0
    dy: float = 0.0
    gain: tuple[float, float, float] = (1.0, 1.0, 1.0)
    noise: float = 1.0


def fit_plate(photo: RGB8, plate: RGB8, mask: Float, settings: PlateSettings) -> PlateFit:
    """Align a plate to a photo, both (h, w, 3) uint8 at the same working size; ``mask`` (h, w) is where the subject is.

    Least squares of photo_c = gain_c plate_c + u dplate_c/dx + v dplate_c/dy over what is probably background (Lucas,
    Kanade 1981, with gains), at a quarter of the size then at half; outliers beyond three robust sigmas do not count.
    """
    if photo.shape != plate.shape:
        return PlateFit(PlateState.OTHER_SIZE)
    motion = np.array([1.0, 1.0, 1.0, 0.0, 0.0])
    for divisor, steps in LEVELS:
        size = tuple(max(8, side // divisor) for side in photo.shape[:2])
        background = np.asarray(cv2.resize(mask, size[::-1], interpolation=cv2.INTER_AREA), np.float32) < 0.3
        pair = [_blurred(stretch(picture, *size)) for picture in (photo, plate)]
        motion = _align(pair[0], pair[1], background, motion, steps)
        motion[3:] *= 2
    height, width = photo.shape[:2]
    gain = (float(motion[0]), float(motion[1]), float(motion[2]))
    fit = PlateFit(PlateState.FITS, float(motion[3]) / width, float(motion[4]) / height, gain)
    return _judged(fit, photo, plate, mask, settings)


def move_plate(plate: RGB8, fit: PlateFit) -> RGB8:
    """The plate as the photo would have seen it, at any size: moved and brought to the photo's exposure."""
    height, width = plate.shape[:2]
    moved = _shift(plate, fit.dx * width, fit.dy * height)
    scaled = [cv2.convertScaleAbs(moved[..., channel], alpha=gain) for channel, gain in enumerate(fit.gain)]
    return np.asarray(cv2.merge(scaled), np.uint8)


def _align(photo: Float, plate: Float, background: Bool, start: NDArray[np.float64], steps: int) -> NDArray[np.float64]:
    """Gains and shift (px) by Gauss-Newton steps from ``start``."""
    motion = start.copy()
    for _ in range(steps):
        moved = _shift(plate, motion[3], motion[4])
        slope_x, slope_y = (
            np.asarray(cv2.Sobel(moved, cv2.CV_32F, *axes, ksize=3, scale=1 / 8), np.float32)
            for axes in ((1, 0), (0, 1))
        )
        residual = _largest(np.abs(photo - moved * motion[:3].astype(np.float32)))
        limit = 3 * 1.4826 * float(np.median(residual[background])) if background.any() else 0.0
        used = background & (residual <= limit + 1e-3)
        if np.count_nonzero(used) < 64:
            return motion
        step = _least_squares(photo[used], moved[used], slope_x[used], slope_y[used])
        motion[:3] = step[:3]
        motion[3:] -= np.clip(step[3:] / max(float(step[:3].mean()), 0.05), -2, 2)
    return motion


def _least_squares(photo: Float, plate: Float, slope_x: Float, slope_y: Float) -> NDArray[np.float64]:
    """Solve photo_c = g_c plate_c + u slope_x_c + v slope_y_c for (g_r, g_g, g_b, u, v); rows are (n, 3)."""
    matrix, right = np.zeros((5, 5)), np.zeros(5)
    for channel in range(3):
        columns = np.stack([plate[:, channel], slope_x[:, channel], slope_y[:, channel]]).astype(np.float64)
        index = [channel, 3, 4]
        matrix[np.ix_(index, index)] += columns @ columns.T
        right[index] += columns @ photo[:, channel]
    ridge = 1e-6 * np.trace(matrix) / 5
    return np.asarray(np.linalg.solve(matrix + np.diag([0, 0, 0, ridge, ridge]) + 1e-9 * np.eye(5), right))


def _judged(fit: PlateFit, photo: RGB8, plate: RGB8, mask: Float, settings: PlateSettings) -> PlateFit:
    """The fit with its noise, and its state if the plate cannot be trusted."""
    difference = _largest(np.abs(photo.astype(np.float32) - move_plate(plate, fit)))
    background, subject = mask < 0.3, mask > 0.7
    noise = 1.4826 * float(np.median(difference[background])) / 1.6 if background.any() else 1.0
    limit = max(12.0, 6 * noise)
    unexplained = float((difference[background] > limit).mean()) if background.any() else 0.0
    seen = float((difference[subject] > max(3.0, 3 * noise)).mean()) if subject.any() else 1.0
    moved = max(abs(fit.dx), abs(fit.dy)) > settings.max_shift
    state = PlateState.FITS
    if max(fit.gain) > settings.max_gain or min(fit.gain) < 1 / settings.max_gain:
        state = PlateState.LIGHT
    elif unexplained > settings.max_unexplained or noise > 15:
        state = PlateState.MOVED if moved else PlateState.OTHER_SCENE
    elif moved or _texture_left(photo, move_plate(plate, fit), background) > settings.max_texture_left:
        state = PlateState.MOVED
    elif seen < settings.min_seen:
        state = PlateState.OCCUPIED
    return PlateFit(state, fit.dx, fit.dy, fit.gain, noise)


def _texture_left(photo: RGB8, plate: RGB8, background: Bool) -> float:
    """How much of the background's texture is left in photo minus plate: 0 to 1, more where the textures differ."""
    if not background.any():
        return 0.0
    gray = [cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32) for picture in (photo, plate)]
    left, texture = (
        float(np.median(np.abs(_texture(picture)[background]))) for picture in (gray[0] - gray[1], gray[0])
    )
    return left / max(texture, NO_TEXTURE)


def _texture(gray: Float) -> Float:
    """What is coarser than the camera's noise and finer than shading."""
    return np.asarray(cv2.blur(gray, (5, 5)) - cv2.blur(gray, (31, 31)), np.float32).reshape(gray.shape)


def _shift(picture: Pixels, dx: float, dy: float) -> Pixels:
    move = np.array([[1, 0, dx], [0, 1, dy]], np.float64)
    size = picture.shape[1::-1]
    moved = cv2.warpAffine(picture, move, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(moved, picture.dtype)


def _largest(values: Float) -> Float:
    return np.asarray(np.maximum(np.maximum(values[..., 0], values[..., 1]), values[..., 2]), np.float32)


def _blurred(picture: RGB8) -> Float:
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), 0.8), np.float32)
