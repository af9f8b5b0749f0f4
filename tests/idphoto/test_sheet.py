"""Print sheets: millimetres that are exact on paper, whatever the resolution."""

import re
from io import BytesIO

import msgspec
import numpy as np
import pytest
from PIL import Image, ImageCms

from packshot.encode.port import PaperSheet, PrintSettings
from packshot.encode.print import FilePrinter
from packshot.errors import BadImage, UsageError
from packshot.idphoto.sheet import Sheet, draw_sheet, lay_out_sheet
from packshot.idphoto.spec import Spec

MM = 72 / 25.4
PHOTO = np.random.default_rng(0).integers(0, 200, (531, 413, 3)).astype(np.uint8)


def paper(sheet: Sheet) -> PaperSheet:
    return PaperSheet(
        sheet.width, sheet.height, sheet.photo_width, sheet.photo_height, sheet.places, tuple(sheet.marks())
    )


@pytest.mark.parametrize(("name", "count"), [("icao", 8), ("uk", 8), ("us", 2), ("cn", 4), ("badge", 9)])
def test_as_many_photos_as_fit_and_none_over_another_or_the_edge(specs: dict[str, Spec], name: str, count: int) -> None:
    sheet = lay_out_sheet(specs[name])
    assert len(sheet.places) == count
    assert {sheet.width, sheet.height} == {100.0, 150.0}
    for left, top in sheet.places:
        assert 2 <= left <= sheet.width - 2 - sheet.photo_width + 1e-9
        assert 2 <= top <= sheet.height - 2 - sheet.photo_height + 1e-9
    for first in sheet.places:
        for second in sheet.places:
            apart_x, apart_y = abs(first[0] - second[0]), abs(first[1] - second[1])
            assert first == second or apart_x >= sheet.photo_width + 1.9 or apart_y >= sheet.photo_height + 1.9


def test_no_cut_mark_touches_a_photo(specs: dict[str, Spec]) -> None:
    for spec in specs.values():
        sheet = lay_out_sheet(spec)
        for x0, y0, x1, y1 in sheet.marks():
            for left, top in sheet.places:
                across = min(max(x0, x1), left + sheet.photo_width) - max(min(x0, x1), left)
                down = min(max(y0, y1), top + sheet.photo_height) - max(min(y0, y1), top)
                assert across < 1e-6 or down < 1e-6


@pytest.mark.parametrize("dpi", [300, 600])
def test_the_drawn_sheet_has_the_photos_pixels_at_their_places(specs: dict[str, Spec], dpi: int) -> None:
    sheet = lay_out_sheet(specs["icao"])
    drawn = draw_sheet(sheet, PHOTO, dpi)
    assert drawn.shape == (round(100 / 25.4 * dpi), round(150 / 25.4 * dpi), 3)
    width, height = round(35 / 25.4 * dpi), round(45 / 25.4 * dpi)
    parts = []
    for left, top in sheet.places:
        row, column = round(top / 25.4 * dpi), round(left / 25.4 * dpi)
        parts.append(drawn[row : row + height, column : column + width])
    assert all(np.array_equal(part, parts[0]) for part in parts)
    if dpi == 300:
        assert np.array_equal(parts[0], PHOTO)
    assert (drawn[0] == 255).all()


def test_the_pdf_is_exact_in_millimetres(specs: dict[str, Spec]) -> None:
    sheet = lay_out_sheet(specs["icao"])
    pdf = FilePrinter().encode_paper(PHOTO, paper(sheet), PrintSettings(300, b"<x/>"))
    box = re.search(rb"/MediaBox \[0 0 ([\d.]+) ([\d.]+)\]", pdf)
    assert box is not None
    assert [float(side) / MM for side in box.groups()] == pytest.approx([150, 100], abs=0.001)
    placed = re.findall(rb"q ([\d.]+) 0 0 ([\d.]+) ([\d.]+) ([\d.]+) cm /Photo Do Q", pdf)
    assert len(placed) == 8
    for place, (left, top) in zip(placed, sheet.places, strict=True):
        millimetres = [float(value) / MM for value in place]
        assert millimetres == pytest.approx([35, 45, left, 100 - top - 45], abs=0.001)


def test_the_pdf_can_be_read_object_by_object(specs: dict[str, Spec]) -> None:
    """The cross-reference table leads to every object; lengths are right; the picture inside is the photo."""
    pdf = FilePrinter().encode_paper(PHOTO, paper(lay_out_sheet(specs["us"])), PrintSettings(300, b"<x/>"))
    start = int(re.search(rb"startxref\n(\d+)\n%%EOF", pdf).group(1))  # type: ignore[union-attr]
    assert pdf[start : start + 4] == b"xref"
    entries = re.findall(rb"(\d{10}) 00000 n ", pdf[start:])
    assert len(entries) == 7
    for number, entry in enumerate(entries, 1):
        assert pdf[int(entry) :].startswith(b"%d 0 obj" % number)
    for length, at in (
        (int(found.group(1)), found.end()) for found in re.finditer(rb"/Length (\d+) >>\nstream\n", pdf)
    ):
        assert pdf[at + length :].startswith(b"\nendstream")
    picture = Image.open(BytesIO(pdf[pdf.index(b"\xff\xd8\xff") :]))
    assert picture.size == (413, 531)
    assert b"/ICCBased 6 0 R" in pdf


def test_a_spec_larger_than_the_sheet_is_refused(specs: dict[str, Spec]) -> None:
    with pytest.raises(UsageError, match="does not fit on a sheet"):
        lay_out_sheet(msgspec.structs.replace(specs["us"], width_mm=120.0, height_mm=120.0))


def test_bytes_are_kept_between_least_and_most() -> None:
    printer, xmp = FilePrinter(), b'<x/>\n<?xpacket end="w"?>'
    plain = np.full((640, 480, 3), 128, np.uint8)
    few = printer.encode_print(plain, PrintSettings(300, xmp))
    assert len(few) < 20_000
    padded = printer.encode_print(plain, PrintSettings(300, xmp, 50_000, 60_000))
    assert 50_000 <= len(padded) <= 60_000
    assert np.array_equal(np.asarray(Image.open(BytesIO(padded))), plain)
    noisy = np.random.default_rng(1).normal(128, 12, (600, 600, 3)).clip(0, 255).astype(np.uint8)
    assert len(printer.encode_print(noisy, PrintSettings(300, xmp, 0, 240_000))) <= 240_000
    with pytest.raises(BadImage, match="wanted 0 to 2000"):
        printer.encode_print(noisy, PrintSettings(300, xmp, 0, 2_000))


def test_a_jpeg_says_its_resolution_and_profile() -> None:
    with Image.open(BytesIO(FilePrinter().encode_print(PHOTO, PrintSettings(300)))) as picture:
        assert picture.info["dpi"] == (300, 300)
        profile = ImageCms.ImageCmsProfile(BytesIO(picture.info["icc_profile"]))
        assert "sRGB" in ImageCms.getProfileDescription(profile)
