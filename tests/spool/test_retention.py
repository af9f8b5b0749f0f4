"""What is deleted when: nothing before the receipt, nothing by a clock that may be wrong."""

from pathlib import Path

import pytest

from packshot.domain import ENDED, Stage
from packshot.errors import IntegrityError
from packshot.spool import retention
from packshot.spool.files import CaptureFiles
from packshot.spool.index import Index, Kept
from packshot.spool.limits import DAY_S, Retention
from packshot.spool.revisions import RevisionLog
from packshot.spool.sqlite_spool import SqliteSpool
from packshot.spool.store import Store
from tests.fakes.clock import HandClock
from tests.support.spool import (
    PHOTO,
    ROOMY,
    a_frame,
    a_request,
    delivered,
    files_below,
    in_stage,
    receipt_for,
    stages_in_index,
)

STORED_STAGES = sorted(set(Stage) - {Stage.CAPTURED})
RULES = Retention(keep_originals_s=1 * DAY_S, keep_receipted_s=3 * DAY_S, keep_ended_s=7 * DAY_S)
KEPT_FOR_EVER = sorted(set(STORED_STAGES) - {Stage.RECEIPTED, Stage.REFUSED, Stage.CANCELLED, Stage.EMPTY})


def opened(root: Path, clock: HandClock, rules: Retention = RULES) -> SqliteSpool:
    return SqliteSpool(root, limits=ROOMY, retention=rules, clock=clock)


def test_delivered_capture_goes_step_by_step(root: Path, clock: HandClock) -> None:
    spool = opened(root, clock)
    capture = delivered(spool, "r1", "A-1")
    assert spool.collect() == 0
    clock.pass_days(1.1)
    assert spool.collect() == len(PHOTO)
    with pytest.raises(IntegrityError, match="was deleted"):
        spool.read(capture.capture_id, "original.jpg")
    assert spool.read(capture.capture_id, "cutout.png")
    clock.pass_days(2)
    assert spool.collect() == capture.artefacts[1].size_bytes
    assert files_below(root) == {"revisions.jsonl"}
    assert spool.get(capture.capture_id) == capture
    assert spool.receipt(capture.capture_id) == receipt_for(capture)
    clock.pass_days(4)
    assert spool.collect() == 0
    assert spool.get(capture.capture_id) is None
    assert stages_in_index(root) == {}
    assert spool.check() == []
    assert spool.accept(a_request("r2", "A-1"), [a_frame()]).supersedes == capture.capture_id
    spool.close()


@pytest.mark.parametrize("stage", KEPT_FOR_EVER)
def test_undelivered_failed_and_held_captures_are_never_deleted(root: Path, clock: HandClock, stage: Stage) -> None:
    spool = opened(root, clock)
    capture = in_stage(spool, stage)
    clock.pass_days(4000)
    assert spool.collect() == 0
    assert spool.read(capture.capture_id, "original.jpg") == PHOTO
    spool.close()


@pytest.mark.parametrize("stage", [Stage.REFUSED, Stage.CANCELLED, Stage.EMPTY])
def test_dismissed_captures_go_after_their_time(root: Path, clock: HandClock, stage: Stage) -> None:
    spool = opened(root, clock)
    capture = in_stage(spool, stage)
    clock.pass_days(6.9)
    assert spool.collect() == 0
    clock.pass_days(0.2)
    assert spool.collect() > 0
    assert not (root / "captures" / capture.capture_id).exists()
    spool.close()


def test_what_is_kept_for_ever_stays_and_other_things_still_go(root: Path, clock: HandClock) -> None:
    for_ever = float("inf")
    spool = opened(root, clock, Retention(for_ever, for_ever, for_ever))
    capture, dismissed = delivered(spool, "r1"), in_stage(spool, Stage.REFUSED)
    clock.pass_days(4000)
    assert spool.collect() == 0
    assert spool.read(capture.capture_id, "original.jpg") == PHOTO
    assert spool.read(dismissed.capture_id, "original.jpg") == PHOTO
    spool.close()
    spool = opened(root, clock, Retention(keep_originals_s=DAY_S, keep_receipted_s=for_ever))
    assert spool.collect() > 0
    spool.close()


def test_time_counts_from_the_end_not_from_the_shutter(root: Path, clock: HandClock) -> None:
    spool = opened(root, clock)
    capture = in_stage(spool, Stage.CLAIMED)
    clock.pass_days(30)
    spool.record_receipt(capture.capture_id, receipt_for(capture))
    clock.pass_days(0.9)
    assert spool.collect() == 0
    spool.close()


def test_capture_tried_again_starts_its_time_anew(root: Path, clock: HandClock) -> None:
    spool = opened(root, clock)
    capture = in_stage(spool, Stage.CANCELLED)
    clock.pass_days(6)
    spool.advance(capture.capture_id, Stage.ACCEPTED)
    spool.advance(capture.capture_id, Stage.CANCELLED)
    clock.pass_days(6)
    assert spool.collect() == 0
    spool.close()


