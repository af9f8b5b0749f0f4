"""Figures of light, sharpness, eyes and background, from pixels; what they should be is judged in ``rules.py``.

Measures of the face are taken on a patch turned and scaled so that the pupils lie at fixed places, and are ratios
wherever they can be, so that dark and light skin are measured alike. After ISO/IEC 29794-5 (OFIQ) in kind, not in
number.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from packshot.idphoto.findings import Face, Head

RGB8 = NDArray[np.uint8]
Mask = NDArray[np.bool_]

EYES_APART = 64  # px between the pupils in the patch
PATCH_WIDTH, PATCH_HEIGHT = 192, 224
LEFT_PUPIL = (64.0, 80.0)
BURNT = 252
RED_FROM = 90.0  # a red pupil shines; brown eyes are as red in proportion, but dark
BESIDE = 2.2  # eye distances from the middle: where the head throws its shadow
LEAST_BACKGROUND = 0.02  # of the picture


@dataclass(frozen=True)
class Background:
    """The background's middle colour in CIE L*C*h, how far L* spreads, and how much of the picture it is (0-1)."""

    lightness: float
    chroma: float
    hue: float
    spread: float
    share: float


def face_patch(pixels: RGB8, face: Face) -> RGB8:
    """The face upright at ``EYES_APART`` px, (PATCH_HEIGHT, PATCH_WIDTH, 3) uint8."""
    dx, dy = face.right_eye[0] - face.left_eye[0], face.right_eye[1] - face.left_eye[1]
    scale = EYES_APART / max(face.eye_distance, 1.0)
    cos, sin = dx / max(face.eye_distance, 1.0) * scale, dy / max(face.eye_distance, 1.0) * scale
    turn = np.array([[cos, sin, 0.0], [-sin, cos, 0.0]])
    turn[:, 2] = np.array(LEFT_PUPIL) - turn[:, :2] @ np.array(face.left_eye)
    source = pixels
    if scale < 0.5:  # average first, or sharp detail would alias
        sigma = 0.5 / scale * 0.7
        source = np.asarray(cv2.GaussianBlur(pixels, (0, 0), sigma), np.uint8)
    size = (PATCH_WIDTH, PATCH_HEIGHT)
    return np.asarray(
        cv2.warpAffine(source, turn, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.uint8
    )


def burnt_share(patch: RGB8) -> float:
    """How much of the face has a channel at its end (0-1)."""
    return float((patch[_oval()].max(axis=1) >= BURNT).mean())


def face_range(patch: RGB8) -> float:
    """Between the darkest and the lightest fiftieth of the face, in stops: dark skin well lit has as many as light."""
    light = _linear(patch)[_oval()]
    low, high = np.quantile(light, (0.02, 0.98))
    return float(np.log2((high + 0.002) / (low + 0.002)))


def face_light(patch: RGB8) -> float:
    """L* of the lightest tenth of the face: what the camera saw of it at all."""
    return float(np.quantile(_lab(patch)[..., 0][_oval()], 0.9))


def side_light(patch: RGB8) -> float:
    """-1 to 1: how much more light falls on the right half (in the picture) of cheeks and forehead than on the left."""
    light = _linear(patch)
    left = float(np.median(np.concatenate([light[100:130, 52:76].ravel(), light[40:60, 60:84].ravel()])))
    right = float(np.median(np.concatenate([light[100:130, 116:140].ravel(), light[40:60, 108:132].ravel()])))
    return (right - left) / max(right + left, 1e-4)


def sharpness(patch: RGB8) -> float:
    """0-1: how much of the fine variation round the eyes a small blur takes away (Crete et al. 2007, turned round)."""
    gray = cv2.cvtColor(patch[56:112, 28:164], cv2.COLOR_RGB2GRAY).astype(np.float32)
    losses = []
    for axis, size in ((0, (1, 7)), (1, (7, 1))):
        before = np.abs(np.diff(gray, axis=axis))
        after = np.abs(np.diff(cv2.blur(gray, size), axis=axis))
        strong = before > np.quantile(before, 0.8)
        losses.append(float(np.maximum(before - after, 0)[strong].sum() / max(before[strong].sum(), 1e-3)))
    return float(np.mean(losses))


def colourfulness(patch: RGB8) -> float:
    """Median chroma C* of the face: a photo in shades of grey has none, whatever the skin."""
    lab = _lab(patch)[_oval()]
    return float(np.median(np.hypot(lab[:, 1], lab[:, 2])))


def redness(patch: RGB8) -> float:
    """How much redder than green and blue the redder pupil is, 0-1."""
    found = []
    for x in (LEFT_PUPIL[0], LEFT_PUPIL[0] + EYES_APART):
        rows, columns = np.mgrid[0:PATCH_HEIGHT, 0:PATCH_WIDTH]
        disc = patch[np.hypot(columns - x, rows - LEFT_PUPIL[1]) < 0.05 * EYES_APART].astype(np.float32)
        red = disc[:, 0] - disc[:, 1:].max(axis=1)
        found.append(float(np.quantile(red / np.maximum(disc.max(axis=1), RED_FROM), 0.6)))
    return max(0.0, *found)


def background_mask(shape: tuple[int, ...], head: Head, alpha: NDArray[np.uint8] | None) -> Mask:
    """Where the background is surely seen, (H, W): clear of the person by alpha or, without, by generous geometry.

    Only above the shoulders: clothes are what an alpha misses most easily.
    """
    rows, columns = np.mgrid[0 : shape[0], 0 : shape[1]]
    unit = head.face.eye_distance
    if alpha is not None:
        reach = max(1, round(0.10 * unit))
        near = cv2.dilate((alpha > 12).astype(np.uint8), np.ones((2 * reach + 1, 2 * reach + 1), np.uint8))
        return np.asarray((near == 0) & (rows < head.chin))
    middle, radius = (head.hair_top + head.chin) / 2, (head.chin - head.hair_top) / 2
    person = np.hypot((columns - head.centre) / (2.2 * unit), (rows - middle) / (radius + 0.7 * unit)) < 1
    below = rows > head.chin - 0.6 * unit
    return np.asarray(~person & ~below)


def background(pixels: RGB8, mask: Mask) -> Background | None:
    """What the background looks like; None where too little of it is seen."""
    share = float(mask.mean())
    if share < LEAST_BACKGROUND:
        return None
    lab = _lab(pixels)[mask]
    lightness, a, b = (float(x) for x in np.median(lab, axis=0))
    low, high = np.quantile(lab[:, 0], (0.05, 0.95))
    hue = float(np.degrees(np.arctan2(b, a)) % 360)
    return Background(lightness, float(np.hypot(a, b)), hue, float(high - low), share)


def shadow(pixels: RGB8, mask: Mask, head: Head) -> float | None:
    """How much darker in L* the background is on the darker side of the head than far from it; None where unseen."""
    rows, columns = np.mgrid[0 : pixels.shape[0], 0 : pixels.shape[1]]
    unit = head.face.eye_distance
    near = np.abs(columns - head.centre) < BESIDE * unit
    beside = mask & near & (rows > head.eye_line - unit) & (rows < head.chin)
    lightness = _lab(pixels)[..., 0]
    far = mask & (rows < head.crown + 0.3 * head.height)
    sides = [beside & (columns < head.centre), beside & (columns > head.centre)]
    seen = [float(np.quantile(lightness[side], 0.25)) for side in sides if side.sum() > 50]
    return float(np.median(lightness[far])) - min(seen) if seen and far.sum() > 50 else None


def _oval() -> Mask:
    """The face without hair and neck, in the patch."""
    mask = np.zeros((PATCH_HEIGHT, PATCH_WIDTH), np.uint8)
    cv2.ellipse(mask, (96, 116), (56, 82), 0, 0, 360, 1, -1)
    return np.asarray(mask > 0)


def _linear(pixels: RGB8) -> NDArray[np.float64]:
    """Linear luminance 0-1 (sRGB's curve taken as 2.2)."""
    gray = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), np.float64)
    return np.asarray((gray / 255) ** 2.2, np.float64)


def _lab(pixels: RGB8) -> NDArray[np.float32]:
    return np.asarray(cv2.cvtColor(pixels.astype(np.float32) / 255, cv2.COLOR_RGB2LAB), np.float32)
