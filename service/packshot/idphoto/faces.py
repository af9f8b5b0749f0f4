"""Faces and pupils in a photo: OpenCV's Haar cascades (Viola & Jones 2001), pupils by gradients (Timm & Barth 2011)."""

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from packshot.errors import ConfigError
from packshot.idphoto.findings import Box, Face, Point

RGB8 = NDArray[np.uint8]
Gray8 = NDArray[np.uint8]

FACE, SECOND = "haarcascade_frontalface_alt2.xml", "haarcascade_frontalface_default.xml"
EYE, EYE_IN_GLASSES = "haarcascade_eye.xml", "haarcascade_eye_tree_eyeglasses.xml"
LIVE_SIDE, STILL_SIDE = 320, 640  # px, longer side of the picture that is searched
LEAST_FACE = 0.09  # of the longer side
TURNS_DEG = (0.0, 20.0, -20.0, 38.0, -38.0)  # an upright cascade bears about 15 degrees
EYE_AT = (0.305, 0.385)  # of the cascade's box: where the left pupil usually is; the right one mirrored
EYE_HALF = (0.22, 0.17)  # half width and height of where pupils are looked for, in box widths
PUPIL_SIDE = 32  # px, width of the window in which the pupil's middle is found
SLACK = 0.3  # of that window: how far from its middle a pupil may well be
IRIS = 0.135  # radius of an iris, of that window's width
SURE_NEIGHBOURS = 6  # so many overlapping hits need no second cascade


class FaceFinder:
    """Finds upright and tilted frontal faces. Not thread-safe: the cascades keep state."""

    def __init__(self, folder: Path) -> None:
        """``folder`` holds OpenCV's ``haarcascade_*.xml``. Raises ConfigError where one is missing."""
        self._face, self._second, self._eye, self._eye_in_glasses = (
            _cascade(folder / name) for name in (FACE, SECOND, EYE, EYE_IN_GLASSES)
        )

    def find(self, pixels: RGB8, side: int = STILL_SIDE) -> list[Face]:
        """Faces in (H, W, 3) uint8 sRGB, largest first; searched at ``side`` px, in pixels of ``pixels``."""
        scale = min(1.0, side / max(pixels.shape[:2]))
        size = (max(1, round(pixels.shape[1] * scale)), max(1, round(pixels.shape[0] * scale)))
        small = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA) if scale < 1 else pixels
        gray = np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), np.uint8)
        for turn in TURNS_DEG:
            found = [self._with_eyes(*seen, turn) for seen in self._boxes(gray, turn)]
            found = [face for face in found if face.eyes_seen == 2 or not turn]
            if found:
                return sorted((_scaled(face, scale) for face in _distinct(found)), key=lambda face: -face.box[2])
        return []

    def _boxes(self, gray: Gray8, turn: float) -> Iterator[tuple[Box, float, Gray8, Gray8]]:
        """Face boxes in the picture turned back by ``turn``, its strength, that picture, plain and with contrast."""
        turned = _turned(gray, turn)[0] if turn else gray
        least = max(24, round(LEAST_FACE * max(gray.shape)))
        even = np.asarray(cv2.createCLAHE(2.0, (4, 4)).apply(turned), np.uint8)
        hits, neighbours, weights = self._face.detectMultiScale3(
            even, 1.1, 3, minSize=(least, least), outputRejectLevels=True
        )
        largest = max((int(hit[2]) for hit in hits), default=0)
        for hit, count, weight in zip(hits, neighbours, weights, strict=True):
            box = (int(hit[0]), int(hit[1]), int(hit[2]), int(hit[3]))
            sure = int(count) >= SURE_NEIGHBOURS and not turn and len(hits) == 1
            if box[2] > 0.35 * largest and (sure or self._seconded(turned, box)):
                yield box, float(weight), turned, even

    def _seconded(self, gray: Gray8, box: Box) -> bool:
        """Whether another cascade sees a face of about this size here, too."""
        left, top, width, height = box
        pad = round(0.3 * width)
        part = gray[max(0, top - pad) : top + height + pad, max(0, left - pad) : left + width + pad]
        hits = self._second.detectMultiScale(part, 1.1, 3, minSize=(round(0.6 * width), round(0.6 * width)))
        return len(hits) > 0

    def _with_eyes(self, box: Box, strength: float, turned: Gray8, even: Gray8, turn: float) -> Face:
        points = [self._pupil(turned, even, box, right) for right in (False, True)]
        seen = sum(was_seen for _, was_seen in points)
        first, second = points[0][0], points[1][0]
        if turn:
            first, second = _turn_back(first, turned.shape, turn), _turn_back(second, turned.shape, turn)
            middle = _turn_back((box[0] + box[2] / 2, box[1] + box[3] / 2), turned.shape, turn)
            box = (round(middle[0] - box[2] / 2), round(middle[1] - box[3] / 2), box[2], box[3])
        roll = float(np.degrees(np.arctan2(second[1] - first[1], second[0] - first[0])))
        return Face(box, first, second, roll, seen, strength)

    def _pupil(self, gray: Gray8, even: Gray8, box: Box, right: bool) -> tuple[Point, bool]:
        """The pupil on one side of a face box, and whether an eye cascade saw an eye there."""
        left, top, width, _ = box
        x = left + width * (1 - EYE_AT[0] if right else EYE_AT[0])
        y = top + width * EYE_AT[1]
        half_x, half_y = EYE_HALF[0] * width, EYE_HALF[1] * width
        window = _window(gray, x - half_x, y - half_y, x + half_x, y + half_y)
        part, expected = even[window], (x - window[1].start, y - window[0].start)
        eye = self._eye_near(part, expected, width)
        if eye is None:  # a dark face under bright hair or light: once more with all the contrast there is
            eye = self._eye_near(np.asarray(cv2.equalizeHist(part), np.uint8), expected, width)
        if eye is not None:
            x, y = eye[0] + window[1].start, eye[1] + window[0].start
        reach = 0.11 * width
        near = _window(gray, x - 1.2 * reach, y - 0.9 * reach, x + 1.2 * reach, y + 0.9 * reach)
        pupil = pupil_centre(gray[near], SLACK)
        return (pupil[0] + near[1].start, pupil[1] + near[0].start), eye is not None

    def _eye_near(self, part: Gray8, expected: Point, width: int) -> Point | None:
        """The middle of the eye nearest to where it should be, in ``part``; None where no cascade sees one."""
        scale = max(1.0, 60 / max(1, part.shape[1]))
        large = cv2.resize(part, None, fx=scale, fy=scale, interpolation=cv2.INTER_LINEAR) if scale > 1 else part
        least = max(12, round(0.14 * width * scale))
        found: list[Point] = []
        for cascade in (self._eye_in_glasses, self._eye):
            hits = cascade.detectMultiScale(large, 1.08, 2, minSize=(least, least))
            found += [((hit[0] + hit[2] / 2) / scale, (hit[1] + hit[3] / 2) / scale) for hit in hits]
        near = [point for point in found if np.hypot(point[0] - expected[0], point[1] - expected[1]) < 0.16 * width]
        return min(near, key=lambda at: np.hypot(at[0] - expected[0], at[1] - expected[1])) if near else None