def test_nothing_expires_by_a_clock_that_may_be_wrong(root: Path, clock: HandClock) -> None:
    spool = opened(root, clock)
    delivered(spool, "r1")
    clock.in_step = False
    clock.pass_days(1000)
    assert spool.collect() == 0
    spool.close()


def test_time_of_a_wrong_clock_starts_when_it_is_set(root: Path, clock: HandClock) -> None:
    clock.ms, clock.in_step = 0, False
    spool = opened(root, clock)
    delivered(spool, "r1")
    clock.ms, clock.in_step = 1_790_000_000_000, True
    assert spool.collect() == 0
    clock.pass_days(0.9)
    assert spool.collect() == 0
    clock.pass_days(0.2)
    assert spool.collect() == len(PHOTO)
    spool.close()


@pytest.mark.parametrize("stage", STORED_STAGES)
def test_privacy_leaves_no_file_of_an_ended_capture(root: Path, clock: HandClock, stage: Stage) -> None:
    clock.in_step = False
    spool = opened(root, clock, Retention(privacy=True))
    in_stage(spool, stage)
    pictures = {name for name in files_below(root) if name != "revisions.jsonl"}
    assert bool(pictures) == (stage not in ENDED - {Stage.FAILED})
    assert spool.captures()[0].stage is stage
    spool.close()


def test_privacy_switched_on_later_deletes_what_was_delivered_before(root: Path, clock: HandClock) -> None:
    spool = opened(root, clock)
    delivered(spool, "r1")
    waiting = in_stage(spool, Stage.CUT, "r2")
    spool.close()
    clock.in_step = False
    spool = opened(root, clock, Retention(privacy=True))
    assert spool.collect() > 0
    assert {path.name for path in (root / "captures").iterdir()} == {waiting.capture_id}
    spool.close()


def test_purged_request_is_remembered_for_a_day_and_then_forgotten(root: Path, clock: HandClock) -> None:
    spool = opened(root, clock)
    capture = delivered(spool, "r1")
    spool.purge(capture.capture_id)
    clock.pass_days(0.9)
    spool.collect()
    assert spool.find_request("r1")
    clock.pass_days(0.2)
    spool.collect()
    assert spool.find_request("r1") is None
    assert stages_in_index(root) == {}
    spool.close()


def test_request_outlives_the_entry_of_its_capture(root: Path, clock: HandClock) -> None:
    spool = opened(root, clock, Retention(keep_originals_s=0, keep_receipted_s=0, keep_ended_s=3600))
    capture = delivered(spool, "r1")
    for _ in range(3):
        clock.pass_days(0.3)
        spool.collect()
        assert spool.find_request("r1") == capture
    spool.close()


def test_deletion_decided_before_a_person_said_retry_is_not_done(root: Path, clock: HandClock) -> None:
    spool = opened(root, clock)
    capture = in_stage(spool, Stage.CANCELLED)
    spool.advance(capture.capture_id, Stage.ACCEPTED, "retry")
    index = Index(root / "index.sqlite", create=False)
    store = Store(CaptureFiles(root), index, RevisionLog(root), clock)
    assert store.drop_files(capture.capture_id, retention.DELETABLE, Kept.ENTRY) == 0
    index.close()
    assert spool.read(capture.capture_id, "original.jpg") == PHOTO
    spool.close()


def test_deletion_that_stopped_half_way_is_finished(root: Path, clock: HandClock) -> None:
    spool = opened(root, clock)
    capture = delivered(spool, "r1")
    folder = root / "captures" / capture.capture_id
    copy = {path.name: path.read_bytes() for path in folder.iterdir()}
    spool.purge(capture.capture_id)
    folder.mkdir()
    for name, data in copy.items():
        (folder / name).write_bytes(data)
    spool.collect()
    assert not folder.exists()
    assert spool.get(capture.capture_id) is None
    spool.close()


def test_ten_thousand_captures_do_not_slow_the_shutter_down(root: Path, clock: HandClock) -> None:
    """Rows are found by index: looking for room, request and revision reads no table from end to end."""
    import sqlite3

    opened(root, clock).close()
    cut = "SELECT capture_id FROM captures WHERE stage IN (SELECT value FROM json_each('[\"cut\"]'))"
    queries = [
        "SELECT record FROM captures WHERE capture_id = 'x'",
        "SELECT capture_id, seen_ms FROM requests WHERE request_id = 'x'",
        "SELECT revision, capture_id FROM revisions WHERE sku = 'x' AND angle = 0",
        "SELECT count(*), sum(stored_bytes), sum(original_bytes), stage FROM captures WHERE kept = 'files'",
        f"{cut} ORDER BY capture_id",
        f"{cut} ORDER BY capture_id DESC",
    ]
    with sqlite3.connect(root / "index.sqlite") as connection:
        for query in queries:
            plan = " ".join(row[3] for row in connection.execute("EXPLAIN QUERY PLAN " + query))
            assert "SEARCH" in plan and "SCAN captures" not in plan, plan
