"""JPEGs whose white is exactly white: ringing at the product's edge must not grey the background.

A JPEG quantises blocks of 8 x 8; in blocks that hold an edge the error reaches into the background, and a decoder shows
254 or 251 where 255 was meant. Here white is encoded as more than 255, so that the error stays above it and the decoder
clips. An 8-bit encoder cannot be given more than 255: so values are drawn together round 128 by 2/3 first, and the
quantisation tables in the file are made larger by 3/2 afterwards, which the decoder undoes. Channels are stored as RGB,
since an error in a colour-difference channel could not be clipped away.

The picture is cut at its restart intervals: what is all white is encoded once and repeated, the rest is encoded one
interval below the other, on as many threads as there are.
"""

from functools import lru_cache
from itertools import chain

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from packshot.encode.jpeg import segments
from packshot.encode.memory import encoded
from packshot.encode.port import RGB8, Gray8
from packshot.encode.restarts import BLOCK, Intervals, split_scans
from packshot.platform.beside import ALONE, Beside

WHITE_FROM = 253  # what the eye cannot tell from white becomes white
SHRINK, GROW = 2, 3
OVERSHOOTS = (24, 40, 60)  # in 1/255, before shrinking
FINER = 4  # of quality, where no overshoot is enough
COARSER = 1.25  # steps: a twentieth fewer bytes and more, for 4 % more error
TABLES = 0xDB
MOST_TOGETHER = 4096  # intervals: a JPEG has at most 65,535 rows
IN_CACHE = 256  # intervals that are drawn together at once
TABLE_BYTES = 64
TRIAL_COLUMNS = 64  # blocks
# Annex K.1 of ITU-T T.81, luminance, in row order.
BASE_TABLE = (
    "16 11 10 16 24 40 51 61 12 12 14 19 26 58 60 55 14 13 16 24 40 57 69 56 14 17 22 29 51 87 80 62 "
    "18 22 37 56 68 109 103 77 24 35 55 64 81 104 113 92 49 64 78 87 103 121 120 101 72 92 95 98 112 100 103 99"
)
RGBX8 = NDArray[np.uint8]
"""(H, W, 4) as Pillow holds RGB: drawn together, white lifted; the fourth is the least of the three as they were."""