def pupil_centre(window: Gray8, slack: float = 0.2) -> Point:
    """The pupil's middle (x, y) in a window (H, W) uint8 round an eye: where most gradients point away from.

    Timm & Barth 2011, "Accurate eye centre localisation by means of gradients", with their weight for dark centres;
    squared dot products of normalised displacement and gradient, the strongest gradients only; and a dark place between
    two light ones, since on dark skin the whites of the eyes outshine everything. ``slack`` is how far
    from the window's middle it may well be, as a share of the window's width.
    """
    scale = PUPIL_SIDE / max(1, window.shape[1])
    size = (PUPIL_SIDE, max(8, round(window.shape[0] * scale)))
    image = cv2.GaussianBlur(cv2.resize(window, size, interpolation=cv2.INTER_AREA), (0, 0), 1.2).astype(np.float32)
    gx, gy = cv2.Sobel(image, cv2.CV_32F, 1, 0), cv2.Sobel(image, cv2.CV_32F, 0, 1)
    strength = np.hypot(gx, gy)
    keep = strength > np.quantile(strength, 0.8)
    rows, columns = np.nonzero(keep)
    gx, gy = gx[keep] / strength[keep], gy[keep] / strength[keep]
    centre_y, centre_x = np.mgrid[0 : image.shape[0], 0 : image.shape[1]].astype(np.float32)
    dx, dy = columns - centre_x[..., None], rows - centre_y[..., None]
    along = (dx * gx + dy * gy) / np.maximum(np.hypot(dx, dy), 0.5)
    score = (np.maximum(along, 0) ** 2).mean(axis=2) * (255 - image + 20) * _between_whites(image)
    middle = _middle(image.shape, slack)
    y, x = np.unravel_index(int(np.argmax(score * middle)), score.shape)
    return float((x + 0.5) / scale - 0.5), float((y + 0.5) / scale - 0.5)


