"""From a photo to a measured, cropped, checked ID photo and its print sheet; shared by command line and kiosk."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from hashlib import sha256
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from packshot.cut_result import CutResult
from packshot.encode.port import DecodeLimits, PaperSheet, Photo, PhotoDecoder, PrintEncoder, PrintSettings
from packshot.idphoto import guide as live
from packshot.idphoto import quality
from packshot.idphoto.attest import Maker, Steps, record, with_file, xmp
from packshot.idphoto.crop import Crop, Frame, crop_head, resized
from packshot.idphoto.faces import FaceFinder
from packshot.idphoto.findings import Face, Finding, Guidance, Head, Rule, State
from packshot.idphoto.head import covers_face, measure_head
from packshot.idphoto.rules import background_findings, face_findings, geometry_findings, resolution_finding, worst
from packshot.idphoto.sheet import MARK_GRAY, MARK_WIDTH_MM, draw_sheet, lay_out_sheet
from packshot.idphoto.spec import Spec, pick_spec
from packshot.idphoto.wording import NoPortrait
from packshot.matting.compose import lay_on_colour

RGB8 = NDArray[np.uint8]
Alpha8 = NDArray[np.uint8]

REFUSED_BELOW = 0.35  # of the spec's eye distance: with so few pixels there is nothing to measure
SHEET_DPI = (300, 600)


@dataclass(frozen=True)
class Portrait:
    """A finished ID photo: its JPEG, the rules with their figures, and the record of what was done.

    ``crop`` are the photo's own pixels before resizing, for prints at any resolution.
    """

    spec_name: str
    spec: Spec
    data: bytes = field(repr=False)
    width: int
    height: int
    dpi: int
    findings: tuple[Finding, ...]
    record: Mapping[str, Any] = field(repr=False)
    head: Head
    crop: RGB8 = field(repr=False)

    @property
    def keeps(self) -> State:
        """OK if every rule is kept, UNSURE if a person should look, NOT_OK if one is broken."""
        return worst(self.findings)


@dataclass(frozen=True)
class PrintSheet:
    """The print sheet as PDF and as JPEG; ``count`` photos on it."""

    pdf: bytes = field(repr=False)
    jpeg: bytes = field(repr=False)
    count: int
    dpi: int


class Studio:
    """Guides, makes and prints ID photos; ``guide`` and ``make`` may be called from different threads.

    ``cut`` turns a photo into its cutout; whoever gives it sees to it that the engine is used by one thread at a time.
    """

    def __init__(
        self,
        finders: tuple[FaceFinder, FaceFinder],
        cut: Callable[[Photo], CutResult],
        decoder: PhotoDecoder,
        printer: PrintEncoder,
        specs: Mapping[str, Spec],
        maker: Maker,
        limits: DecodeLimits,
    ) -> None:
        """``finders`` are two of their own: one for live frames, one for photos."""
        self.specs = specs
        self._live, self._still = ((finder, Lock()) for finder in finders)
        self._cut, self._decoder, self._printer = cut, decoder, printer
        self._maker, self._limits = maker, limits

    def guide(self, frame: RGB8, spec_name: str) -> Guidance:
        """Judge one live frame, (H, W, 3) uint8 sRGB, best 640 px wide; no network is asked. Raises UsageError."""
        spec = pick_spec(self.specs, spec_name)
        finder, lock = self._live
        with lock:
            return live.guide(frame, finder, spec)

    def make(self, photo: bytes, spec_name: str, *, made_at: str = "", new_background: bool = True) -> Portrait:
        """The ID photo of a photo file.

        ``new_background`` False keeps the photo's own where the spec allows another. Raises BadImage for what is no
        photo, NoPortrait where none, several or no whole face is there, UsageError for an unknown spec.
        """
        spec = pick_spec(self.specs, spec_name)
        shot = self._decoder.decode(photo, self._limits)
        face = self._only_face(shot.pixels, spec)
        cutout = self._cut(shot)
        alpha = _trusted(cutout.alpha(), face)
        head = measure_head(shot.pixels, alpha, face)
        height, width = shot.pixels.shape[:2]
        crop = crop_head(head, spec, width, height)
        colour = spec.new_background if new_background and alpha is not None else ""
        pixels = crop.of(shot.pixels) if not colour else lay_on_colour(crop.of(cutout.rgba()), _rgb(spec))
        size = spec.size_px(crop.width)
        asked = bool(spec.new_background) and new_background
        behind = _new_background(alpha) if asked else _behind(shot.pixels, alpha, head, crop, spec)
        findings = (*_findings(shot.pixels, head, crop, spec), *behind)
        steps = Steps(sha256(photo).hexdigest(), (width, height), shot.notes, crop, size, colour)
        maker = replace(self._maker, engine=cutout.engine)
        entries = record(spec_name, spec, steps, maker, findings, head, made_at)
        return self._finished(spec_name, spec, pixels, size, findings, entries, head)

    def sheet(self, made: Portrait, dpi: int = 300) -> PrintSheet:
        """The print sheet of 10 x 15 cm; raises UsageError where the spec does not fit on one."""
        layout, settings = lay_out_sheet(made.spec), PrintSettings(dpi, xmp(dict(made.record)))
        lines = tuple(layout.marks())
        paper = PaperSheet(
            layout.width, layout.height, layout.photo_width, layout.photo_height, layout.places, lines,
            MARK_WIDTH_MM, MARK_GRAY / 255,
        )  # fmt: skip
        width = round(layout.photo_width * dpi / 25.4)
        printed = resized(made.crop, width, round(layout.photo_height * dpi / 25.4))
        return PrintSheet(
            pdf=self._printer.encode_paper(printed, paper, settings),
            jpeg=self._printer.encode_print(draw_sheet(layout, printed, dpi), settings),
            count=len(layout.places),
            dpi=dpi,
        )

    def _only_face(self, pixels: RGB8, spec: Spec) -> Face:
        finder, lock = self._still
        with lock:
            faces = finder.find(pixels)
        if len(faces) != 1:
            raise NoPortrait("several_faces", count=len(faces)) if faces else NoPortrait("no_face")
        least = REFUSED_BELOW * spec.eye_distance_px
        if faces[0].eye_distance < least:
            distance = round(faces[0].eye_distance)
            raise NoPortrait("face_too_small", eye_distance_px=distance, least_px=spec.eye_distance_px)
        return faces[0]

    def _finished(
        self,
        spec_name: str,
        spec: Spec,
        pixels: RGB8,
        size: tuple[int, int],
        findings: tuple[Finding, ...],
        entries: dict[str, Any],
        head: Head,
    ) -> Portrait:
        dpi = spec.dpi(size[0])
        settings = PrintSettings(dpi, xmp(entries), *spec.bytes)
        data = self._printer.encode_print(resized(pixels, *size), settings)
        filed = with_file(entries, data, size[0], size[1], dpi)
        return Portrait(spec_name, spec, data, size[0], size[1], dpi, findings, filed, head, pixels)


def _trusted(alpha: Alpha8, face: Face) -> Alpha8 | None:
    """The alpha if it took this person for the subject."""
    return alpha if covers_face(alpha, face) else None


def _findings(pixels: RGB8, head: Head, crop: Crop, spec: Spec) -> tuple[Finding, ...]:
    frame = Frame(crop.left, crop.top, crop.width, crop.height, head.height / crop.height)
    one = Finding(Rule.ONE_FACE, State.OK, "one_face_ok", 1.0, "", 1.0, 1.0, 0.9)
    return (
        one,
        *geometry_findings(head, frame, spec),
        *face_findings(quality.face_patch(pixels, head.face), head.face, spec),
        resolution_finding(head.face, spec),
    )


def _new_background(alpha: Alpha8 | None) -> list[Finding]:
    if alpha is None:
        return [Finding(Rule.BACKGROUND, State.UNSURE, "background_kept", confidence=0.5)]
    return [Finding(Rule.BACKGROUND, State.OK, "background_new", confidence=0.7)]


def _behind(pixels: RGB8, alpha: Alpha8 | None, head: Head, crop: Crop, spec: Spec) -> list[Finding]:
    """The background's rules inside the crop, at a size at which noise does not count."""
    scale = min(1.0, 320 / crop.height)
    size = (max(1, round(crop.width * scale)), max(1, round(crop.height * scale)))
    small = resized(crop.of(pixels), *size)
    shape = None if alpha is None else resized(crop.of(alpha), *size)
    return background_findings(small, head.scaled(scale, crop.left, crop.top), shape, spec)


def _rgb(spec: Spec) -> tuple[int, int, int]:
    return spec.background_colour or (255, 255, 255)
