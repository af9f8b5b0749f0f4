"""What is cut out of the photo: head height, eye line, room above and middle as the spec wants them."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from packshot.idphoto.findings import Head
from packshot.idphoto.spec import Spec
from packshot.idphoto.wording import NoPortrait

RGB8 = NDArray[np.uint8]

ROOM_SHARE = 0.42  # of what the head leaves free, how much lies above it
HAIR_ROOM = 0.012  # of the photo's height, above the highest hair where the spec lets it be
TIGHTER = 0.01  # steps towards a larger head where the photo is too narrow
KEPT = 0.02  # of the photo's height: distance from the largest head's
SURE_SD = 1.5  # deviations of the head's height that are kept from the smallest head's
MARGIN = 0.012  # and from those of eyes and crown, where there is room


@dataclass(frozen=True)
class Frame:
    """A crop in pixels of the photo, which may reach over its edges; ``share`` is the head's of its height."""

    left: float
    top: float
    width: float
    height: float
    share: float

    @property
    def box(self) -> tuple[float, float, float, float]:
        """(left, top, width, height)."""
        return self.left, self.top, self.width, self.height


@dataclass(frozen=True)
class Crop:
    """A crop in whole pixels inside the photo."""

    left: int
    top: int
    width: int
    height: int

    def of(self, pixels: RGB8) -> RGB8:
        """That part of (H, W, ...) pixels, copied."""
        return np.ascontiguousarray(pixels[self.top : self.top + self.height, self.left : self.left + self.width])


def frame_head(head: Head, spec: Spec, share: float | None = None) -> Frame:
    """The crop that suits the head best, wherever the photo's edges are.

    The head takes ``share`` of its height, or without one the spec's aim, less where much hair would be cut off.
    """
    if share is not None:
        return _framed(head, spec, share)
    error = float(np.hypot(head.crown_error, head.chin_error)) / head.height
    smallest = min(spec.aim, spec.head[0] * (1 + SURE_SD * error))
    frames = [_framed(head, spec, float(share)) for share in np.linspace(spec.aim, smallest, 6)]
    return next((frame for frame in frames if frame.top <= head.hair_top), frames[0])


def crop_head(head: Head, spec: Spec, photo_width: int, photo_height: int) -> Crop:
    """The crop in whole pixels; moved or tightened within the spec where the photo is too narrow.

    Raises NoPortrait ("face_at_edge" with side and missing pixels) where no crop within the spec fits the photo.
    """
    tightest = max(spec.aim, spec.head[1] - KEPT)
    shares = [None, *np.arange(spec.aim, tightest, TIGHTER).tolist(), tightest]
    frames = [_moved(frame_head(head, spec, share), head, spec, photo_width, photo_height) for share in shares]
    missing = [_missing(frame, photo_width, photo_height) for frame in frames]
    for frame, lacks in zip(frames, missing, strict=True):
        if max(lacks.values()) <= 0.5:
            return _whole(frame, photo_width, photo_height)
    side = max(missing[-1], key=lambda name: missing[-1][name])
    raise NoPortrait("face_at_edge", side=side, missing_px=round(missing[-1][side]))


def resized(pixels: RGB8, width: int, height: int) -> RGB8:
    """The pixels at another size: area averages down, Lanczos up; unchanged where it is theirs already."""
    if pixels.shape[:2] == (height, width):
        return pixels
    shrinks = pixels.shape[1] >= width
    method = cv2.INTER_AREA if shrinks else cv2.INTER_LANCZOS4
    return np.asarray(cv2.resize(pixels, (width, height), interpolation=method), np.uint8)


def _framed(head: Head, spec: Spec, share: float) -> Frame:
    height = head.height / share
    low, high = _tops(head, spec, height)
    wanted = min(head.crown - (1 - share) * ROOM_SHARE * height, head.hair_top - HAIR_ROOM * height)
    margin = min(MARGIN * height, (high - low) / 2)
    top = min(max(wanted, low + margin), high - margin)
    width = height * spec.aspect
    return Frame(head.centre - width / 2, top, width, height, share)


def _tops(head: Head, spec: Spec, height: float) -> tuple[float, float]:
    """The lowest and highest row at which the crop may begin; one row twice where eyes and crown exclude each other."""
    low = max(head.eye_line - spec.eyes[1] * height, head.crown - spec.crown[1] * height)
    high = min(head.eye_line - spec.eyes[0] * height, head.crown - spec.crown[0] * height)
    return (low, high) if low <= high else ((low + high) / 2, (low + high) / 2)


def _moved(frame: Frame, head: Head, spec: Spec, photo_width: int, photo_height: int) -> Frame:
    """The crop moved into the photo as far as the spec's tolerances let it."""
    low, high = _tops(head, spec, frame.height)
    top = min(max(frame.top, 0.0), photo_height - frame.height)
    slack = 0.8 * spec.centre * frame.width
    left = min(max(frame.left, 0.0), photo_width - frame.width)
    left = min(max(left, frame.left - slack), frame.left + slack)
    return Frame(left, min(max(top, low), high), frame.width, frame.height, frame.share)


def _missing(frame: Frame, photo_width: int, photo_height: int) -> dict[str, float]:
    """Pixels that the photo lacks on each side."""
    return {
        "top": -frame.top,
        "bottom": frame.top + frame.height - photo_height,
        "left": -frame.left,
        "right": frame.left + frame.width - photo_width,
    }


def _whole(frame: Frame, photo_width: int, photo_height: int) -> Crop:
    width, height = min(round(frame.width), photo_width), min(round(frame.height), photo_height)
    left, top = (
        min(max(0, round(frame.left)), photo_width - width),
        min(max(0, round(frame.top)), photo_height - height),
    )
    return Crop(left, top, width, height)
