"""The print sheet: as many photos as fit on 10 x 15 cm, with cut marks; laid out in millimetres, drawn in pixels."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from packshot.errors import UsageError
from packshot.idphoto.spec import MM_PER_INCH, Spec

RGB8 = NDArray[np.uint8]

SHORT_MM, LONG_MM = 100.0, 150.0
MARGIN_MM, GAP_MM = 2.0, 2.0
MARK_MM, MARK_WIDTH_MM, MARK_GRAY = 1.5, 0.12, 110
RULER_MM = 50.0


@dataclass(frozen=True)
class Sheet:
    """Where photos of ``photo_width`` x ``photo_height`` lie on a sheet; millimetres from its top left corner."""

    width: float
    height: float
    photo_width: float
    photo_height: float
    places: tuple[tuple[float, float], ...]

    def marks(self) -> list[tuple[float, float, float, float]]:
        """Cut marks as lines (x0, y0, x1, y1): outside every corner of every photo, never on a photo."""
        lines = set()
        for left, top in self.places:
            right, bottom = left + self.photo_width, top + self.photo_height
            for x, away_x in ((left, -1.0), (right, 1.0)):
                for y, away_y in ((top, -1.0), (bottom, 1.0)):
                    lines.add((x + away_x * 0.2, y, x + away_x * MARK_MM, y))
                    lines.add((x, y + away_y * 0.2, x, y + away_y * MARK_MM))
        return sorted(tuple(round(value, 4) for value in line) for line in lines)  # type: ignore[misc]


def lay_out_sheet(spec: Spec) -> Sheet:
    """The sheet, upright or lying, that takes more photos of the spec. Raises UsageError when none fits."""
    sheets = [_grid(spec, width, height) for width, height in ((LONG_MM, SHORT_MM), (SHORT_MM, LONG_MM))]
    best = max(sheets, key=lambda sheet: len(sheet.places))
    if not best.places:
        size = f"{spec.width_mm:g} x {spec.height_mm:g} mm"
        raise UsageError(f"a photo of {size} does not fit on a sheet of 10 x 15 cm; print the file itself")
    return best


def draw_sheet(sheet: Sheet, photo: RGB8, dpi: int) -> RGB8:
    """The sheet at ``dpi`` with ``photo``, (H, W, 3) uint8 of any size, at each place; white paper, gray cut marks."""
    per_mm = dpi / MM_PER_INCH
    canvas = np.full((round(sheet.height * per_mm), round(sheet.width * per_mm), 3), 255, np.uint8)
    size = (round(sheet.photo_width * per_mm), round(sheet.photo_height * per_mm))
    method = cv2.INTER_AREA if photo.shape[1] >= size[0] else cv2.INTER_LANCZOS4
    printed = photo if photo.shape[1::-1] == size else cv2.resize(photo, size, interpolation=method)
    thick = max(1, round(MARK_WIDTH_MM * per_mm))
    for x0, y0, x1, y1 in sheet.marks():
        ends = ((round(x0 * per_mm), round(y0 * per_mm)), (round(x1 * per_mm), round(y1 * per_mm)))
        cv2.line(canvas, ends[0], ends[1], (MARK_GRAY, MARK_GRAY, MARK_GRAY), thick)
    for left, top in sheet.places:
        row, column = round(top * per_mm), round(left * per_mm)
        canvas[row : row + size[1], column : column + size[0]] = printed
    return canvas


def _grid(spec: Spec, width: float, height: float) -> Sheet:
    columns = int((width - 2 * MARGIN_MM + GAP_MM + 1e-6) // (spec.width_mm + GAP_MM))
    rows = int((height - 2 * MARGIN_MM + GAP_MM + 1e-6) // (spec.height_mm + GAP_MM))
    left = (width - columns * (spec.width_mm + GAP_MM) + GAP_MM) / 2
    top = (height - rows * (spec.height_mm + GAP_MM) + GAP_MM) / 2
    places = [
        (left + column * (spec.width_mm + GAP_MM), top + row * (spec.height_mm + GAP_MM))
        for row in range(rows)
        for column in range(columns)
    ]
    return Sheet(width, height, spec.width_mm, spec.height_mm, tuple(places))
