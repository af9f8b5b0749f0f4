"""What the port promises of any spool, held against the one on disk."""

import hashlib
import threading
from pathlib import Path

import pytest

from packshot.domain import ENDED, Capture, Shutter, ShutterProof, Stage
from packshot.errors import BadImage, BadMessage, IntegrityError, SpoolError
from packshot.messages import Receipt
from packshot.spool.port import Spool
from packshot.spool.sqlite_spool import SqliteSpool
from tests.fakes.clock import HandClock
from tests.support.spool import CUTOUT, PHOTO, ROOMY, a_frame, a_request, in_stage

STORED_STAGES = sorted(set(Stage) - {Stage.CAPTURED})


def test_accepted_photo_reads_back_byte_for_byte(spool: Spool) -> None:
    capture = spool.accept(a_request(), [a_frame()])
    assert capture.stage is Stage.ACCEPTED
    assert [artefact.name for artefact in capture.artefacts] == ["original.jpg"]
    assert capture.artefacts[0].sha256 == hashlib.sha256(PHOTO).hexdigest()
    assert spool.read(capture.capture_id, "original.jpg") == PHOTO
    assert spool.path(capture.capture_id, "original.jpg").read_bytes() == PHOTO
    assert spool.get(capture.capture_id) == capture


def test_several_frames_keep_their_order_types_and_backdrops(spool: Spool) -> None:
    frames = (
        a_frame(b"white", "image/png", "white"),
        a_frame(b"black", backdrop="black"),
        a_frame(b"raw", "image/x-foo"),
    )
    capture = spool.accept(a_request(), frames)
    assert [artefact.name for artefact in capture.artefacts] == ["original.png", "original-2.jpg", "original-3.bin"]
    assert spool.frames(capture.capture_id) == frames


def test_empty_photo_is_not_taken_for_a_photo(spool: Spool) -> None:
    with pytest.raises(BadImage):
        spool.accept(a_request(), [a_frame(b"")])
    with pytest.raises(BadImage):
        spool.accept(a_request(), [])
    assert spool.captures() == []


def test_repeated_request_is_one_capture(spool: Spool) -> None:
    first = spool.accept(a_request(), [a_frame()])
    assert spool.accept(a_request(), [a_frame(b"another photo")]) == first
    assert spool.captures() == [first]
    assert spool.find_request("r1") == first


def test_repeat_after_failure_is_a_new_capture(spool: Spool) -> None:
    failed = in_stage(spool, Stage.FAILED)
    assert spool.find_request("r1") is None
    again = spool.accept(a_request(), [a_frame()])
    assert again.capture_id != failed.capture_id
    assert spool.find_request("r1") == again


def test_request_is_forgotten_after_a_day(spool: Spool, clock: HandClock) -> None:
    first = spool.accept(a_request(), [a_frame()])
    clock.pass_days(0.99)
    assert spool.find_request("r1") == first
    clock.pass_days(0.02)
    assert spool.find_request("r1") is None
    assert spool.accept(a_request(), [a_frame()]).capture_id != first.capture_id


@pytest.mark.parametrize("in_step_then, in_step_now", [(False, True), (True, False), (False, False)])
def test_request_is_not_forgotten_by_a_clock_that_may_be_wrong(
    spool: Spool, clock: HandClock, in_step_then: bool, in_step_now: bool
) -> None:
    clock.in_step = in_step_then
    first = spool.accept(a_request(), [a_frame()])
    clock.pass_days(400)
    clock.in_step = in_step_now
    assert spool.find_request("r1") == first


def test_request_seen_before_the_clock_was_set_is_forgotten_a_day_after(spool: Spool, clock: HandClock) -> None:
    clock.ms, clock.in_step = 0, False
    spool.accept(a_request(), [a_frame()])
    clock.ms, clock.in_step = 1_790_000_000_000, True
    spool.collect()
    clock.pass_days(0.9)
    assert spool.find_request("r1")
    clock.pass_days(0.2)
    assert spool.find_request("r1") is None


def test_unknown_request_and_capture_are_none(spool: Spool) -> None:
    assert spool.find_request("never-seen") is None
    assert spool.get("0" * 26) is None
    assert spool.receipt("0" * 26) is None


