"""Alpha as a lossless WebP bitstream: literals and runs of zeros under one prefix code, a quarter of libwebp's time.

RFC 9649, section 3. Only what ALPH needs is written: the green channel, no transform, no cache, one prefix code group.
Runs are copies of the pixel before, at most 4096 long, as alpha less its left neighbour is zero but for edges.
"""

import heapq
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Bytes8 = NDArray[np.uint8]
Numbers = NDArray[np.int64]
Words = NDArray[np.uint64]

LITERALS, LENGTHS = 256, 24
LONGEST_COPY = 4096
SHORT_RUN = 4  # zeros that are written one by one
LONGEST_CODE = 15  # bits
LENGTH_ORDER = (17, 18, 0, 1, 2, 3, 4, 5, 16, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)
PLAIN = "000"  # no transform, no colour cache, no meta prefix codes
ALWAYS_ZERO, ALWAYS_ONE = "1000", "1001"  # simple codes of a single symbol, which then takes no bits
EQUAL_LENGTHS = 4  # bits of each of the sixteen lengths under the code that describes a code


def encode_green(values: Bytes8) -> bytes:
    """The image stream of an (H, W) uint8 green channel, without the header of signature, width and height."""
    symbols, extra, extra_bits = _tokens(values.reshape(-1))
    lengths = _code_lengths(np.bincount(symbols, minlength=LITERALS + LENGTHS))
    codes = _codes(lengths)
    # Green; red, blue and alpha are 0; distance code 2, whose prefix is 1, is the pixel before.
    head = PLAIN + _described(lengths) + 3 * ALWAYS_ZERO + ALWAYS_ONE
    head_bits = np.frombuffer(head.encode(), np.uint8) - ord("0")
    bits = np.concatenate([head_bits, codes[symbols] | extra << lengths[symbols]])
    counts = np.concatenate([np.ones(len(head), np.int64), lengths[symbols] + extra_bits])
    return _packed(bits.astype(np.uint64), counts)


def _tokens(values: Bytes8) -> tuple[Numbers, Numbers, Numbers]:
    """Symbols (N,) of literals and copies in order, and the value and number of each one's extra bits."""
    seen = np.flatnonzero(values != 0)
    edges = np.concatenate([[-1], seen, [len(values)]])
    gaps = np.diff(edges) - 1  # zeros before each value, and after the last
    copies = np.where(gaps > SHORT_RUN, -(-(gaps - 1) // LONGEST_COPY), 0)
    zeros = np.where(copies > 0, 1, gaps)  # the first is a literal, which the copies repeat
    ends = np.cumsum(zeros + copies + 1)
    symbols, extra, extra_bits = (np.zeros(ends[-1] - 1, np.int64) for _ in range(3))
    symbols[ends[:-1] - 1] = values[seen]
    lengths = np.full(int(copies.sum()), LONGEST_COPY)
    last = np.cumsum(copies)[copies > 0] - 1
    lengths[last] = (gaps - 1 - LONGEST_COPY * (copies - 1))[copies > 0]
    first = (ends - 1 - copies)[copies > 0]
    at = np.repeat(first, copies[copies > 0]) + _ranges(copies[copies > 0])
    prefixes, values_of, bits_of = _length_codes()
    symbols[at], extra[at], extra_bits[at] = LITERALS + prefixes[lengths], values_of[lengths], bits_of[lengths]
    return symbols, extra, extra_bits


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


def _packed(bits: Words, counts: Numbers) -> bytes:
    """The low ``counts`` bits of each value (at most 31) one after the other, lowest first."""
    at = np.cumsum(counts) - counts
    shifted = bits << (at & 31).astype(np.uint64)
    word = at >> 5
    first = np.flatnonzero(np.diff(word, prepend=-1))
    low = np.add.reduceat(shifted & np.uint64(0xFFFFFFFF), first)
    high = np.add.reduceat(shifted >> np.uint64(32), first)
    words = np.zeros(int(word[-1]) + 2, np.uint64)
    words[word[first]] = low
    words[word[first] + 1] += high
    return words.astype("<u4").tobytes()[: -(-int(counts.sum()) // 8)]
