"""When one more photo is refused, and what makes way for it."""

from pathlib import Path

import pytest

from packshot.domain import Stage
from packshot.errors import SpoolFull
from packshot.spool.limits import SpoolLimits
from packshot.spool.room import Usage, shortage
from packshot.spool.sqlite_spool import SqliteSpool
from tests.support.spool import PHOTO, a_cut, a_frame, a_request, delivered, files_below, in_stage

MB = 1_000_000
LIMITS = SpoolLimits(max_bytes=100 * MB, max_captures=10, min_free_bytes=20 * MB, artefact_factor=4.0)


@pytest.mark.parametrize(
    "usage, new_bytes, problem",
    [
        (Usage(9, 0, 0, 1000 * MB), 20 * MB, ""),
        (Usage(10, 0, 0, 1000 * MB), 1, "it holds 10 captures and may hold 10"),
        (Usage(0, 0, 0, 1000 * MB), 20 * MB + 1, "100.0 MB are needed, 0.0 MB of 100.0 MB are taken"),
        (Usage(1, 50 * MB, 0, 1000 * MB), 10 * MB, ""),
        (Usage(1, 50 * MB, 1 * MB, 1000 * MB), 10 * MB, "54.0 MB are needed, 50.0 MB of 100.0 MB are taken"),
        (Usage(0, 0, 0, 30 * MB), 2 * MB, ""),
        (Usage(0, 0, 0, 30 * MB - 1), 2 * MB, "10.0 MB are needed, 30.0 MB are free and may not sink below 20.0 MB"),
        (
            Usage(1, 1 * MB, 1 * MB, 30 * MB),
            2 * MB,
            "14.0 MB are needed, 30.0 MB are free and may not sink below 20.0 MB",
        ),
    ],
)
def test_room_is_kept_for_the_artefacts_to_come(usage: Usage, new_bytes: int, problem: str) -> None:
    assert shortage(LIMITS, usage, new_bytes) == problem


def test_full_spool_refuses_the_next_shutter_and_overwrites_nothing(root: Path) -> None:
    spool = SqliteSpool(root, limits=SpoolLimits(max_captures=2, min_free_bytes=0))
    stored = [spool.accept(a_request(f"r{number}"), [a_frame()]) for number in range(2)]
    before = files_below(root)
    with pytest.raises(SpoolFull, match="holds 2 captures"):
        spool.check_room()
    with pytest.raises(SpoolFull, match="holds 2 captures"):
        spool.accept(a_request("r2"), [a_frame()])
    assert files_below(root) == before
    assert spool.captures() == stored
    assert spool.accept(a_request("r1"), [a_frame()]) == stored[1]
    spool.close()


@pytest.mark.parametrize(
    "stage", [Stage.HELD, Stage.FAILED, Stage.REFUSED, Stage.CANCELLED, Stage.EMPTY, Stage.CLAIMED]
)
def test_only_delivered_captures_make_way(root: Path, stage: Stage) -> None:
    spool = SqliteSpool(root, limits=SpoolLimits(max_captures=1, min_free_bytes=0))
    capture = in_stage(spool, stage)
    with pytest.raises(SpoolFull):
        spool.accept(a_request("r2"), [a_frame()])
    assert spool.read(capture.capture_id, "original.jpg") == PHOTO
    spool.close()


def test_oldest_delivered_capture_makes_way_first(root: Path) -> None:
    spool = SqliteSpool(root, limits=SpoolLimits(max_captures=2, min_free_bytes=0))
    first, second = delivered(spool, "r1"), delivered(spool, "r2")
    spool.check_room()
    assert not (root / "captures" / first.capture_id).exists()
    assert spool.read(second.capture_id, "original.jpg") == PHOTO
    assert spool.get(first.capture_id) == first  # its entry and receipt stay
    assert spool.receipt(first.capture_id)
    spool.close()


def test_byte_limit_counts_what_is_stored(root: Path) -> None:
    limits = SpoolLimits(max_bytes=3 * len(PHOTO), min_free_bytes=0, artefact_factor=0.0)
    spool = SqliteSpool(root, limits=limits)
    for number in range(3):
        spool.accept(a_request(f"r{number}"), [a_frame()])
    with pytest.raises(SpoolFull, match="are taken"):
        spool.accept(a_request("r3"), [a_frame()])
    cancelled = spool.captures()[0]
    spool.advance(cancelled.capture_id, Stage.CANCELLED)
    spool.purge(cancelled.capture_id)
    assert spool.accept(a_request("r3"), [a_frame()])
    spool.close()


def test_room_for_cutouts_is_not_given_to_photos(root: Path) -> None:
    limits = SpoolLimits(max_bytes=10 * len(PHOTO), min_free_bytes=0, artefact_factor=4.0)
    spool = SqliteSpool(root, limits=limits)
    captures = [spool.accept(a_request(f"r{number}"), [a_frame()]) for number in range(2)]
    with pytest.raises(SpoolFull):
        spool.accept(a_request("r2"), [a_frame()])
    for capture in captures:
        spool.store_cut(capture.capture_id, a_cut(b"small"))
    assert spool.accept(a_request("r2"), [a_frame()])
    spool.close()
