"""Photo to cutout, and cutout to the pictures a storefront takes; shared by the daemon and ``packshot cut``."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cache, partial
from math import ceil
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from packshot.accelerator.port import Accelerator
from packshot.cut_result import CutResult
from packshot.domain import Decision
from packshot.encode.port import DecodeLimits, Photo, PhotoDecoder
from packshot.matting.backdrops import BackdropSettings, triangulate
from packshot.matting.band import UNKNOWN, Place
from packshot.matting.box import Box, bounding_box, crop, inside, moved
from packshot.matting.cleanup import drop_specks
from packshot.matting.foreground import (
    Colours,
    ColourSettings,
    colours_by_mean,
    estimate_colours,
)
from packshot.matting.plate import PlateSettings, PlateState, fit_plate
from packshot.matting.plate_matte import alpha_on_plate, matte_on_plate
from packshot.matting.refine import (
    EdgeSettings,
    Guides,
    Matte,
    Profile,
    fine_alpha,
    fine_model,
    matte_from,
    mean_alpha,
    subject_alpha,
)
from packshot.matting.shrink import LEAST_SIDE, working_picture
from packshot.matting.subject import Subject
from packshot.matting.tensor import GLANCE_SHARE, coarse_mask, glance, network_input, stretch
from packshot.matting.verdict import Scores, Thresholds, decide, judge, measure
from packshot.platform.beside import Beside
from packshot.platform.stages import StageClock

RGB8 = NDArray[np.uint8]
RGBA8 = NDArray[np.uint8]
Alpha8 = NDArray[np.uint8]
Mask = NDArray[np.float32]
T = TypeVar("T")

NOTHING = Subject(np.zeros((0, 0, 3), np.uint8), np.zeros((0, 0), np.uint8))


@dataclass(frozen=True)
class CutOptions:
    """What may differ from photo to photo."""

    profile: Profile = Profile.AUTO
    edges: EdgeSettings = field(default_factory=EdgeSettings)
    colours: ColourSettings = field(default_factory=ColourSettings)
    plate: PlateSettings = field(default_factory=PlateSettings)
    backdrops: BackdropSettings = field(default_factory=BackdropSettings)
    thresholds: Thresholds = field(default_factory=Thresholds)
    limits: DecodeLimits = field(default_factory=DecodeLimits)


@dataclass(frozen=True)
class _Views:
    """A photo at its sizes.

    ``guide`` is what network and matte look at, ``near`` what it was made of where that is less than a working picture;
    ``small`` gives the working picture and ``whole`` the photo, perhaps still in the making.
    """

    guide: RGB8
    near: RGB8 | None
    small: Callable[[], RGB8]
    whole: Callable[[], Photo]


@dataclass(frozen=True)
class _Known:
    """What a cutout is made of: matte at working size, colours (perhaps still to come), alpha in a box, 0 outside."""

    matte: Matte
    colours: Callable[[], Colours]
    box: Box
    alpha: Alpha8


class Cutter:
    """Cuts photos out with one accelerator; not thread-safe, as the accelerator is not.

    With ``threads`` > 1 the whole photo is decoded while the network looks at a reduced one, alpha is made on both, and
    colours are estimated while the picture is scaled; ``close`` ends the thread.
    """

    def __init__(
        self, accelerator: Accelerator, decoder: PhotoDecoder, options: CutOptions | None = None, *, threads: int = 2
    ) -> None:
        self._accelerator = accelerator
        self._decoder = decoder
        self._options = options or CutOptions()
        self._beside = Beside("decode", helpers=min(threads - 1, 1))

    def close(self) -> None:
        """End the threads; the accelerator belongs to the caller."""
        self._beside.close()

    def cut(self, photo: bytes | Photo, options: CutOptions | None = None, plate: Photo | None = None) -> CutResult:
        """Cut one photo out. Raises BadImage for bytes that cannot be read, AcceleratorError from the engine.

        With a ``plate``, a photo of the empty scene of the same size, alpha comes from the difference to it. A plate
        that does not fit is not used, and the verdict holds the cutout with the reason.
        """
        options, clock = options or self._options, StageClock()
        views = self._open(photo, options, clock)
        look = partial(self._guides, views.guide, options.edges)
        guides = self._beside.start(look) if plate is None else look  # a plate that fits needs none
        with clock.stage("network"):
            mask = self._coarse(views.guide)
        if plate is not None:
            known = self._on_plate(views.small(), mask, views.whole(), plate, options, clock)
            if not isinstance(known, str):
                there = _before_known_background(options)
                return self._result(views, self._measured(views, mask, there, clock), known, there, clock)
        scores = self._measured(views, mask, options, clock)
        with clock.stage("edges"):
            matte = drop_specks(matte_from(guides(), mask, options.profile, options.edges))
        result = self._result(views, scores, self._by_guide(views, matte, options, clock), options, clock)
        return result if plate is None else _held(result, str(known))

    def _by_guide(self, views: "_Views", matte: Matte, options: CutOptions, clock: StageClock) -> "_Known":
        """Alpha as the photo's own pixels tell; colours by its average, in a small photo beside it."""
        with clock.stage("edges"):
            model = fine_model(matte, options.edges)
        if views.near is None:
            see = partial(fine_alpha, matte=matte, settings=options.edges, model=model)
            colours = self._aside(clock, "colour", partial(_working_colours, views, see, options))
        pixels = views.whole().pixels
        with clock.stage("edges"):
            box, alpha = subject_alpha(pixels, matte, options.edges, model, self._beside.share)
        if views.near is not None:
            mean = mean_alpha(alpha, box, pixels.shape, views.near.shape)
            colours = self._aside(clock, "colour", partial(colours_by_mean, views.near, mean, options.colours))
        return _Known(matte, colours, box, alpha)

    def decode(self, data: bytes, options: CutOptions | None = None) -> Photo:
        """A photo within the limits of the options; raises BadImage."""
        return self._decoder.decode(data, (options or self._options).limits)

    def cut_pair(
        self, photos: tuple[Photo, Photo], plates: tuple[Photo, Photo], options: CutOptions | None = None
    ) -> CutResult:
        """Cut a product out that was photographed before two backdrops, each also photographed empty.

        No network is asked. Raises BadImage when sizes differ or the backdrops have the same colour.
        """
        options, clock = options or self._options, StageClock()
        with clock.stage("triangulate"):
            pixels = [shot.pixels for shot in (*photos, *plates)]
            rgba = triangulate(pixels[0], pixels[1], pixels[2], pixels[3], options.backdrops)
        with clock.stage("verdict"):
            alpha = np.ascontiguousarray(rgba[..., 3])
            bbox, small = bounding_box(alpha), working_picture(pixels[0])
            mask = stretch(alpha, *small.shape[:2]).astype(np.float32) / np.float32(255)
            limits = replace(_before_known_background(options).thresholds, unsure_above=1.0)  # glass may be unsure
            verdict = judge(mask, small, bbox, limits)
        seen = bbox if verdict.decision is not Decision.EMPTY else None
        subject = _own_colours(crop(rgba, seen)) if seen else NOTHING
        notes = (*photos[0].notes, *photos[1].notes)
        height, width = alpha.shape
        clock.stop()
        return CutResult(height, width, seen, subject, verdict, options.profile, "backdrops", clock, notes)

    def _on_plate(
        self, small: RGB8, mask: Mask, shot: Photo, plate: Photo, options: CutOptions, clock: StageClock
    ) -> "_Known | str":
        """What the plate makes known, or why it cannot be used."""
        if plate.pixels.shape != shot.pixels.shape:
            return PlateState.OTHER_SIZE.value
        with clock.stage("plate"):
            small_plate = stretch(plate.pixels, *small.shape[:2])
            wide_mask = cv2.resize(mask, small.shape[1::-1], interpolation=cv2.INTER_LINEAR)
            fit = fit_plate(small, small_plate, np.asarray(wide_mask, np.float32), options.plate)
            if fit.state is not PlateState.FITS:
                return fit.state.value
        with clock.stage("edges"):
            seen = matte_on_plate(small, small_plate, mask, fit, options.profile, options.edges)
            alpha = alpha_on_plate(shot.pixels, plate.pixels, fit, seen, options.edges)
        return _Known(seen.matte, lambda: seen.colours, (0, 0, *alpha.shape[::-1]), alpha)

    def _result(
        self, views: "_Views", scores: Callable[[], Scores], known: "_Known", options: CutOptions, clock: StageClock
    ) -> CutResult:
        shot = views.whole()
        inner = bounding_box(known.alpha)
        bbox = moved(inner, known.box) if inner else None
        verdict = decide(scores(), bbox, options.thresholds)
        seen = bbox if verdict.decision is not Decision.EMPTY else None
        height, width = shot.pixels.shape[:2]
        subject = NOTHING
        if seen and inner:
            place = Place(*seen, of_width=width, of_height=height)
            subject = Subject(inside(shot.pixels, seen), inside(known.alpha, inner), known.colours, place)
        clock.stop()
        return CutResult(
            height=height,
            width=width,
            bbox=seen,
            subject=subject,
            verdict=verdict,
            profile=_used_profile(known.matte, options.profile),
            engine=self._accelerator.engine,
            clock=clock,
            notes=shot.notes,
        )

    def _measured(self, views: "_Views", mask: Mask, options: CutOptions, clock: StageClock) -> Callable[[], Scores]:
        """The verdict's scores; none of them waits for the photo's own alpha."""
        look = partial(stretch, views.guide, *mask.shape)
        return self._aside(clock, "verdict", lambda: measure(mask, look(), options.thresholds))

    def _open(self, photo: bytes | Photo, options: CutOptions, clock: StageClock) -> "_Views":
        """The photo at all its sizes.

        Where there is another thread, the whole is decoded there while the network looks at a part of the photo's size.
        """
        decode = partial(self.decode, photo, options) if isinstance(photo, bytes) else partial(_same, photo)
        whole = self._aside(clock, "decode", decode)
        reduced = None
        if isinstance(photo, bytes) and self._beside.on:
            with clock.stage("reduced"):
                reduced = self._reduced(photo, options)

        near = None if reduced is None or min(reduced.shape[:2]) >= LEAST_SIDE else reduced

        @cache
        def small() -> RGB8:
            pixels = whole().pixels if reduced is None or near is not None else reduced
            with clock.stage("shrink"):
                return working_picture(pixels)

        guide = self._guide(small()) if near is None else glance(near, *self._guide_size)
        return _Views(guide, near, small, whole)

    def _aside(self, clock: StageClock, stage: str, work: Callable[[], T]) -> Callable[[], T]:
        """Start work on the other thread, if there is one, else do it; the call that is returned gives its result."""

        def timed() -> T:
            with clock.stage(stage):
                return work()

        return self._beside.start(timed)

    def _reduced(self, data: bytes, options: CutOptions) -> RGB8 | None:
        return self._decoder.reduced(data, options.limits, ceil(GLANCE_SHARE * max(self._guide_size)))

    @property
    def _guide_size(self) -> tuple[int, int]:
        """The least (height, width) at which a picture serves network, matte and verdict; it is shrunk once for all."""
        card = self._accelerator.card
        return max(card.input.height, 2 * card.output.height), max(card.input.width, 2 * card.output.width)

    def _guide(self, small: RGB8) -> RGB8:
        height, width = self._guide_size
        return stretch(small, height, width) if small.shape[0] >= height and small.shape[1] >= width else small

    def _guides(self, guide: RGB8, edges: EdgeSettings) -> Guides:
        card = self._accelerator.card
        return Guides.of(guide, (card.output.height, card.output.width), edges.radius)

    def _coarse(self, pixels: RGB8) -> NDArray[np.float32]:
        card = self._accelerator.card
        return coarse_mask(self._accelerator.infer(network_input(pixels, card)), card)


