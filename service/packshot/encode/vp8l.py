"""Alpha as a lossless WebP bitstream: literals and runs of zeros under one prefix code, a fifth of libwebp's time.

RFC 9649, section 3. Only what ALPH needs is written: the green channel, no transform, no cache, one prefix code group.
Runs are copies of the pixel before, at most 4096 long, as alpha less its left neighbour is zero but for edges.
"""

import heapq
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from packshot.matting.band import strips

Bytes8 = NDArray[np.uint8]
Numbers = NDArray[np.int64]

LITERALS, LENGTHS = 256, 24
PORTION = 1 << 20  # pixels; bounds the memory of the work
LONGEST_COPY = 4096
SHORT_RUN = 4  # zeros that are written one by one
LONGEST_CODE = 15  # bits
LENGTH_ORDER = (17, 18, 0, 1, 2, 3, 4, 5, 16, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)
PLAIN = "000"  # no transform, no colour cache, no meta prefix codes
ALWAYS_ZERO, ALWAYS_ONE = "1000", "1001"  # simple codes of a single symbol, which then takes no bits
LOW, HALF = np.uint64(0xFFFFFFFF), np.uint64(32)
EQUAL_LENGTHS = 4  # bits of each of the sixteen lengths under the code that describes a code


@dataclass(frozen=True)
class _Tokens:
    """Literals and copies in order: their symbols, and the value and number of each one's extra bits, all (N,)."""

    symbols: NDArray[np.uint16]
    extra: NDArray[np.uint16]
    extra_bits: Bytes8


def encode_green(values: Bytes8) -> bytes:
    """The image stream of an (H, W) uint8 green channel, without the header of signature, width and height."""
    flat = values.reshape(-1)
    parts = [_tokens(flat[part]) for part in strips(0, len(flat), PORTION)]
    counted = [np.bincount(part.symbols, minlength=LITERALS + LENGTHS) for part in parts]
    lengths = _code_lengths(np.sum(counted, axis=0))
    codes = _codes(lengths)
    # Green; red, blue and alpha are 0; distance code 2, whose prefix is 1, is the pixel before.
    head = PLAIN + _described(lengths) + 3 * ALWAYS_ZERO + ALWAYS_ONE

    def bits() -> Iterator[tuple[Numbers, Numbers]]:
        yield np.frombuffer(head.encode(), np.uint8).astype(np.int64) - ord("0"), np.ones(len(head), np.int64)
        for part in parts:
            own = lengths[part.symbols]
            yield codes[part.symbols] | part.extra.astype(np.int64) << own, own + part.extra_bits

    return _packed(bits())


