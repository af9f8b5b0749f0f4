"""From the cut to the receipt: which stage follows which, and what is stored with it."""

from pathlib import Path

import pytest

from packshot.domain import IN_DELIVERY, Decision, Stage
from packshot.errors import BadMessage
from packshot.messages import Receipt
from packshot.spool.port import CutRecord, NewArtefact, Spool
from tests.support.spool import CUTOUT, PHOTO, a_cut, a_frame, a_request, in_stage, receipt_for


@pytest.mark.parametrize(
    "decision, stage",
    [(Decision.PUBLISH, Stage.CUT), (Decision.HOLD, Stage.HELD), (Decision.EMPTY, Stage.EMPTY)],
)
def test_verdict_decides_the_stage_after_the_cut(spool: Spool, decision: Decision, stage: Stage) -> None:
    accepted = spool.accept(a_request(), [a_frame()])
    capture = spool.store_cut(accepted.capture_id, a_cut(decision=decision))
    assert capture.stage is stage
    assert capture.verdict is not None and capture.verdict.decision is decision
    assert (capture.engine, capture.bbox, capture.fill, capture.stage_ms) == ("cpu", (1, 2, 30, 20), 0.25, {"cut": 8.5})
    assert capture.reason == "; ".join(capture.verdict.reasons)
    assert spool.get(capture.capture_id) == capture


def test_artefacts_read_back_beside_the_original(spool: Spool) -> None:
    accepted = spool.accept(a_request(), [a_frame()])
    capture = spool.store_cut(accepted.capture_id, a_cut(names=("cutout.png", "mask.png")))
    assert [artefact.name for artefact in capture.artefacts] == ["original.jpg", "cutout.png", "mask.png"]
    assert [artefact.name for artefact in capture.deliverables()] == ["cutout.png", "mask.png"]
    assert spool.read(capture.capture_id, "mask.png") == CUTOUT + b"mask.png"
    assert spool.read(capture.capture_id, "original.jpg") == PHOTO


def test_held_capture_cut_again_has_the_new_artefacts_only(spool: Spool, root: Path) -> None:
    held = in_stage(spool, Stage.HELD)
    for generation in range(3):
        data = b"take %d" % generation
        capture = spool.store_cut(held.capture_id, a_cut(data, Decision.HOLD))
        assert spool.read(capture.capture_id, "cutout.png") == data + b"cutout.png"
        assert len(list((root / "captures" / held.capture_id).iterdir())) == 3  # original, cutout, sidecar


def test_cutout_of_a_capture_cancelled_meanwhile_is_not_stored(spool: Spool, root: Path) -> None:
    cancelled = in_stage(spool, Stage.CANCELLED)
    assert spool.store_cut(cancelled.capture_id, a_cut()) == cancelled
    assert not (root / "captures" / cancelled.capture_id / "cutout.png").exists()


@pytest.mark.parametrize(
    "artefacts",
    [
        [],
        [NewArtefact("../escape.png", "cutout", "image/png", b"x")],
        [NewArtefact("_capture.json", "cutout", "image/png", b"x")],
        [NewArtefact("cutout.png", "cutout", "image/png", b"x"), NewArtefact("cutout.png", "mask", "image/png", b"y")],
        [NewArtefact("original.jpg", "cutout", "image/png", b"x")],
        [NewArtefact("cutout.png", "original", "image/png", b"x")],
    ],
    ids=["nothing", "path", "sidecar", "twice", "the-original", "as-original"],
)
def test_artefacts_that_cannot_be_stored_leave_the_capture_alone(spool: Spool, artefacts: list[NewArtefact]) -> None:
    accepted = spool.accept(a_request(), [a_frame()])
    cut = a_cut()
    with pytest.raises(BadMessage):
        spool.store_cut(accepted.capture_id, CutRecord(artefacts, cut.verdict, "cpu", None, 0.0))
    assert spool.get(accepted.capture_id) == accepted


def test_figures_that_are_not_json_are_refused_before_anything_is_stored(spool: Spool) -> None:
    accepted = spool.accept(a_request(), [a_frame()])
    cut = a_cut()
    with pytest.raises(BadMessage):
        spool.store_cut(accepted.capture_id, CutRecord(cut.artefacts, cut.verdict, "cpu", None, float("nan")))
    assert spool.get(accepted.capture_id) == accepted


def test_stage_changes_with_its_reason(spool: Spool) -> None:
    capture = in_stage(spool, Stage.CUT)
    held = spool.advance(capture.capture_id, Stage.HELD, "too large for the broker")
    assert (held.stage, held.reason) == (Stage.HELD, "too large for the broker")
    assert spool.get(capture.capture_id) == held


