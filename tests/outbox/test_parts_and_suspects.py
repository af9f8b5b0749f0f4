"""Cutting artefacts into parts, and finding out which message loses us the link."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from packshot.outbox.suspects import PartSize, Suspects
from packshot.parts import from_ranges, part_count, part_span, to_ranges


@given(size=st.integers(1, 10_000), part_bytes=st.integers(1, 500))
def test_parts_cover_every_byte_once_and_none_is_too_large(size: int, part_bytes: int) -> None:
    of = part_count(size, part_bytes)
    spans = [part_span(size, part, of) for part in range(of)]
    assert [start for start, _ in spans] == [0, *(end for _, end in spans[:-1])]
    assert spans[-1][1] == size
    assert all(0 < end - start <= part_bytes for start, end in spans)


@given(parts=st.sets(st.integers(0, 200)))
def test_ranges_say_the_same_as_the_parts(parts: set[int]) -> None:
    ranges = to_ranges(parts)
    assert from_ranges(ranges, 201) == parts
    assert all(last + 1 < first for (_, last), (first, _) in itertools.pairwise(ranges)), "as few as can be"


@given(ranges=st.lists(st.tuples(st.integers(-5, 5000), st.integers(-5, 5000)), max_size=20), of=st.integers(0, 50))
def test_ranges_from_a_stranger_never_name_a_part_that_is_not_there(ranges: list[tuple[int, int]], of: int) -> None:
    assert from_ranges(ranges, of) <= set(range(of))


def test_a_message_that_alone_was_under_way_at_every_loss_is_convicted() -> None:
    suspects: Suspects[str] = Suspects(3)
    assert [suspects.lost(["bad"]) for _ in range(3)] == [None, None, "bad"]


def test_nobody_is_convicted_while_several_are_under_way() -> None:
    suspects: Suspects[str] = Suspects(1)
    assert all(suspects.lost(["bad", "good"]) is None for _ in range(10))
    assert suspects.window(8) == 1, "from now on one at a time"


def test_a_puback_acquits() -> None:
    suspects: Suspects[str] = Suspects(2)
    suspects.lost(["slow"])
    suspects.taken("slow")
    assert suspects.lost(["slow"]) is None


def test_an_outage_with_nothing_under_way_changes_nothing() -> None:
    suspects: Suspects[str] = Suspects(1)
    assert suspects.lost([]) is None
    assert suspects.window(8) == 8


def test_after_a_calm_while_several_may_be_under_way_again() -> None:
    suspects: Suspects[str] = Suspects(5)
    suspects.lost(["a", "b"])
    for number in range(8):
        assert suspects.window(8) == 1
        suspects.taken(f"{number}")
    assert suspects.window(8) == 8


def test_parts_shrink_to_the_smallest_and_grow_again_after_a_calm() -> None:
    size = PartSize(smallest=100, double_after=3)
    assert size.bytes(350) == 350
    assert [size.shrink(size.bytes(350), 350) for _ in range(3)] == [True, True, False]
    assert size.bytes(350) == 100
    for _ in range(3):
        size.taken()
    assert size.bytes(350) == 175


@given(largest=st.integers(1, 5000), below=st.integers(1, 6000))
def test_parts_become_smaller_than_the_one_that_was_too_large_or_nothing_is_promised(largest: int, below: int) -> None:
    size = PartSize(smallest=100)
    assert size.shrink(below, largest) == (below > min(100, largest))
    assert size.bytes(largest) < below or size.bytes(largest) == largest
    assert size.bytes(largest) >= min(100, largest)


@pytest.mark.parametrize("largest", [1, 99, 100])
def test_a_bus_that_takes_less_than_the_smallest_part_decides(largest: int) -> None:
    size = PartSize(smallest=100)
    assert size.bytes(largest) == largest
    assert not size.shrink(largest, largest)
