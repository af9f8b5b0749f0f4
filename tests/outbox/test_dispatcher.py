"""The dispatcher turn by turn, with a clock and a bus in the test's hands."""

import itertools

import msgspec
import pytest

from packshot.bus.port import Incoming, Outcome
from packshot.domain import Stage
from packshot.errors import BadMessage
from packshot.messages import Offer, Receipt, encode
from tests.outbox.desk import Desk, offer_topic, parts


def test_only_so_many_captures_are_offered_at_once(desk: Desk) -> None:
    captures = [desk.cut() for _ in range(4)]
    assert desk.turn() == [offer_topic(capture) for capture in captures[:2]]
    desk.bus.settle_all()
    desk.receipt(captures[0])
    assert desk.turn() == [offer_topic(captures[2])]


def test_of_one_sku_and_angle_the_retake_waits_for_the_first(desk: Desk) -> None:
    first, second = desk.cut(sku="A-1"), desk.cut(sku="A-1")
    assert desk.turn() == [offer_topic(first)]
    desk.bus.settle_all()
    desk.receipt(first)
    assert desk.turn() == [offer_topic(second)]


def test_an_offer_tells_the_parts_and_expires(desk: Desk) -> None:
    desk.cut(size=2500)
    desk.turn()
    offer = msgspec.json.decode(desk.bus.sent[0].payload, type=Offer)
    assert [(each.name, each.bytes, each.parts) for each in offer.artefacts] == [("picture.webp", 2500, 3)]
    assert offer.lease_s == 30
    assert desk.bus.sent[0].expiry_s == 61


def test_parts_follow_a_claim_and_are_paced_by_what_the_claimant_says(desk: Desk) -> None:
    capture = desk.cut(size=10_000)
    desk.turn()
    desk.bus.settle_all()
    desk.claim(capture)
    assert desk.turn() == parts(capture, range(4), 10)
    desk.bus.settle_all()
    assert desk.turn(0.1) == [], "four are ahead of what it has confirmed"
    desk.claim(capture, have=((0, 2),))
    assert desk.turn() == parts(capture, range(4, 7), 10)
    desk.bus.settle_all()
    assert desk.turn(2.0) == parts(capture, range(7, 10), 10), "a claimant that never reports gets them all the same"


def test_a_claim_that_has_parts_already_gets_only_the_rest(desk: Desk) -> None:
    capture = desk.cut(size=5000)
    desk.turn()
    desk.bus.settle_all()
    desk.claim(
        capture,
        have=(
            (0, 1),
            (3, 3),
        ),
    )
    assert desk.turn() == [*parts(capture, range(2, 3), 5), *parts(capture, range(4, 5), 5)]


def test_a_second_claimant_is_ignored_while_the_first_has_its_lease(desk: Desk) -> None:
    capture = desk.cut(size=100)
    desk.turn()
    desk.bus.settle_all()
    desk.claim(capture, "first")
    assert len(desk.turn()) == 1
    desk.bus.settle_all()
    desk.claim(capture, "second")
    assert desk.turn() == []


def test_a_claim_without_progress_runs_out_and_the_offer_is_repeated(desk: Desk) -> None:
    capture = desk.cut(size=100)
    desk.turn()
    desk.bus.settle_all()
    desk.claim(capture)
    desk.turn()
    desk.bus.settle_all()
    assert desk.turn(29.0) == []
    desk.claim(capture)
    assert desk.turn(29.0) == [], "renewed"
    assert desk.turn(2.0) == [], "void; a moment of jitter before the next offer"
    assert desk.turn(8.0) == [offer_topic(capture)]


def test_what_a_stalled_claimant_lacks_is_sent_again(desk: Desk) -> None:
    capture = desk.cut(size=3000)
    desk.turn()
    desk.bus.settle_all()
    desk.claim(capture)
    desk.turn()
    desk.bus.settle_all()
    desk.time += 5
    desk.claim(
        capture,
        have=(
            (0, 0),
            (2, 2),
        ),
        stalled=True,
    )
    assert desk.turn() == parts(capture, range(1, 2), 3)


def test_an_uploader_that_lost_everything_gets_everything_again(desk: Desk) -> None:
    capture = desk.cut(size=3000)
    desk.turn()
    desk.bus.settle_all()
    desk.claim(capture)
    desk.turn()
    desk.bus.settle_all()
    desk.claim(capture, have=((0, 2),))
    desk.claim(capture, stalled=True)
    assert desk.turn() == parts(capture, range(3), 3)


def test_parts_that_were_under_way_when_the_link_broke_are_sent_again(desk: Desk) -> None:
    capture = desk.cut(size=2000)
    desk.turn()
    desk.bus.settle_all()
    desk.claim(capture)
    assert len(desk.turn()) == 2
    desk.bus.reconnect()
    again = desk.turn()
    assert len(again) == 1, "one at a time after a loss"
    desk.bus.settle_all()
    assert sorted([*again, *desk.turn()]) == parts(capture, range(2), 2)


