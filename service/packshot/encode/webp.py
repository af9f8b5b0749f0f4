"""WebP with transparency, colour and alpha encoded side by side: half the time where there are two cores.

RFC 9649: the file is VP8X, ICCP, ALPH and VP8 chunks; ALPH holds the alpha as the green channel of a lossless
bitstream. libwebp, asked for both, does one after the other and takes longer over both.
"""

from collections import deque
from collections.abc import Iterator

import cv2
import numpy as np
from PIL import Image

from packshot.encode.memory import encoded
from packshot.encode.port import RGB8, RGBA8, Gray8
from packshot.encode.vp8l import encode_green
from packshot.matting.band import Run, strips
from packshot.platform.beside import ALONE, Beside

BLOCK = 4  # px: what VP8 transforms as a whole
HAS_ICC, HAS_ALPHA = 0x20, 0x10
LOSSLESS_LEFT = b"\x05"  # compressed losslessly, each value less its left neighbour


def encode_webp(rgba: RGBA8, quality: int, icc: bytes, beside: Beside = ALONE) -> bytes:
    """Straight-alpha RGBA (H, W, 4) uint8 as a lossy WebP with exact alpha; colour under alpha 0 does not count."""
    alpha = np.asarray(cv2.extractChannel(rgba, 3), np.uint8)
    filled = Image.fromarray(_filled(rgba, alpha, beside.share))
    coverage = beside.start(lambda: _alpha_bitstream(alpha))  # it has time until the colours are encoded
    colour = _only_chunk(encoded(filled, "WEBP", method=0, quality=quality), b"VP8 ")
    height, width = alpha.shape
    head = (
        bytes([HAS_ICC | HAS_ALPHA, 0, 0, 0]) + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    )
    chunks = [(b"VP8X", head), (b"ICCP", icc), (b"ALPH", LOSSLESS_LEFT + coverage()), (b"VP8 ", colour)]
    body = b"WEBP" + b"".join(_chunk(kind, data) for kind, data in chunks)
    return b"RIFF" + len(body).to_bytes(4, "little") + body


def _filled(rgba: RGBA8, alpha: Gray8, run: Run) -> RGB8:
    """The colours, and where nothing is visible the mean of what is visible nearby: no fringe from prediction."""
    height, width = alpha.shape
    nearby = _visible_nearby(rgba, alpha, run)
    filled = np.empty((height, width, 3), np.uint8)

    def fill(rows: slice) -> None:
        blocks = nearby[rows.start // BLOCK : -(-rows.stop // BLOCK)]
        around = cv2.resize(blocks, None, fx=BLOCK, fy=BLOCK, interpolation=cv2.INTER_NEAREST)
        around = cv2.copyTo(rgba[rows], alpha[rows], around[: rows.stop - rows.start, :width])
        cv2.cvtColor(around, cv2.COLOR_RGBA2RGB, filled[rows])

    deque(run(fill, strips(0, height)), maxlen=0)
    return filled


def _visible_nearby(rgba: RGBA8, alpha: Gray8, run: Run) -> RGBA8:
    """For every block, also those that the border cuts, the mean colour of what is visible in it and next to it.

    The fourth channel means nothing: four bytes are copied faster than three.
    """
    down, across = (max(1, length // BLOCK) for length in rgba.shape[:2])
    blocks = np.empty((down, across, 4), np.uint8)

    def shrink(rows: slice) -> None:
        inside = (slice(rows.start * BLOCK, rows.stop * BLOCK), slice(0, across * BLOCK))
        part = np.asarray(cv2.copyTo(rgba[inside], alpha[inside]), np.uint8)
        for scale in (2, 1):  # by 2 and by 2 again: four times as fast as by 4
            size = (across * scale, (rows.stop - rows.start) * scale)
            part = np.asarray(cv2.resize(part, size, interpolation=cv2.INTER_AREA), np.uint8)
        blocks[rows] = part

    deque(run(shrink, strips(0, down)), maxlen=0)
    *colours, coverage = cv2.split(cv2.blur(blocks.astype(np.float32), (3, 3)))
    coverage = np.maximum(coverage, np.float32(1))
    mean = [cv2.divide(part, coverage, scale=255, dtype=cv2.CV_8U) for part in colours]
    visible = cv2.merge([*mean, mean[0]])
    return np.asarray(cv2.copyMakeBorder(visible, 0, 1, 0, 1, cv2.BORDER_REPLICATE), np.uint8)


def _alpha_bitstream(alpha: Gray8) -> bytes:
    less_left = alpha.copy()
    less_left[:, 1:] -= alpha[:, :-1]
    less_left[1:, 0] -= alpha[:-1, 0]  # the first column goes by the value above
    return encode_green(less_left)


def _only_chunk(data: bytes, kind: bytes) -> bytes:
    return next(payload for name, payload in _chunks(data) if name == kind)


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Kind and payload of every chunk of a RIFF file."""
    at = 12
    while at + 8 <= len(data):
        length = int.from_bytes(data[at + 4 : at + 8], "little")
        yield data[at : at + 4], data[at + 8 : at + 8 + length]
        at += 8 + length + length % 2


def _chunk(kind: bytes, data: bytes) -> bytes:
    return kind + len(data).to_bytes(4, "little") + data + b"\0" * (len(data) % 2)
