"""From a cutout to the files that storefronts and retouchers take, by preset."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from packshot.cut_result import CutResult
from packshot.encode.port import EncodeSettings, Patch, Photo, PictureEncoder, PictureFormat
from packshot.errors import BadImage
from packshot.matting.band import Run, plain
from packshot.matting.compose import add_contact_shadow, lay_on_colour, lay_on_picture
from packshot.platform.beside import Beside
from packshot.presets import Layout, Preset, lay_out

RGB8 = NDArray[np.uint8]
RGBA8 = NDArray[np.uint8]

LOWEST_QUALITY = 50


@dataclass(frozen=True)
class Picture:
    """An encoded picture, its IANA media type and size in pixels."""

    data: bytes = field(repr=False)
    media_type: str
    width: int
    height: int


class Composer:
    """Turns cutouts into files by preset, on as many threads as are given."""

    def __init__(self, encoder: PictureEncoder, threads: int = 2) -> None:
        self._encoder = encoder
        self._beside = Beside("compose", helpers=threads - 1)

    def picture(self, result: CutResult, preset: Preset, background: RGB8 | None = None) -> Picture:
        """The picture that a preset asks for; ``background`` (a photo) replaces the preset's colour.

        Raises ValueError for a cutout without a subject (its verdict is EMPTY) unless the frame is the photo's.
        """
        form, layout = PictureFormat(preset.format), _layout(result, preset)
        pixels = _pixels(result, layout, preset, background, self._beside.share)

        def encoded(quality: int) -> bytes:
            settings = EncodeSettings(form, quality, preset.exact_background and background is None)
            if isinstance(pixels, Patch):
                return self._encoder.encode_rgba(pixels, settings)
            return self._encoder.encode_rgb(pixels, settings)

        data = _under_ceiling(encoded, preset)
        return Picture(data, form.media_type, layout.width, layout.height)

    def mask(self, result: CutResult) -> Picture:
        """The alpha alone, 8-bit gray PNG at the photo's size."""
        return Picture(self._encoder.encode_gray(result.alpha()), "image/png", result.width, result.height)

    def layers(self, result: CutResult, photo: Photo) -> Picture:
        """A TIFF for the retoucher: cutout, mask and original as pages."""
        data = self._encoder.encode_layers(photo.pixels, result.patch)
        return Picture(data, "image/tiff", result.width, result.height)


def _under_ceiling(encoded: Callable[[int], bytes], preset: Preset) -> bytes:
    """Encode at the preset's quality, or the best below it that keeps the file under the preset's ceiling.

    Raises BadImage when no quality does (PNG and TIFF have none to lower).
    """
    lossy = preset.format in ("jpg", "webp")
    lowest = min(LOWEST_QUALITY, preset.quality) if lossy else preset.quality
    size = 0
    for quality in range(preset.quality, lowest - 1, -8):
        data = encoded(quality)
        if preset.max_bytes is None or len(data) <= preset.max_bytes:
            return data
        size = len(data)
    raise BadImage(f"the picture has {size} bytes, the preset's ceiling is {preset.max_bytes}; lower its target_side")


def _layout(result: CutResult, preset: Preset) -> Layout:
    if preset.frame == "photo":
        left, top, width, height = result.bbox or (0, 0, 0, 0)
        return Layout(width, height, left, top, result.width, result.height)
    if result.bbox is None:
        raise ValueError("there is no subject to place; publish nothing for an empty verdict")
    return lay_out(result.bbox[2], result.bbox[3], preset)


def _pixels(result: CutResult, layout: Layout, preset: Preset, background: RGB8 | None, run: Run) -> Patch | RGB8:
    """A patch with transparency, or the whole opaque picture."""
    if preset.colour is None and background is None:
        return _shadowed(_patch(result, layout, run), preset.shadow)
    return _opaque(result, layout, preset, background, run)


def _patch(result: CutResult, layout: Layout, run: Run) -> Patch:
    rgba = result.subject.scaled(layout.subject_width, layout.subject_height, run) if result.bbox else result.box_rgba
    return Patch(rgba, layout.top, layout.left, layout.height, layout.width)


def _opaque(result: CutResult, layout: Layout, preset: Preset, background: RGB8 | None, run: Run) -> RGB8:
    """The cutout on a picture or on the preset's colour, with the preset's shadow."""
    colour = preset.colour or (255, 255, 255)
    if background is not None or preset.shadow:
        patch = _shadowed(_patch(result, layout, run), preset.shadow)
        whole = _whole(patch)
        return lay_on_colour(whole, colour) if background is None else lay_on_picture(whole, background)
    canvas = plain(layout.height, layout.width, colour)
    if result.bbox is not None:
        size = (layout.subject_width, layout.subject_height)
        result.subject.lay(canvas, layout.left, layout.top, *size, run)
    return canvas


def _shadowed(patch: Patch, strength: float) -> Patch:
    if strength <= 0:
        return patch
    return Patch(add_contact_shadow(_whole(patch), strength), 0, 0, patch.height, patch.width)


def _whole(patch: Patch) -> RGBA8:
    whole = np.zeros((patch.height, patch.width, 4), np.uint8)
    rows, columns = patch.rgba.shape[:2]
    whole[patch.top : patch.top + rows, patch.left : patch.left + columns] = patch.rgba
    return whole