def test_what_is_asked_of_an_unknown_capture_is_refused(spool: Spool) -> None:
    nobody = "0" * 26
    with pytest.raises(BadMessage, match="no capture"):
        spool.advance(nobody, Stage.HELD)
    with pytest.raises(BadMessage, match="no capture"):
        spool.read(nobody, "original.jpg")
    with pytest.raises(BadMessage, match="no capture"):
        spool.record_receipt(nobody, Receipt({}, "folder"))
    with pytest.raises(BadMessage, match="no capture"):
        spool.purge(nobody)


def test_retake_supersedes_the_former_take(spool: Spool) -> None:
    first = spool.accept(a_request("r1"), [a_frame()])
    second = spool.accept(a_request("r2"), [a_frame()])
    third = spool.accept(a_request("r3"), [a_frame()])
    assert (first.revision, first.supersedes) == (1, None)
    assert (second.revision, second.supersedes) == (2, first.capture_id)
    assert (third.revision, third.supersedes) == (3, second.capture_id)


def test_other_angle_other_sku_and_no_sku_supersede_nothing(spool: Spool) -> None:
    spool.accept(a_request("r1"), [a_frame()])
    others = [a_request("r2", angle=90), a_request("r3", sku="A-2"), a_request("r4", sku=""), a_request("r5", sku="")]
    for request in others:
        capture = spool.accept(request, [a_frame()])
        assert (capture.revision, capture.supersedes) == (1, None)


def test_retake_knows_a_purged_take(spool: Spool) -> None:
    first = in_stage(spool, Stage.RECEIPTED)
    spool.purge(first.capture_id)
    second = spool.accept(a_request("r2"), [a_frame()])
    assert (second.revision, second.supersedes) == (2, first.capture_id)


def test_ids_grow_although_the_clock_falls_back_to_1970(spool: Spool, root: Path, clock: HandClock) -> None:
    ids = [spool.accept(a_request("r1"), [a_frame()]).capture_id]
    clock.ms, clock.in_step = 0, False
    ids += [spool.accept(a_request(f"r{n}"), [a_frame()]).capture_id for n in (2, 3)]
    spool.close()
    reopened = SqliteSpool(root, limits=ROOMY, clock=clock)
    ids.append(reopened.accept(a_request("r4"), [a_frame()]).capture_id)
    assert ids == sorted(ids)
    assert [capture.capture_id for capture in reopened.captures()] == ids
    reopened.close()


def test_captures_are_listed_by_stage_oldest_or_newest_first(spool: Spool) -> None:
    accepted = [spool.accept(a_request(f"a{n}"), [a_frame()]) for n in range(3)]
    cut = in_stage(spool, Stage.CUT, "c")
    assert spool.captures() == [*accepted, cut]
    assert spool.captures({Stage.ACCEPTED}) == accepted
    assert spool.captures({Stage.CUT, Stage.HELD}) == [cut]
    assert spool.captures(limit=2) == accepted[:2]
    assert spool.captures(limit=2, newest_first=True) == [cut, accepted[2]]
    assert spool.captures({Stage.ACCEPTED}, 2, newest_first=True) == [accepted[2], accepted[1]]


def test_unknown_artefact_is_refused(spool: Spool) -> None:
    capture = spool.accept(a_request(), [a_frame()])
    for name in ("cutout.png", "../../index.sqlite", ""):
        with pytest.raises(BadMessage, match="no artefact"):
            spool.read(capture.capture_id, name)
        with pytest.raises(BadMessage, match="no artefact"):
            spool.path(capture.capture_id, name)


@pytest.mark.parametrize(
    "damage", [b"", PHOTO[:-1], PHOTO[:-1] + b"\0", PHOTO + b"\0"], ids=["empty", "torn", "flipped", "longer"]
)
def test_damaged_file_is_never_handed_out(tmp_path: Path, damage: bytes) -> None:
    spool = SqliteSpool(tmp_path / "spool", limits=ROOMY)
    capture = spool.accept(a_request(), [a_frame()])
    spool.path(capture.capture_id, "original.jpg").write_bytes(damage)
    with pytest.raises(IntegrityError, match=r"^original\.jpg no longer .* take the photo again$"):
        spool.read(capture.capture_id, "original.jpg")
    spool.close()


def test_deleted_file_is_an_integrity_error(tmp_path: Path) -> None:
    spool = SqliteSpool(tmp_path / "spool", limits=ROOMY)
    capture = spool.accept(a_request(), [a_frame()])
    spool.path(capture.capture_id, "original.jpg").unlink()
    with pytest.raises(IntegrityError):
        spool.read(capture.capture_id, "original.jpg")
    spool.close()


