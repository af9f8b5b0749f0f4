"""JPEGs whose white is exactly white: ringing at the product's edge must not grey the background.

A JPEG quantises blocks of 8 x 8; in blocks that hold an edge the error reaches into the background, and a decoder shows
254 or 251 where 255 was meant. Here white is encoded as more than 255, so that the error stays above it and the decoder
clips. An 8-bit encoder cannot be given more than 255: so values are drawn together round 128 by 2/3 first, and the
quantisation tables in the file are made larger by 3/2 afterwards, which the decoder undoes. Channels are stored as RGB,
since an error in a colour-difference channel could not be clipped away.

Bands of rows are encoded on threads of their own and joined by restart markers (T.81, B.2.1, F.1.1.3); what is all
white above and below the subject is encoded once and repeated.
"""

from collections.abc import Iterator
from functools import lru_cache
from math import ceil

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from packshot.encode.jpeg import START_OF_SCAN, segments
from packshot.encode.memory import encoded
from packshot.encode.port import RGB8, Gray8
from packshot.platform.beside import ALONE, Beside

WHITE_FROM = 253  # what the eye cannot tell from white becomes white
SHRINK, GROW = 2, 3
OVERSHOOTS = (24, 40, 60)  # in 1/255, before shrinking
FINER = 4  # of quality, where no overshoot is enough
COARSER = 1.25  # steps: a twentieth fewer bytes and more, for 4 % more error
EOI = b"\xff\xd9"
TABLES = 0xDB
START_OF_BASELINE_FRAME = 0xC0
LAST_RESTART = b"\xff\xd7"  # the eighth marker; there is one after each row of blocks, the next is the first again
STRIP = 64  # px: eight rows of blocks
TABLE_BYTES = 64
BLOCK = 8
TRIAL_COLUMNS = 64  # blocks
# Annex K.1 of ITU-T T.81, luminance, in row order.
BASE_TABLE = (
    "16 11 10 16 24 40 51 61 12 12 14 19 26 58 60 55 14 13 16 24 40 57 69 56 14 17 22 29 51 87 80 62 "
    "18 22 37 56 68 109 103 77 24 35 55 64 81 104 113 92 49 64 78 87 103 121 120 101 72 92 95 98 112 100 103 99"
)


def encode_exact_white(rgb: RGB8, quality: int, icc: bytes, beside: Beside = ALONE) -> bytes:
    """A JPEG of (H, W, 3) uint8 in which every pixel that is white, or within 2 of it, decodes to (255, 255, 255)."""
    pieces = list(_pieces(rgb, beside.threads))
    bands = beside.each(lambda piece: _band(rgb[piece[0]], quality, icc), pieces)
    if not all(bands):
        return encode_exact_white(rgb, min(quality + FINER, 100), icc, beside)
    return _joined([band for band, (_, times) in zip(bands, pieces, strict=True) for _ in range(times)], rgb.shape[0])


def _pieces(rgb: RGB8, threads: int) -> Iterator[tuple[slice, int]]:
    """Rows to encode, and how many times they follow each other; all but the last are whole strips."""
    height = rgb.shape[0]
    whole = height // STRIP
    seen = np.flatnonzero(_darkest_by_row(rgb) < WHITE_FROM) // STRIP
    first, last = (int(seen[0]), int(seen[-1]) + 1) if len(seen) else (0, 0)
    step = max(1, ceil((last - first) / threads))
    parts = [(slice(0, STRIP), first)]
    parts += [(slice(at * STRIP, min(at + step, last) * STRIP), 1) for at in range(first, last, step)]
    parts += [(slice(last * STRIP, (last + 1) * STRIP), whole - last), (slice(whole * STRIP, height), last <= whole)]
    yield from ((rows, int(times)) for rows, times in parts if times > 0 and rows.start < height)


def _darkest_by_row(rgb: RGB8) -> Gray8:
    """The least value in each row, (H, 1)."""
    return np.asarray(cv2.reduce(rgb.reshape(rgb.shape[0], -1), 1, cv2.REDUCE_MIN), np.uint8)


def _band(rgb: RGB8, quality: int, icc: bytes) -> bytes:
    """The JPEG of a band with the least overshoot that keeps white exact; nothing where a finer quality is needed."""
    if _darkest_by_row(rgb).min() >= WHITE_FROM:
        return _white_band(rgb.shape[0], rgb.shape[1], quality, icc)
    return _checked_band(rgb, quality, icc)


@lru_cache(maxsize=8)
def _white_band(height: int, width: int, quality: int, icc: bytes) -> bytes:
    """What most bands of most pictures are."""
    return _checked_band(np.full((height, width, 3), 255, np.uint8), quality, icc)


def _checked_band(rgb: RGB8, quality: int, icc: bytes) -> bytes:
    white = np.asarray(cv2.inRange(rgb, np.full(3, float(WHITE_FROM)), np.full(3, 255.0)), np.uint8)
    trial, trial_white = _doubtful_blocks(rgb, white)
    for overshoot in OVERSHOOTS:
        if is_exact(_encode(trial, trial_white, overshoot, quality, b""), trial_white):
            return _encode(rgb, white, overshoot, quality, icc)
    return _encode(rgb, white, OVERSHOOTS[-1], quality, icc) if quality >= 100 else b""