def _between_whites(image: NDArray[np.float32]) -> NDArray[np.float64]:
    """How much darker a place is than what lies left and right of it, 0.05-1: irises are, brows and lids are not."""
    radius = IRIS * PUPIL_SIDE
    size = 2 * round(0.6 * radius) + 1
    level = cv2.blur(image, (size, size), borderType=cv2.BORDER_REPLICATE)
    aside = round(1.7 * radius)
    wide = cv2.copyMakeBorder(level, 0, 0, aside, aside, cv2.BORDER_REPLICATE)
    whites = np.minimum(wide[:, : -2 * aside], wide[:, 2 * aside :])
    darker = np.maximum(whites - level, 0).astype(np.float64)
    return np.asarray(0.05 + 0.95 * darker / max(float(darker.max()), 1.0), np.float64)


def _middle(shape: tuple[int, ...], slack: float) -> NDArray[np.float64]:
    """A preference for the middle of the window, so that brows and lashes at its rim do not win."""
    y, x = np.mgrid[0 : shape[0], 0 : shape[1]]
    far = (y - shape[0] / 2 + 0.5) ** 2 + (x - shape[1] / 2 + 0.5) ** 2
    return np.asarray(np.exp(-0.5 * far / (slack * shape[1]) ** 2), np.float64)


def _cascade(path: Path) -> cv2.CascadeClassifier:
    cascade = cv2.CascadeClassifier(str(path)) if path.is_file() else cv2.CascadeClassifier()
    if cascade.empty():
        raise ConfigError(f"{path} is missing or damaged; install opencv-python-headless again, which brings it")
    return cascade


def _window(gray: Gray8, left: float, top: float, right: float, bottom: float) -> tuple[slice, slice]:
    """Rows and columns of a rectangle, at least 4 px a side, inside the picture."""
    height, width = gray.shape
    x0, y0 = int(np.clip(left, 0, width - 4)), int(np.clip(top, 0, height - 4))
    return slice(y0, int(np.clip(bottom, y0 + 4, height))), slice(x0, int(np.clip(right, x0 + 4, width)))


def _turn_matrix(shape: tuple[int, ...], turn: float) -> NDArray[np.float64]:
    return np.asarray(cv2.getRotationMatrix2D((shape[1] / 2, shape[0] / 2), turn, 1.0), np.float64)


def _turned(gray: Gray8, turn: float) -> tuple[Gray8, NDArray[np.float64]]:
    """The picture turned counter-clockwise by ``turn`` degrees about its middle."""
    matrix = _turn_matrix(gray.shape, turn)
    size = (gray.shape[1], gray.shape[0])
    return np.asarray(cv2.warpAffine(gray, matrix, size, borderMode=cv2.BORDER_REPLICATE), np.uint8), matrix


def _turn_back(point: Point, shape: tuple[int, ...], turn: float) -> Point:
    inverse = cv2.invertAffineTransform(_turn_matrix(shape, turn))
    x, y = inverse @ np.array([point[0], point[1], 1.0])
    return float(x), float(y)


def _distinct(faces: list[Face]) -> list[Face]:
    """Faces of which no two overlap much; the stronger stays."""
    kept: list[Face] = []
    for face in sorted(faces, key=lambda face: -face.strength):
        if all(_overlap(face.box, other.box) < 0.3 for other in kept):
            kept.append(face)
    return kept


def _overlap(a: Box, b: Box) -> float:
    """Shared area as a share of the smaller box."""
    width = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    height = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    return max(0, width) * max(0, height) / max(1, min(a[2] * a[3], b[2] * b[3]))


def _scaled(face: Face, scale: float) -> Face:
    """The face in pixels of the whole photo; pixel centres are at half numbers."""

    def grown(point: Point) -> Point:
        return (point[0] + 0.5) / scale - 0.5, (point[1] + 0.5) / scale - 0.5

    left, top, width, height = (round(length / scale) for length in face.box)
    return Face(
        (left, top, width, height),
        grown(face.left_eye),
        grown(face.right_eye),
        face.roll_deg,
        face.eyes_seen,
        face.strength,
    )
