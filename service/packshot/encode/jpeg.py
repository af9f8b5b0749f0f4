"""What a JPEG says about itself before it is decoded (ITU-T T.81, Annex B)."""

from collections.abc import Iterator
from dataclasses import dataclass

from packshot.errors import BadImage

SOI = b"\xff\xd8"
EOI = b"\xff\xd9"
START_OF_FRAME = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # C4, C8, CC are tables, reserved, conditioning
START_OF_SCAN = 0xDA
APP1, APP2 = 0xE1, 0xE2
STANDALONE = frozenset(range(0xD0, 0xDA)) | {0x01}
ICC_TAG = b"ICC_PROFILE\x00"
EXIF_TAG = b"Exif\x00\x00"


@dataclass(frozen=True)
class JpegHeader:
    """Size and kind of a JPEG; ``icc`` and ``exif`` are empty where absent, ``complete`` says that its end is there."""

    height: int
    width: int
    components: int
    bits: int
    icc: bytes
    exif: bytes
    complete: bool


def read_header(data: bytes) -> JpegHeader:
    """Walk the markers up to the first scan. Raises BadImage when there is no frame header.

    libjpeg fills what is missing from a truncated file with gray and only warns, so the end marker is looked for here.
    """
    frame: bytes | None = None
    chunks: dict[int, bytes] = {}
    exif = b""
    scan_at = len(data)
    for marker, start, payload in segments(data):
        if marker in START_OF_FRAME:
            frame = payload
        elif marker == APP2 and payload.startswith(ICC_TAG) and len(payload) > 14:
            chunks[payload[12]] = payload[14:]
        elif marker == APP1 and payload.startswith(EXIF_TAG):
            exif = exif or payload
        elif marker == START_OF_SCAN:
            scan_at = start
    if frame is None or len(frame) < 6:
        raise BadImage("the JPEG is truncated or damaged: it has no frame header; take or copy the photo again")
    return JpegHeader(
        height=int.from_bytes(frame[1:3]),
        width=int.from_bytes(frame[3:5]),
        components=frame[5],
        bits=frame[0],
        icc=b"".join(chunks[index] for index in sorted(chunks)),
        exif=exif,
        complete=data.rfind(EOI, scan_at) >= 0,  # from behind: there it is
    )


def segments(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    """(marker, offset, payload) of every segment up to and including the first start of scan."""
    at = len(SOI)
    while at + 4 <= len(data):
        if data[at] != 0xFF:
            return
        marker = data[at + 1]
        if marker == 0xFF or marker in STANDALONE:  # fill byte or marker without a length
            at += 1 if marker == 0xFF else 2
            continue
        length = int.from_bytes(data[at + 2 : at + 4])
        yield marker, at, data[at + 4 : at + 2 + length]
        if marker == START_OF_SCAN:
            return
        at += 2 + length