def _working_colours(views: _Views, see: Callable[[RGB8], Alpha8], options: CutOptions) -> Colours:
    small = views.small()
    return estimate_colours(small, see(small), options.colours)


def _same(photo: Photo) -> Photo:
    return photo


def _own_colours(rgba: RGBA8) -> Subject:
    return Subject(np.ascontiguousarray(rgba[..., :3]), np.ascontiguousarray(rgba[..., 3]))


def _before_known_background(options: CutOptions) -> CutOptions:
    """The options where the background is known: what looks like it needs no look of a person's."""
    return replace(options, thresholds=replace(options.thresholds, seen_through_above=1.0))


def _held(result: CutResult, reason: str) -> CutResult:
    """The result with one more reason not to publish it unseen."""
    verdict = result.verdict
    decision = Decision.HOLD if verdict.decision is Decision.PUBLISH else verdict.decision
    return replace(result, verdict=replace(verdict, decision=decision, reasons=(*verdict.reasons, reason)))


def _used_profile(matte: Matte, asked: Profile) -> Profile:
    """What ``auto`` came out as, by the larger part of the band."""
    if asked is not Profile.AUTO:
        return asked
    band = matte.regions == UNKNOWN
    return Profile.SOFT if band.any() and float(matte.softness[band].mean()) > 0.5 else Profile.HARD