def encode_exact_white(rgb: RGB8, quality: int, icc: bytes, beside: Beside = ALONE) -> bytes:
    """A JPEG of (H, W, 3) uint8 in which every pixel that is white, or within 2 of it, decodes to (255, 255, 255)."""
    cut = Intervals.of(rgb)
    coloured = np.flatnonzero(cut.darkest() < WHITE_FROM)
    portions = np.array_split(coloured, max(beside.threads, -(-len(coloured) // MOST_TOGETHER)))
    coded = beside.each(lambda chosen: _scans(cut, chosen, quality), [part for part in portions if len(part)])
    if not all(coded):
        return encode_exact_white(rgb, min(quality + FINER, 100), icc, beside)
    head, (blank,) = _white_interval(cut.length, quality, icc)
    scans = [blank] * cut.count
    for number, scan in zip(coloured.tolist(), chain.from_iterable(coded), strict=True):
        scans[number] = scan
    return cut.joined(head, scans)


@lru_cache(maxsize=8)
def _white_interval(width: int, quality: int, icc: bytes) -> tuple[bytes, list[bytes]]:
    """Head and scan of an interval that is all white, ``width`` px long."""
    pixels = np.empty((BLOCK, width, 4), np.uint8)
    _draw_together(np.full((BLOCK, width, 3), 255, np.uint8), pixels)
    return split_scans(_encode(pixels, quality, icc))


def _scans(cut: Intervals, chosen: NDArray[np.intp], quality: int) -> list[bytes]:
    """Some intervals with the least overshoot that keeps white exact; none where a finer quality is needed."""
    pixels = np.empty((len(chosen) * BLOCK, cut.length, 4), np.uint8)
    for start in range(0, len(chosen), IN_CACHE):
        part = chosen[start : start + IN_CACHE]
        _draw_together(cut.stacked(part), pixels[start * BLOCK : (start + len(part)) * BLOCK])
    trial = _doubtful_blocks(pixels)
    for overshoot in OVERSHOOTS:
        if is_exact(_encode(_beyond(trial, overshoot), quality), _white(trial)):
            return split_scans(_encode(_beyond(pixels, overshoot), quality))[1]
    return split_scans(_encode(_beyond(pixels, OVERSHOOTS[-1]), quality))[1] if quality >= 100 else []


def is_exact(data: bytes, white: Gray8) -> bool:
    """Whether the JPEG decodes to (255, 255, 255) wherever ``white`` (H, W) is not zero."""
    decoded = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    if decoded is None:
        return False
    exact = cv2.inRange(decoded, np.full(3, 255.0), np.full(3, 255.0))
    return not cv2.hasNonZero(cv2.subtract(white, np.asarray(exact, np.uint8)))


def _draw_together(rgb: RGB8, into: RGBX8) -> None:
    """Draw values together and lift white by the first overshoot; channel by channel, which is quicker."""
    channels = cv2.split(rgb)
    least = cv2.min(cv2.min(channels[0], channels[1]), channels[2])
    white = cv2.threshold(least, WHITE_FROM - 1, _lifted(OVERSHOOTS[0]), cv2.THRESH_BINARY)[1]
    shrunk = (cv2.convertScaleAbs(part, alpha=SHRINK / GROW, beta=128 * (1 - SHRINK / GROW)) for part in channels)
    cv2.merge([*(cv2.max(part, white) for part in shrunk), least], into)


def _lifted(overshoot: int) -> int:
    return round(128 + (127 + overshoot) * SHRINK / GROW)


def _white(pixels: RGBX8) -> Gray8:
    """255 where the picture is white, else 0; (H, W)."""
    least = cv2.extractChannel(pixels, 3)
    return np.asarray(cv2.threshold(least, WHITE_FROM - 1, 255, cv2.THRESH_BINARY)[1], np.uint8)


def _beyond(pixels: RGBX8, overshoot: int) -> RGBX8:
    """The same with white lifted by another overshoot than the first."""
    if overshoot == OVERSHOOTS[0]:
        return pixels
    lifted = np.full(pixels.shape, _lifted(overshoot), np.uint8)
    lifted[..., 3] = 255
    return np.asarray(cv2.copyTo(lifted, _white(pixels), pixels.copy()), np.uint8)


def _doubtful_blocks(pixels: RGBX8) -> RGBX8:
    """A picture of the blocks in which white meets colour, and one more.

    Without subsampling every block of 8 x 8 is coded on its own: what holds for these holds in the whole picture.
    """
    share = _white(pixels)
    while share.shape[0] * BLOCK > pixels.shape[0]:  # by 2 at a time: quicker, and one pixel of 64 still counts
        share = np.asarray(cv2.resize(share, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA), np.uint8)
    places = np.append(np.flatnonzero((share > 0) & (share < 255)), 0)
    rows, columns = np.divmod(np.pad(places, (0, -len(places) % TRIAL_COLUMNS), mode="edge"), share.shape[1])
    height, width, channels = pixels.shape
    blocks = pixels.reshape(height // BLOCK, BLOCK, width // BLOCK, BLOCK, channels).swapaxes(1, 2)[rows, columns]
    lines = blocks.reshape(-1, TRIAL_COLUMNS, BLOCK, BLOCK, channels).swapaxes(1, 2)
    return np.ascontiguousarray(lines).reshape(-1, TRIAL_COLUMNS * BLOCK, channels)


def _encode(pixels: RGBX8, quality: int, icc: bytes = b"") -> bytes:
    """A JPEG with one restart interval for every row of blocks."""
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
