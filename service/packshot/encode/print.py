"""Files for paper and offices: JPEGs with resolution, XMP and a byte range; PDFs that place pictures by the millimetre.

PDF 1.4 (ISO 32000-1): the picture is stored once, as a JPEG, and drawn at every place, so that no size depends on whole
pixels; marks are lines.
"""

from collections.abc import Iterator
from io import BytesIO

from PIL import Image

from packshot.encode.picture import srgb_icc
from packshot.encode.port import RGB8, PaperSheet, PrintSettings
from packshot.errors import BadImage

POINTS_PER_MM = 72 / 25.4
QUALITIES = (95, 92, 88, 84, 80, 75, 70, 64, 58, 52, 46, 40)
FINER = (97, 98, 99, 100)
PADDING_MOST = 60_000  # bytes of white space that one XMP packet may bring


class FilePrinter:
    """The PrintEncoder of files."""

    def encode_print(self, rgb: RGB8, settings: PrintSettings) -> bytes:
        """See ``PrintEncoder.encode_print``."""
        data = _jpeg(rgb, QUALITIES[0], settings)
        tries = FINER if len(data) < settings.least_bytes else QUALITIES[1:]
        for quality in tries:
            if settings.least_bytes <= len(data) <= settings.most_bytes:
                return data
            data = _jpeg(rgb, quality, settings)
        if len(data) < settings.least_bytes:
            data = _padded(rgb, settings, settings.least_bytes - len(data))
        if not settings.least_bytes <= len(data) <= settings.most_bytes:
            wanted = f"{settings.least_bytes} to {settings.most_bytes}"
            raise BadImage(
                f"the photo comes to {len(data)} bytes, wanted {wanted}; use a plainer background and sharp light"
            )
        return data

    def encode_paper(self, rgb: RGB8, sheet: PaperSheet, settings: PrintSettings) -> bytes:
        """See ``PrintEncoder.encode_paper``."""
        picture = _jpeg(rgb, QUALITIES[0], settings)
        height, width = rgb.shape[:2]
        page = f"0 0 {_points(sheet.width_mm)} {_points(sheet.height_mm)}"
        icc = srgb_icc()
        return _pdf(
            [
                (b"<< /Type /Catalog /Pages 2 0 R /Metadata 7 0 R >>", None),
                (b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>", None),
                (
                    f"<< /Type /Page /Parent 2 0 R /MediaBox [{page}] /Contents 4 0 R "
                    "/Resources << /XObject << /Photo 5 0 R >> >> >>".encode(),
                    None,
                ),
                (b"<< ", "\n".join(_drawing(sheet)).encode()),
                (
                    f"<< /Type /XObject /Subtype /Image /Width {width} /Height {height} /BitsPerComponent 8 "
                    "/ColorSpace [/ICCBased 6 0 R] /Filter /DCTDecode ".encode(),
                    picture,
                ),
                (b"<< /N 3 /Alternate /DeviceRGB ", icc),
                (b"<< /Type /Metadata /Subtype /XML ", settings.xmp),
            ]
        )


def _jpeg(rgb: RGB8, quality: int, settings: PrintSettings, padding: int = 0) -> bytes:
    out = BytesIO()
    packet = (
        settings.xmp[: -len(b'<?xpacket end="w"?>')] + b" " * padding + settings.xmp[-len(b'<?xpacket end="w"?>') :]
    )
    Image.fromarray(rgb).save(
        out,
        "JPEG",
        quality=quality,
        subsampling=0,
        optimize=True,
        dpi=(settings.dpi, settings.dpi),
        icc_profile=srgb_icc(),
        **({"xmp": packet} if settings.xmp else {}),
    )
    return out.getvalue()


def _padded(rgb: RGB8, settings: PrintSettings, missing: int) -> bytes:
    """The finest JPEG with white space in its XMP packet: offices that ask for more bytes get them, pixels stay."""
    return _jpeg(rgb, 100, settings, min(missing, PADDING_MOST) if settings.xmp else 0)


def _drawing(sheet: PaperSheet) -> Iterator[str]:
    """PDF operators; a PDF counts upwards from the lower left corner."""
    yield f"{_points(sheet.line_mm)} w {sheet.line_gray:.3f} G"
    for x0, y0, x1, y1 in sheet.lines:
        yield (f"{_points(x0)} {_points(sheet.height_mm - y0)} m {_points(x1)} {_points(sheet.height_mm - y1)} l S")
    width, height = _points(sheet.picture_width_mm), _points(sheet.picture_height_mm)
    for left, top in sheet.places:
        bottom = _points(sheet.height_mm - top - sheet.picture_height_mm)
        yield f"q {width} 0 0 {height} {_points(left)} {bottom} cm /Photo Do Q"


def _points(mm: float) -> str:
    return f"{mm * POINTS_PER_MM:.4f}".rstrip("0").rstrip(".")


def _pdf(objects: list[tuple[bytes, bytes | None]]) -> bytes:
    """A PDF of numbered objects: a whole dictionary, or the beginning of one and the stream that belongs to it."""
    out = bytearray(b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n")
    starts = []
    for number, (head, stream) in enumerate(objects, 1):
        starts.append(len(out))
        out += f"{number} 0 obj\n".encode() + head
        if stream is not None:
            out += f"/Length {len(stream)} >>\nstream\n".encode() + stream + b"\nendstream"
        out += b"\nendobj\n"
    table = len(out)
    out += f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n".encode()
    out += b"".join(f"{start:010d} 00000 n \n".encode() for start in starts)
    out += f"trailer\n<< /Size {len(objects) + 1} /Root 1 0 R >>\nstartxref\n{table}\n%%EOF\n".encode()
    return bytes(out)
