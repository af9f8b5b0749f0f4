"""How an artefact's bytes are cut into parts, the same on both sides of the wire; arithmetic only."""

from collections.abc import Iterable

Range = tuple[int, int]
"""First and last part number, both included."""


def part_count(size: int, part_bytes: int) -> int:
    """The number of parts of at most ``part_bytes`` bytes that hold ``size`` bytes; 0 for an empty artefact.

    >>> part_count(1000, 256), part_count(1024, 256), part_count(0, 256)
    (4, 4, 0)
    """
    return -(-size // part_bytes)


def part_span(size: int, part: int, of: int) -> tuple[int, int]:
    """Start and end (exclusive) of one part; parts differ by at most one byte, so ``size`` and ``of`` say it all.

    >>> [part_span(10, part, 4) for part in range(4)]
    [(0, 2), (2, 5), (5, 7), (7, 10)]
    """
    return size * part // of, size * (part + 1) // of


def to_ranges(parts: Iterable[int]) -> list[Range]:
    """Part numbers as sorted ranges.

    >>> to_ranges({0, 1, 2, 5})
    [(0, 2), (5, 5)]
    """
    ranges: list[Range] = []
    for part in sorted(parts):
        if ranges and ranges[-1][1] == part - 1:
            ranges[-1] = (ranges[-1][0], part)
        else:
            ranges.append((part, part))
    return ranges


def from_ranges(ranges: Iterable[Range], of: int) -> set[int]:
    """The part numbers below ``of`` in these ranges, whatever a stranger wrote into them.

    >>> sorted(from_ranges([(0, 1), (3, 99), (7, 2)], of=5))
    [0, 1, 3, 4]
    """
    return {part for first, last in ranges for part in range(max(first, 0), min(last + 1, of))}
