"""Photo to cutout, and cutout to the pictures a storefront takes; shared by the daemon and ``packshot cut``."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import perf_counter

import cv2
import numpy as np
from numpy.typing import NDArray

from packshot.accelerator.port import Accelerator
from packshot.domain import Decision, Verdict
from packshot.encode.port import DecodeLimits, EncodeSettings, Patch, Photo, PhotoDecoder, PictureEncoder, PictureFormat
from packshot.matting.cleanup import remove_specks
from packshot.matting.compose import lay_on_colour, lay_on_picture, scale_rgba
from packshot.matting.foreground import estimate_foreground
from packshot.matting.refine import EdgeSettings, Profile, refine_alpha
from packshot.matting.tensor import coarse_mask, network_input, stretch
from packshot.matting.verdict import Thresholds, judge
from packshot.presets import Preset, lay_out

RGB8 = NDArray[np.uint8]
RGBA8 = NDArray[np.uint8]
Alpha8 = NDArray[np.uint8]


@dataclass(frozen=True)
class CutOptions:
    """What may differ from photo to photo."""

    profile: Profile = Profile.AUTO
    edges: EdgeSettings = field(default_factory=EdgeSettings)
    thresholds: Thresholds = field(default_factory=Thresholds)
    limits: DecodeLimits = field(default_factory=DecodeLimits)


@dataclass(frozen=True)
class CutResult:
    """One cutout. ``box_rgba`` is its straight-alpha RGBA inside ``bbox``, outside everything is transparent.

    ``bbox`` is (left, top, width, height) in photo pixels or None where nothing was found; ``fill`` the larger of the
    box's shares of the frame's width and height; ``stage_ms`` the milliseconds of each stage.
    """

    height: int
    width: int
    bbox: tuple[int, int, int, int] | None
    box_rgba: RGBA8 = field(repr=False)
    verdict: Verdict
    profile: Profile
    engine: str
    stage_ms: Mapping[str, float]
    notes: tuple[str, ...] = ()

    @property
    def fill(self) -> float:
        """The larger of the subject's shares of the frame's width and height; 0 where nothing was found."""
        return 0.0 if self.bbox is None else max(self.bbox[2] / self.width, self.bbox[3] / self.height)

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
            whole[top : top + height, left : left + width] = self.box_rgba[..., 3]
        return whole


@dataclass(frozen=True)
class Picture:
    """An encoded picture, its IANA media type and size in pixels."""

    data: bytes = field(repr=False)
    media_type: str
    width: int
    height: int


class Cutter:
    """Cuts photos out with one accelerator. Not thread-safe, as the accelerator is not."""

    def __init__(self, accelerator: Accelerator, decoder: PhotoDecoder, options: CutOptions | None = None) -> None:
        self._accelerator = accelerator
        self._decoder = decoder
        self._options = options or CutOptions()

    def cut(self, photo: bytes | Photo, options: CutOptions | None = None) -> CutResult:
        """Cut one photo out. Raises BadImage for bytes that cannot be read, AcceleratorError from the engine."""
        options = options or self._options
        clock = _StageClock()
        with clock.stage("decode"):
            shot = photo if isinstance(photo, Photo) else self._decoder.decode(photo, options.limits)
        with clock.stage("network"):
            mask = self._coarse(shot.pixels)
        with clock.stage("edges"):
            profile = Profile.HARD if options.profile is Profile.AUTO else options.profile
            alpha = remove_specks(refine_alpha(shot.pixels, mask, profile, options.edges))
        with clock.stage("colour"):
            bbox = bounding_box(alpha)
            box_rgba = _colour(shot.pixels, alpha, bbox)
        with clock.stage("verdict"):
            verdict = judge(mask, stretch(shot.pixels, *mask.shape), bbox, options.thresholds)
        if verdict.decision is Decision.EMPTY:
            bbox, box_rgba = None, np.zeros((0, 0, 4), np.uint8)
        height, width = alpha.shape
        engine = self._accelerator.engine
        return CutResult(height, width, bbox, box_rgba, verdict, profile, engine, clock.stage_ms, shot.notes)

    def _coarse(self, pixels: RGB8) -> NDArray[np.float32]:
        card = self._accelerator.card
        return coarse_mask(self._accelerator.infer(network_input(pixels, card)), card)


class Composer:
    """Turns cutouts into files by preset."""

    def __init__(self, encoder: PictureEncoder) -> None:
        self._encoder = encoder

    def picture(self, result: CutResult, preset: Preset, background: RGB8 | None = None) -> Picture:
        """The picture that a preset asks for; ``background`` (a photo) replaces the preset's colour.

        Raises ValueError for a cutout without a subject (its verdict is EMPTY) unless the frame is the photo's.
        """
        patch = _arrange(result, preset)
        settings = EncodeSettings(PictureFormat(preset.format), preset.quality, preset.exact_background)
        colour = preset.colour
        if background is not None:
            data = self._encoder.encode_rgb(lay_on_picture(_whole(patch), background), settings)
        elif colour is not None:
            data = self._encoder.encode_rgb(lay_on_colour(_whole(patch), colour), settings)
        else:
            data = self._encoder.encode_rgba(patch, settings)
        return Picture(data, settings.format.media_type, patch.width, patch.height)

    def mask(self, result: CutResult) -> Picture:
        """The alpha alone, 8-bit gray PNG at the photo's size."""
        return Picture(self._encoder.encode_gray(result.alpha()), "image/png", result.width, result.height)

    def layers(self, result: CutResult, photo: Photo) -> Picture:
        """A TIFF for the retoucher: cutout, mask and original as pages."""
        data = self._encoder.encode_layers(photo.pixels, result.patch)
        return Picture(data, "image/tiff", result.width, result.height)


def bounding_box(alpha: Alpha8) -> tuple[int, int, int, int] | None:
    """(left, top, width, height) of what is not fully transparent, or None."""
    left, top, width, height = cv2.boundingRect(alpha)
    return (left, top, width, height) if width and height else None


def _colour(pixels: RGB8, alpha: Alpha8, bbox: tuple[int, int, int, int] | None) -> RGBA8:
    if bbox is None:
        return np.zeros((0, 0, 4), np.uint8)
    left, top, width, height = bbox
    part = (slice(top, top + height), slice(left, left + width))
    image, coverage = (values[part].astype(np.float32) / np.float32(255) for values in (pixels, alpha))
    colour = np.rint(estimate_foreground(image, coverage) * 255).astype(np.uint8)
    colour[alpha[part] == 255] = pixels[part][alpha[part] == 255]
    colour[alpha[part] == 0] = 0
    return np.dstack([colour, alpha[part]])


def _arrange(result: CutResult, preset: Preset) -> Patch:
    if preset.frame == "photo":
        return result.patch
    if result.bbox is None:
        raise ValueError("there is no subject to place; publish nothing for an empty verdict")
    layout = lay_out(result.bbox[2], result.bbox[3], preset)
    rgba = scale_rgba(result.box_rgba, layout.subject_width, layout.subject_height)
    return Patch(rgba, layout.top, layout.left, layout.height, layout.width)


def _whole(patch: Patch) -> RGBA8:
    whole = np.zeros((patch.height, patch.width, 4), np.uint8)
    rows, columns = patch.rgba.shape[:2]
    whole[patch.top : patch.top + rows, patch.left : patch.left + columns] = patch.rgba
    return whole


class _StageClock:
    """Milliseconds of each stage, in the order they ran."""

    def __init__(self) -> None:
        self.stage_ms: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        began = perf_counter()
        yield
        self.stage_ms[name] = round((perf_counter() - began) * 1000, 2)