def test_what_the_claimant_has_although_its_puback_was_lost_is_not_sent_again(desk: Desk) -> None:
    capture = desk.cut(size=4000)
    desk.turn()
    desk.bus.settle_all()
    desk.claim(capture)
    assert desk.turn() == parts(capture, range(4), 4)
    desk.bus.reconnect()
    desk.claim(capture, have=((0, 2),))
    assert desk.turn() == parts(capture, range(3, 4), 4)


def test_while_nobody_listens_offers_are_repeated_soon_and_then_more_slowly(desk: Desk) -> None:
    capture = desk.cut()
    pauses = []
    for _ in range(7):
        began = desk.time
        while not desk.turn(0.05):
            pass
        pauses.append(desk.time - began)
        desk.bus.settle_all(Outcome.UNHEARD)
    assert pauses[1] < 1.1
    assert all(later >= earlier for earlier, later in itertools.pairwise(pauses))
    assert pauses[-1] < 31
    assert desk.stage(capture) is Stage.OFFERED


def test_an_offer_that_nobody_takes_makes_room_for_others(desk: Desk) -> None:
    """Two places, both with captures that no uploader wants; the third must get its turn."""
    stuck = [desk.cut(), desk.cut()]
    desk.turn()
    desk.bus.settle_all()
    third = desk.cut()
    offered: list[str] = []
    for _ in range(40):
        offered += desk.turn(10.0)
        desk.bus.settle_all()
        if offer_topic(third) in offered:
            break
    assert offer_topic(third) in offered
    desk.receipt(third)
    later: list[str] = []
    for _ in range(40):
        later += desk.turn(10.0)
        desk.bus.settle_all()
    assert {offer_topic(capture) for capture in stuck} <= set(later), "they are offered again when there is room"


def test_a_receipt_with_other_hashes_is_ignored(desk: Desk) -> None:
    capture, other = desk.cut(), desk.cut()
    desk.turn()
    acknowledged: list[bool] = []
    receipt = Receipt(sha256s={"picture.webp": other.deliverables()[0].sha256}, target="folder")
    topic = f"packshot/box/receipt/{capture.capture_id}"
    desk.dispatcher.on_receipt(Incoming(topic, encode(receipt), acknowledge=lambda: acknowledged.append(True)))
    assert desk.stage(capture) is Stage.OFFERED
    assert acknowledged


def test_a_receipt_is_acknowledged_only_after_the_spool_has_it(desk: Desk) -> None:
    capture = desk.cut()
    desk.turn()
    seen: list[Stage] = []
    receipt = Receipt(sha256s={each.name: each.sha256 for each in capture.deliverables()}, target="folder")
    topic = f"packshot/box/receipt/{capture.capture_id}"
    incoming = Incoming(topic, encode(receipt), acknowledge=lambda: seen.append(desk.stage(capture)))
    desk.dispatcher.on_receipt(incoming)
    assert seen == [Stage.RECEIPTED]


def test_the_stages_are_announced_once_each(desk: Desk) -> None:
    capture = desk.cut()
    desk.turn()
    desk.bus.settle_all()
    desk.turn(60)
    desk.claim(capture)
    desk.claim(capture)
    desk.receipt(capture)
    desk.receipt(capture)
    assert [stage for _, stage, _ in desk.announced] == [Stage.OFFERED, Stage.CLAIMED, Stage.RECEIPTED]


def test_a_refusal_ends_the_capture_with_its_reason(desk: Desk) -> None:
    capture = desk.cut()
    desk.turn()
    desk.receipt(capture, refused="unknown product")
    assert desk.stage(capture) is Stage.REFUSED
    assert desk.announced[-1] == (capture.capture_id, Stage.REFUSED, "unknown product")


def test_a_receipt_for_a_capture_that_failed_meanwhile_counts(desk: Desk) -> None:
    capture = desk.cut()
    desk.turn()
    desk.spool.advance(capture.capture_id, Stage.FAILED, "gave up too early")
    desk.receipt(capture)
    assert desk.stage(capture) is Stage.RECEIPTED
    assert desk.announced[-1][1] is Stage.RECEIPTED


def test_a_receipt_for_a_capture_that_nobody_knows_is_ignored(desk: Desk) -> None:
    capture = desk.cut()
    desk.turn()
    desk.spool.advance(capture.capture_id, Stage.CANCELLED)
    desk.spool.purge(capture.capture_id)
    desk.receipt(capture)
    assert [stage for _, stage, _ in desk.announced] == [Stage.OFFERED]


@pytest.mark.parametrize("payload", [b"", b"{}", b"[1]", b'{"uploader_id": "../x"}', b"\xff" * 10, b"x" * 100_000])
def test_a_claim_that_is_none_changes_nothing(desk: Desk, payload: bytes) -> None:
    capture = desk.cut()
    desk.turn()
    with pytest.raises(BadMessage):
        desk.dispatcher.on_claim(Incoming(f"packshot/box/claim/{capture.capture_id}", payload))
    assert desk.stage(capture) is Stage.OFFERED


def test_nothing_is_sent_while_the_link_is_down(desk: Desk) -> None:
    desk.cut()
    desk.bus.connected = False
    assert desk.turn() == []
    assert desk.dispatcher.next_due() == float("inf")
    desk.bus.connected = True
    assert len(desk.turn()) == 1