def _tokens(values: Bytes8) -> _Tokens:
    """What a portion of the pixels is written as; it does not look at the pixel before."""
    seen = np.flatnonzero(values != 0)
    edges = np.concatenate([[-1], seen, [len(values)]])
    gaps = np.diff(edges) - 1  # zeros before each value, and after the last
    copies = np.where(gaps > SHORT_RUN, -(-(gaps - 1) // LONGEST_COPY), 0)
    zeros = np.where(copies > 0, 1, gaps)  # the first is a literal, which the copies repeat
    ends = np.cumsum(zeros + copies + 1)
    symbols, extra, extra_bits = (np.zeros(ends[-1] - 1, kind) for kind in (np.uint16, np.uint16, np.uint8))
    symbols[ends[:-1] - 1] = values[seen]
    lengths = np.full(int(copies.sum()), LONGEST_COPY)
    last = np.cumsum(copies)[copies > 0] - 1
    lengths[last] = (gaps - 1 - LONGEST_COPY * (copies - 1))[copies > 0]
    first = (ends - 1 - copies)[copies > 0]
    at = np.repeat(first, copies[copies > 0]) + _ranges(copies[copies > 0])
    prefixes, values_of, bits_of = _length_codes()
    symbols[at], extra[at], extra_bits[at] = LITERALS + prefixes[lengths], values_of[lengths], bits_of[lengths]
    return _Tokens(symbols, extra, extra_bits)


def _ranges(counts: Numbers) -> Numbers:
    """0 to n - 1 for each n, one after the other."""
    return np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)


@lru_cache(maxsize=1)
def _length_codes() -> tuple[Numbers, Numbers, Numbers]:
    """For every length of a copy up to the longest: its prefix, extra value and number of extra bits (5.2.2)."""
    less = np.maximum(np.arange(LONGEST_COPY + 1) - 1, 0)
    bits = np.maximum(np.floor(np.log2(np.maximum(less, 1))).astype(np.int64) - 1, 0)
    prefixes = np.where(less < 4, less, 2 * (bits + 1) + (less >> bits & 1))
    return prefixes, np.where(less < 4, 0, less & (1 << bits) - 1), np.where(less < 4, 0, bits)


def _code_lengths(frequencies: Numbers) -> Numbers:
    """Lengths of a Huffman code of at most ``LONGEST_CODE`` bits; 0 for symbols that do not occur."""
    frequencies[:2] = np.maximum(frequencies[:2], 1)  # a code of one symbol would be described otherwise
    while True:
        lengths = _huffman(frequencies)
        if lengths.max() <= LONGEST_CODE:
            return lengths
        frequencies = -(-frequencies // 2)


def _huffman(frequencies: Numbers) -> Numbers:
    lengths = np.zeros(len(frequencies), np.int64)
    nodes = [(int(count), symbol, [symbol]) for symbol, count in enumerate(frequencies) if count]
    heapq.heapify(nodes)
    while len(nodes) > 1:
        (less, _, some), (more, tie, others) = heapq.heappop(nodes), heapq.heappop(nodes)
        lengths[some + others] += 1
        heapq.heappush(nodes, (less + more, tie, some + others))
    return lengths


def _codes(lengths: Numbers) -> Numbers:
    """The canonical prefix code of these lengths, each code's first bit lowest."""
    codes = np.zeros(len(lengths), np.int64)
    code = 0
    for length in range(1, LONGEST_CODE + 1):
        code <<= 1
        for symbol in np.flatnonzero(lengths == length):
            codes[symbol] = int(f"{code:0{length}b}"[::-1], 2)
            code += 1
    return codes


def _described(lengths: Numbers) -> str:
    """A prefix code as bits: not simple, the code that its lengths are written in, all symbols, the lengths."""
    of_lengths = "".join(_low_first(EQUAL_LENGTHS if symbol <= LONGEST_CODE else 0, 3) for symbol in LENGTH_ORDER)
    written = "".join(f"{length:0{EQUAL_LENGTHS}b}" for length in lengths)
    return "0" + _low_first(len(LENGTH_ORDER) - 4, 4) + of_lengths + "0" + written


def _low_first(value: int, bits: int) -> str:
    return f"{value:0{bits}b}"[::-1]


def _packed(parts: Iterable[tuple[Numbers, Numbers]]) -> bytes:
    """The low bits of values, (N,) and how many of each (1 to 31), one after the other, lowest first."""
    done: list[bytes] = []
    begun, used = np.uint64(0), 0  # the word that is not full yet
    for bits, counts in parts:
        ends = used + np.cumsum(counts)
        at = ends - counts
        shifted = bits.astype(np.uint64) << (at & 31).astype(np.uint64)
        word = at >> 5
        first = np.flatnonzero(np.diff(word, prepend=-1))
        words = np.zeros((int(ends[-1]) >> 5) + 2, np.uint64)
        words[0] = begun
        words[word[first]] += np.add.reduceat(shifted & LOW, first)
        words[word[first] + 1] += np.add.reduceat(shifted >> HALF, first)
        full, used = int(ends[-1]) >> 5, int(ends[-1]) & 31
        done.append(words[:full].astype("<u4").tobytes())
        begun = words[full]
    return b"".join(done) + int(begun).to_bytes(4, "little")[: -(-used // 8)]
