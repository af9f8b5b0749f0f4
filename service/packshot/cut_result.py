"""What cutting gives: a cutout in its box with its verdict, and how it comes apart into several."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from packshot.domain import Verdict
from packshot.encode.port import Patch
from packshot.matting.box import Box, bounding_box, crop, moved
from packshot.matting.cleanup import split_subjects
from packshot.matting.refine import Profile
from packshot.matting.subject import Subject
from packshot.platform.stages import StageClock

RGBA8 = NDArray[np.uint8]
Alpha8 = NDArray[np.uint8]


@dataclass(frozen=True)
class CutResult:
    """One cutout: the subject inside ``bbox``, outside everything is transparent.

    ``bbox`` is (left, top, width, height) in photo pixels or None where nothing was found; ``fill`` the larger of the
    box's shares of the frame's width and height; ``stage_ms`` the milliseconds of each stage. Pixels are made when they
    are asked for, at the size that is asked for; colours are still being estimated until then.
    """

    height: int
    width: int
    bbox: Box | None
    subject: Subject = field(repr=False)
    verdict: Verdict
    profile: Profile
    engine: str
    clock: StageClock = field(repr=False)
    notes: tuple[str, ...] = ()

    @property
    def stage_ms(self) -> Mapping[str, float]:
        """Milliseconds by stage; stages on two threads overlap, "total" is what passed until there was a verdict."""
        if self.subject.colours:
            self.subject.colours()
        return self.clock.stages()

    @property
    def fill(self) -> float:
        """The larger of the subject's shares of the frame's width and height; 0 where nothing was found."""
        return 0.0 if self.bbox is None else max(self.bbox[2] / self.width, self.bbox[3] / self.height)

    @cached_property
    def box_rgba(self) -> RGBA8:
        """The cutout inside its box, (height, width, 4) uint8 straight alpha."""
        return self.subject.rgba()

    @property
    def patch(self) -> Patch:
        """The cutout as the encoder takes it."""
        left, top = self.bbox[:2] if self.bbox else (0, 0)
        return Patch(self.box_rgba, top, left, self.height, self.width)

    def rgba(self) -> RGBA8:
        """The whole cutout, (H, W, 4) uint8 straight alpha, zero outside the subject."""
        whole = np.zeros((self.height, self.width, 4), np.uint8)
        if self.bbox:
            left, top, width, height = self.bbox
            whole[top : top + height, left : left + width] = self.box_rgba
        return whole

    def alpha(self) -> Alpha8:
        """The whole mask, (H, W) uint8."""
        whole = np.zeros((self.height, self.width), np.uint8)
        if self.bbox:
            left, top, width, height = self.bbox
            whole[top : top + height, left : left + width] = self.subject.alpha
        return whole


def split(result: CutResult) -> list[CutResult]:
    """One cutout per product, from left to right; the cutout itself where it holds only one."""
    if result.bbox is None:
        return [result]
    parts = split_subjects(result.subject.alpha)
    return [result] if len(parts) < 2 else [_part(result, part) for part in parts]


def _part(result: CutResult, alpha: Alpha8) -> CutResult:
    """The part of a cutout that ``alpha``, of the size of its box, leaves."""
    inner = bounding_box(alpha) or (0, 0, 0, 0)
    box = moved(inner, result.bbox or inner)
    subject = Subject(crop(result.box_rgba[..., :3], inner), crop(alpha, inner))
    return replace(result, bbox=box, subject=subject)