def test_stage_stays_when_the_capture_is_elsewhere_already(spool: Spool) -> None:
    capture = in_stage(spool, Stage.CANCELLED)
    assert spool.advance(capture.capture_id, Stage.OFFERED, only_from=IN_DELIVERY) == capture


def test_delivered_capture_never_moves(spool: Spool) -> None:
    capture = in_stage(spool, Stage.RECEIPTED)
    for stage in (Stage.OFFERED, Stage.FAILED, Stage.CANCELLED, Stage.ACCEPTED):
        assert spool.advance(capture.capture_id, stage) == capture


@pytest.mark.parametrize("stage", [Stage.RECEIPTED, Stage.CAPTURED])
def test_nobody_declares_a_capture_delivered_by_hand(spool: Spool, stage: Stage) -> None:
    capture = in_stage(spool, Stage.CUT)
    with pytest.raises(ValueError, match="by hand"):
        spool.advance(capture.capture_id, stage)


def test_capture_without_cutout_cannot_be_offered(spool: Spool) -> None:
    capture = in_stage(spool, Stage.ACCEPTED)
    with pytest.raises(BadMessage, match="no files"):
        spool.advance(capture.capture_id, Stage.CUT)


def test_failed_capture_can_be_tried_again(spool: Spool) -> None:
    capture = in_stage(spool, Stage.FAILED)
    assert spool.advance(capture.capture_id, Stage.ACCEPTED).stage is Stage.ACCEPTED


def test_receipt_for_the_right_bytes_ends_the_delivery(spool: Spool) -> None:
    capture = in_stage(spool, Stage.CLAIMED)
    receipt = Receipt(
        {"cutout.png": capture.artefacts[1].sha256}, "folder", "A-1", "file:///shop/A-1", "2026-01-01", "u1"
    )
    ended = spool.record_receipt(capture.capture_id, receipt)
    assert ended.stage is Stage.RECEIPTED
    assert spool.receipt(capture.capture_id) == receipt


def test_second_receipt_changes_nothing(spool: Spool) -> None:
    capture = in_stage(spool, Stage.RECEIPTED)
    late = Receipt({}, "elsewhere", refused="too late")
    assert spool.record_receipt(capture.capture_id, late) == capture
    assert spool.receipt(capture.capture_id) == receipt_for(capture)


@pytest.mark.parametrize("sha256s", [{}, {"cutout.png": "0" * 64}, {"mask.png": "0" * 64}])
def test_receipt_for_other_bytes_is_refused(spool: Spool, sha256s: dict[str, str]) -> None:
    capture = in_stage(spool, Stage.CLAIMED)
    with pytest.raises(BadMessage, match="other files"):
        spool.record_receipt(capture.capture_id, Receipt(sha256s, "folder"))
    assert spool.get(capture.capture_id) == capture
    assert spool.receipt(capture.capture_id) is None


def test_receipt_for_a_part_of_the_artefacts_is_refused(spool: Spool) -> None:
    accepted = spool.accept(a_request(), [a_frame()])
    capture = spool.store_cut(accepted.capture_id, a_cut(names=("cutout.png", "mask.png")))
    with pytest.raises(BadMessage):
        spool.record_receipt(capture.capture_id, Receipt({"mask.png": capture.artefacts[2].sha256}, "folder"))


def test_capture_without_cutout_cannot_be_receipted(spool: Spool) -> None:
    capture = in_stage(spool, Stage.ACCEPTED)
    with pytest.raises(BadMessage):
        spool.record_receipt(capture.capture_id, Receipt({}, "folder"))


def test_permanent_refusal_by_the_storefront_is_kept_with_its_reason(spool: Spool) -> None:
    capture = in_stage(spool, Stage.CLAIMED)
    refused = spool.record_receipt(capture.capture_id, Receipt({}, "http", refused="no such product"))
    assert (refused.stage, refused.reason) == (Stage.REFUSED, "no such product")
    receipt = spool.receipt(capture.capture_id)
    assert receipt is not None and receipt.refused == "no such product"


def test_late_refusal_does_not_stop_a_capture_that_is_cut_again(spool: Spool) -> None:
    capture = in_stage(spool, Stage.HELD)
    assert spool.record_receipt(capture.capture_id, Receipt({}, "http", refused="old news")) == capture


def test_picture_in_the_shop_counts_although_it_was_cancelled_meanwhile(spool: Spool) -> None:
    capture = in_stage(spool, Stage.CLAIMED)
    spool.advance(capture.capture_id, Stage.CANCELLED)
    assert spool.record_receipt(capture.capture_id, receipt_for(capture)).stage is Stage.RECEIPTED