def test_depth_counts_what_waits_and_how_long(spool: Spool, clock: HandClock) -> None:
    in_stage(spool, Stage.RECEIPTED, "r1")
    clock.ms += 5_000
    in_stage(spool, Stage.CUT, "r2")
    in_stage(spool, Stage.HELD, "r3")
    clock.ms += 7_000
    depth = spool.depth()
    assert depth.per_stage == {Stage.RECEIPTED: 1, Stage.CUT: 1, Stage.HELD: 1}
    assert depth.waiting == 2
    assert depth.oldest_s == 7.0
    assert depth.used_bytes == 3 * (len(PHOTO) + len(CUTOUT) + len("cutout.png"))
    assert depth.free_bytes > 0


def test_depth_of_an_empty_spool_is_nothing(spool: Spool) -> None:
    depth = spool.depth()
    assert (depth.per_stage, depth.waiting, depth.used_bytes, depth.oldest_s) == ({}, 0, 0, 0.0)


@pytest.mark.parametrize("stage", STORED_STAGES)
def test_only_what_is_not_on_its_way_can_be_purged(spool: Spool, root: Path, stage: Stage) -> None:
    capture = in_stage(spool, stage)
    if stage in ENDED | {Stage.HELD}:
        spool.purge(capture.capture_id)
        assert spool.get(capture.capture_id) is None
        assert spool.captures() == []
        assert spool.depth().per_stage == {}
        assert not (root / "captures" / capture.capture_id).exists()
    else:
        with pytest.raises(BadMessage, match="not delivered"):
            spool.purge(capture.capture_id)
        assert spool.read(capture.capture_id, "original.jpg") == PHOTO


def test_purged_request_is_not_photographed_again(spool: Spool) -> None:
    capture = in_stage(spool, Stage.RECEIPTED)
    spool.purge(capture.capture_id)
    known = spool.find_request("r1")
    assert known is not None and known.capture_id == capture.capture_id


def test_everything_is_there_after_reopening(root: Path, clock: HandClock) -> None:
    spool = SqliteSpool(root, limits=ROOMY, clock=clock)
    captures = [in_stage(spool, stage, f"r-{stage}") for stage in STORED_STAGES]
    receipts = [spool.receipt(capture.capture_id) for capture in captures]
    spool.close()
    spool = SqliteSpool(root, limits=ROOMY, clock=clock)
    assert spool.recovered == ()
    assert spool.captures() == captures
    assert [spool.receipt(capture.capture_id) for capture in captures] == receipts
    assert spool.check() == []
    spool.close()


def test_closed_spool_says_so_and_closes_twice(root: Path) -> None:
    spool = SqliteSpool(root, limits=ROOMY)
    spool.close()
    spool.close()
    with pytest.raises(SpoolError, match="closed"):
        spool.captures()


def test_two_threads_with_one_request_get_one_capture(spool: Spool) -> None:
    captures: list[Capture] = []
    barrier = threading.Barrier(8)

    def shoot(number: int) -> None:
        barrier.wait()
        captures.append(spool.accept(a_request(), [a_frame(b"photo %d" % number)]))

    threads = [threading.Thread(target=shoot, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(captures) == 8
    assert set(captures_ids(captures)) == {spool.captures()[0].capture_id}
    assert len(spool.captures()) == 1


def captures_ids(captures: list[Capture]) -> list[str]:
    return [capture.capture_id for capture in captures]


def test_threads_that_change_one_capture_leave_file_and_row_in_step(spool: Spool) -> None:
    capture = in_stage(spool, Stage.CUT)
    stages = [Stage.OFFERED, Stage.CLAIMED, Stage.HELD, Stage.CANCELLED, Stage.CUT]

    def change(offset: int) -> None:
        for number in range(10):
            spool.advance(capture.capture_id, stages[(number + offset) % len(stages)], f"by {offset}")

    threads = [threading.Thread(target=change, args=(offset,)) for offset in range(len(stages))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert spool.check() == []


def test_shutter_without_known_lag_is_kept_as_it_is(spool: Spool) -> None:
    frame = a_frame()
    unknown = type(frame)(frame.data, frame.media_type, Shutter(ShutterProof.UNKNOWN))
    capture = spool.accept(a_request(), [unknown])
    assert spool.frames(capture.capture_id) == (unknown,)
    assert capture.shutter == Shutter(ShutterProof.UNKNOWN, None)
