"""A PNG writer for cutouts: mostly empty canvas, compressed strip by strip on as many threads as there are.

W3C PNG (third edition); the "up" filter on every row; strips are deflated on their own, ended by a full flush, and so
can be joined. isal (ISA-L's igzip) deflates five times faster than zlib where it is installed, and smaller.
"""

import struct
import zlib
from collections.abc import Iterator
from functools import lru_cache
from importlib import import_module
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from packshot.encode.port import Patch
from packshot.platform.beside import ALONE, Beside

Bytes8 = NDArray[np.uint8]

SIGNATURE = b"\x89PNG\r\n\x1a\n"
GRAY, RGB, RGBA = 0, 2, 6
COLOUR_TYPES = {1: GRAY, 3: RGB, 4: RGBA}
FILTER_UP = 2
STRIP_ROWS = 192
ADLER_MODULUS = 65521
ZLIB_HEADER = b"\x78\x01"  # deflate, 32 KiB window, fastest
Deflated = tuple[bytes, int, int]
"""A strip's deflated bytes, its Adler-32, and how many bytes it had."""


def write_patch(patch: Patch, icc: bytes, beside: Beside = ALONE) -> bytes:
    """The canvas of a patch as an 8-bit RGBA PNG; what lies round the patch and under alpha 0 is zero."""
    visible = cv2.copyTo(patch.rgba, cv2.extractChannel(patch.rgba, 3)) if patch.rgba.size else patch.rgba
    return _write(np.asarray(visible, np.uint8), patch.top, patch.left, patch.height, patch.width, icc, beside)


def write_picture(pixels: Bytes8, icc: bytes = b"", beside: Beside = ALONE) -> bytes:
    """(H, W) gray, (H, W, 3) RGB or (H, W, 4) RGBA, uint8, as an 8-bit PNG."""
    cube = pixels[..., None] if pixels.ndim == 2 else pixels
    height, width = cube.shape[:2]
    return _write(cube, 0, 0, height, width, icc, beside)


def _write(pixels: Bytes8, top: int, left: int, height: int, width: int, icc: bytes, beside: Beside) -> bytes:
    channels = pixels.shape[2]
    strips = [(start, min(start + STRIP_ROWS, height)) for start in range(0, height, STRIP_ROWS)]
    blank = _deflated(_filtered(pixels[:0], 0, 0, width, 0, STRIP_ROWS), last=False)

    def deflated(strip: tuple[int, int]) -> Deflated:
        start, stop = strip
        if stop < height and (stop <= top or start > top + pixels.shape[0]):
            return blank
        return _deflated(_filtered(pixels, top, left, width, start, stop), last=stop == height)

    parts = beside.each(deflated, strips)
    header = struct.pack(">IIBBBBB", width, height, 8, COLOUR_TYPES[channels], 0, 0, 0)
    chunks = [_chunk(b"IHDR", header)]
    if icc:
        chunks.append(_chunk(b"iCCP", b"sRGB\x00\x00" + zlib.compress(icc)))
    return b"".join([SIGNATURE, *chunks, *_data_chunks(parts), _chunk(b"IEND", b"")])


def _filtered(pixels: Bytes8, top: int, left: int, width: int, start: int, stop: int) -> Bytes8:
    """Canvas rows ``start`` to ``stop`` as PNG scanlines: a filter byte, then each row less the one above it."""
    rows, columns, channels = pixels.shape
    lines = np.zeros((stop - start, 1 + width * channels), np.uint8)
    lines[:, 0] = FILTER_UP
    flat = pixels.reshape(rows, columns * channels)
    inside = slice(1 + left * channels, 1 + (left + columns) * channels)
    first, last = max(start, top), min(stop, top + rows)
    if first < last:
        lines[first - start : last - start, inside] = flat[first - top : last - top]
        above = max(first, top + 1)
        lines[above - start : last - start, inside] -= flat[above - 1 - top : last - 1 - top]
    if rows and start <= top + rows < stop:  # the row below the patch takes its last row back
        lines[top + rows - start, inside] -= flat[rows - 1]
    return lines


@lru_cache(maxsize=1)
def _library() -> tuple[Any, tuple[int, ...]]:
    """What deflates, and its compressor's arguments after level and method: isal where it is installed, else zlib."""
    try:
        return import_module("isal.isal_zlib"), (-15,)
    except ImportError:
        return zlib, (-15, 9, zlib.Z_RLE)


def _deflated(lines: Bytes8, last: bool) -> Deflated:
    library, arguments = _library()
    compressor = library.compressobj(1, library.DEFLATED, *arguments)
    data = compressor.compress(lines) + compressor.flush(library.Z_FINISH if last else library.Z_FULL_FLUSH)
    return data, library.adler32(lines), lines.size


def _data_chunks(parts: list[Deflated]) -> Iterator[bytes]:
    """The zlib stream of all strips, an IDAT chunk each."""
    checksum = 1
    for index, (data, adler, length) in enumerate(parts):
        checksum = join_adler32(checksum, adler, length)
        tail = struct.pack(">I", checksum) if index == len(parts) - 1 else b""
        yield _chunk(b"IDAT", (ZLIB_HEADER if index == 0 else b"") + data + tail)


def join_adler32(first: int, second: int, length: int) -> int:
    """Adler-32 of two texts joined, from both checksums and the length of the second (RFC 1950)."""
    low = (first & 0xFFFF) + (second & 0xFFFF) - 1
    high = (first >> 16) + (second >> 16) + length * ((first & 0xFFFF) - 1)
    return (high % ADLER_MODULUS) << 16 | low % ADLER_MODULUS


def _chunk(kind: bytes, data: bytes) -> bytes:
    checksum = _library()[0].crc32(data, zlib.crc32(kind))
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", checksum)
