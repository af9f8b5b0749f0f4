"""Messages too large for a broker: parts are cut smaller, and what fits no broker fails alone."""

from dataclasses import replace
from pathlib import Path

import msgspec

from packshot.domain import Capture, Stage
from packshot.messages import Offer, encode
from packshot.outbox.offers import make_offer
from tests.fakes.bus import SentMessage
from tests.outbox.desk import SETTINGS, Desk, offer_topic, parts


def test_a_part_that_loses_the_link_again_and_again_is_cut_smaller_and_in_the_end_fails(desk: Desk) -> None:
    capture = desk.cut(size=1000)
    counts: list[int] = []
    for _ in range(100):
        for topic in desk.turn(0.1):
            if topic.startswith("offer/"):
                offer = msgspec.json.decode(desk.bus.sent[-1].payload, type=Offer)
                counts.append(offer.artefacts[0].parts)
                desk.bus.settle_all()
                desk.claim(capture)
            else:
                desk.bus.reconnect()
        if desk.stage(capture) is Stage.FAILED:
            break
    assert counts == [1, 2, 4, 8, 10]
    assert desk.announced[-1][1] is Stage.FAILED
    assert "check the broker's message size limit" in desk.announced[-1][2]


def test_a_capture_in_large_parts_is_not_failed_because_those_of_another_became_smaller_first(tmp_path: Path) -> None:
    """A broker that takes 500 bytes and does not say so; both captures were claimed in parts of 1000."""
    desk = Desk(tmp_path, replace(SETTINGS, min_part_bytes=500))
    captures = [desk.cut(size=2000), desk.cut(size=2000)]
    offered: dict[str, int] = {}
    for _ in range(40):
        for topic in desk.turn(0.1):
            message = desk.bus.sent[-1]
            if topic.startswith("offer/"):
                offered[topic] = msgspec.json.decode(message.payload, type=Offer).artefacts[0].parts
            if len(message.payload) > 500 and not topic.startswith("offer/"):
                desk.bus.reconnect()
                break
            desk.bus.settle_all()
            for capture in captures:
                desk.claim(capture)
    assert Stage.FAILED not in {desk.stage(capture) for capture in captures}
    assert set(offered.values()) == {4}


def test_an_artefact_that_no_number_of_parts_can_carry_fails_its_capture(tmp_path: Path) -> None:
    desk = Desk(tmp_path, max_message_bytes=2)
    capture = desk.cut(size=2 * 4096 + 1)
    assert desk.turn() == []
    assert desk.stage(capture) is Stage.FAILED
    assert "max_message_bytes" in desk.announced[-1][2]


def test_an_offer_over_the_limit_that_the_broker_announces_fails_and_lets_others_pass(desk: Desk) -> None:
    large, small = desk.cut(sku="A" * 60), desk.cut(sku="B")
    desk.bus.max_message_bytes = len(encode(make_offer(small, 100, 1000, 30))) + 20
    assert desk.turn() == [offer_topic(small)]
    assert desk.stage(large) is Stage.FAILED
    assert "over the broker's limit" in desk.announced[-2][2]


def test_a_broker_that_comes_back_with_a_smaller_limit_gets_smaller_parts(desk: Desk) -> None:
    capture = desk.cut(size=2000)
    desk.turn()
    desk.bus.settle_all()
    desk.claim(capture)
    assert desk.turn() == parts(capture, range(2), 2)
    desk.bus.max_message_bytes = 700
    desk.bus.reconnect()
    assert desk.turn() == [offer_topic(capture)]
    desk.bus.settle_all()
    desk.claim(capture)
    sent = desk.turn()
    while len(sent) < 3:
        desk.bus.settle_all()
        sent += desk.turn()
    assert sent == parts(capture, range(3), 3)


def test_a_limit_that_is_met_by_one_claim_after_the_other_is_found_out(tmp_path: Path) -> None:
    """Parts are acknowledged and never arrive; each uploader gives up before one claim alone could convict them."""
    desk = Desk(tmp_path, replace(SETTINGS, max_disconnects=5))
    capture = desk.cut(size=2000)
    counts = [missed_by_one_claimant(desk, capture) for _ in range(3)]
    assert counts == [2, 2, 4], "2 + 2 + 1 times, then smaller parts"


def missed_by_one_claimant(desk: Desk, capture: Capture) -> int:
    """Offer, claim, two complaints, silence; the parts in the last offer."""
    while not (topics := desk.turn(10.0)) or not topics[-1].startswith("offer/"):
        desk.bus.settle_all()
    desk.bus.settle_all()
    for stalled in (False, True, True):
        desk.time += 3
        desk.claim(capture, stalled=stalled)
        desk.turn()
        desk.bus.settle_all()
    (offered,) = [message for message in desk.bus.sent if message.topic.endswith(offer_topic(capture))][-1:]
    return msgspec.json.decode(offered.payload, type=Offer).artefacts[0].parts


def test_a_broker_that_drops_some_of_many_parts_is_not_taken_for_one_with_a_limit(tmp_path: Path) -> None:
    """Its queue takes one message at a time; whatever arrives shows that parts of that size get through."""
    desk = Desk(tmp_path, replace(SETTINGS, max_disconnects=2, window=8, ahead=8))
    capture = desk.cut(size=6000)
    desk.turn()
    desk.bus.settle_all()
    desk.claim(capture)
    for arrived in range(6):
        desk.turn()
        desk.bus.settle_all()
        desk.time += 3
        desk.claim(capture, have=((0, arrived),), stalled=arrived < 5)
    assert [topic for topic in map(topic_of, desk.bus.sent) if topic.startswith("offer/")] == [offer_topic(capture)]
    desk.receipt(capture)
    assert desk.stage(capture) is Stage.RECEIPTED


def topic_of(message: SentMessage) -> str:
    return message.topic.removeprefix("packshot/box/")