def _joined(bands: list[bytes], height: int) -> bytes:
    """One JPEG of ``height`` rows of JPEGs that lie one below the other, each but the last of whole strips."""
    head = b""
    scans = []
    for band in bands:
        places = {marker: at for marker, at, _ in segments(band)}
        frame, scan = places[START_OF_BASELINE_FRAME], places[START_OF_SCAN]
        start = scan + 2 + int.from_bytes(band[scan + 2 : scan + 4])
        head = head or band[: frame + 5] + height.to_bytes(2) + band[frame + 7 : start]
        scans.append(band[start : -len(EOI)])
    return head + LAST_RESTART.join(scans) + EOI


def is_exact(data: bytes, white: Gray8) -> bool:
    """Whether the JPEG decodes to (255, 255, 255) wherever ``white`` (H, W) is not zero."""
    decoded = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    if decoded is None:
        return False
    exact = cv2.inRange(decoded, np.full(3, 255.0), np.full(3, 255.0))
    return not cv2.hasNonZero(cv2.subtract(white, np.asarray(exact, np.uint8)))


def _doubtful_blocks(rgb: RGB8, white: Gray8) -> tuple[RGB8, Gray8]:
    """A picture of the blocks in which white meets colour, and one white block; and where it is white.

    Without subsampling every block of 8 x 8 is coded on its own: what holds for these holds in the whole picture.
    """
    below, right = (-length % BLOCK for length in white.shape)
    pixels, marks = rgb, white
    if below or right:
        pixels, marks = (
            np.asarray(cv2.copyMakeBorder(part, 0, below, 0, right, cv2.BORDER_REPLICATE), np.uint8)
            for part in (rgb, white)
        )
    down, across = (length // BLOCK for length in marks.shape)
    share = cv2.resize(marks, (across, down), interpolation=cv2.INTER_AREA)
    places = np.concatenate([np.argwhere((share > 0) & (share < 255)), np.argwhere(share == 255)[:1], [[0, 0]]])
    rows, columns = np.pad(places, ((0, -len(places) % TRIAL_COLUMNS), (0, 0)), mode="edge").T
    chosen = (rows, columns)
    return _mosaic(pixels, chosen), _mosaic(marks, chosen)


def _mosaic(picture: NDArray[np.uint8], chosen: tuple[NDArray[np.intp], NDArray[np.intp]]) -> NDArray[np.uint8]:
    """The chosen blocks, by row and column, side by side in rows of ``TRIAL_COLUMNS``."""
    height, width, *channels = picture.shape
    blocks = picture.reshape(height // BLOCK, BLOCK, width // BLOCK, BLOCK, *channels).swapaxes(1, 2)[chosen]
    lines = blocks.reshape(-1, TRIAL_COLUMNS, BLOCK, BLOCK, *channels).swapaxes(1, 2)
    return np.ascontiguousarray(lines).reshape(-1, TRIAL_COLUMNS * BLOCK, *channels)


def _encode(rgb: RGB8, white: Gray8, overshoot: int, quality: int, icc: bytes) -> bytes:
    shrunk = cv2.convertScaleAbs(rgb, alpha=SHRINK / GROW, beta=128 * (1 - SHRINK / GROW))
    pixels = np.asarray(cv2.cvtColor(shrunk, cv2.COLOR_RGB2RGBA), np.uint8)  # as Pillow holds RGB: it need not copy
    beyond = np.full(pixels.shape, round(128 + (127 + overshoot) * SHRINK / GROW), np.uint8)
    cv2.copyTo(beyond, white, pixels)
    image = Image.frombuffer("RGBX", pixels.shape[1::-1], pixels, "raw", "RGBX", 0, 1)
    table = [SHRINK * step for step in _steps(quality)]
    options = {"qtables": [table], "keep_rgb": True, "subsampling": 0, "restart_marker_rows": 1}
    return _grown(encoded(image, "JPEG", icc_profile=icc, **options))


def _steps(quality: int) -> list[int]:
    """The libjpeg table of ``quality``, made coarser; each step in units of ``GROW`` (a third of it, at least 1)."""
    scale = COARSER * (5000 / quality if quality < 50 else 200 - 2 * quality)
    wanted = ((int(base) * scale + 50) / 100 for base in BASE_TABLE.split())
    return [min(max(1, round(step / GROW)), 255 // GROW) for step in wanted]


def _grown(data: bytes) -> bytes:
    """The JPEG with the steps of its quantisation tables grown by 3/2."""
    out = bytearray(data)
    tables = [(at + 4, len(payload)) for marker, at, payload in segments(data) if marker == TABLES]
    for start, length in tables:  # behind marker and length
        for table in range(start, start + length, 1 + TABLE_BYTES):
            steps = slice(table + 1, table + 1 + TABLE_BYTES)  # behind the table's precision and number
            out[steps] = [step // SHRINK * GROW for step in out[steps]]
    return bytes(out)
