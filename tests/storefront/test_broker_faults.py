"""What brokers and networks do to a delivery, and that every picture arrives all the same, once."""

import os
import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from packshot.bus.mqtt import MqttBus
from packshot.domain import Stage
from packshot.messages import Receipt, decode, encode, part_topic
from packshot.outbox.offers import make_offer
from packshot.parts import part_span
from tests.support.delivery import ROOT, Rig
from tests.support.mosquitto import Broker
from tests.support.proxy import Proxy
from tests.support.waiting import eventually

pytestmark = pytest.mark.faults


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    with Broker(tmp_path) as running:
        yield running


@pytest.fixture
def rig(tmp_path: Path, broker: Broker) -> Iterator[Rig]:
    made = Rig(tmp_path, broker)
    yield made
    made.close()


def rig_on(tmp_path: Path, *options: str) -> tuple[Broker, Rig]:
    broker = Broker(tmp_path / "special", global_options=options)
    broker.start()
    return broker, Rig(tmp_path, broker)


def test_a_broker_killed_in_the_middle_of_the_parts_comes_back_empty(broker: Broker, rig: Rig) -> None:
    data = os.urandom(6_000_000)
    box = rig.box(mqtt={"max_message_bytes": 32 * 1024}).start()
    uploader = rig.uploader().start()
    capture = rig.cut({"picture.webp": data}, sku="A-1")
    eventually(lambda: list(uploader.work.rglob("*.have")), "the first part")
    for _ in range(3):
        broker.restart()
        eventually(lambda: box.bus.connected and uploader.bus.connected)
    rig.wait_receipted([capture])
    assert rig.pictures() == {"A-1/A-1_0.webp": data}


@pytest.mark.slow
def test_random_kills_of_a_broker_at_its_defaults_lose_nothing(broker: Broker, rig: Rig) -> None:
    seeded = random.Random(7)
    rig.box(mqtt={"max_message_bytes": 16 * 1024}).start()
    rig.uploader().start()
    captures = [rig.cut({"picture.webp": os.urandom(200_000)}, sku=f"S-{number}") for number in range(40)]
    for _ in range(12):
        time.sleep(seeded.uniform(0.05, 0.6))
        broker.kill()
        time.sleep(seeded.uniform(0.0, 0.3))
        broker.start()
    rig.wait_receipted(captures, timeout_s=90)
    assert len(rig.pictures()) == 40


@pytest.mark.slow
def test_hundreds_of_captures_wait_while_the_broker_is_down(broker: Broker, rig: Rig) -> None:
    box = rig.box().start()
    rig.uploader().start()
    broker.kill()
    captures = [rig.cut({"picture.webp": b"%d" % number}, sku=f"S-{number}") for number in range(300)]
    eventually(lambda: "nothing listens" in box.bus.problem)
    broker.start()
    rig.wait_receipted(captures, timeout_s=120)
    assert rig.pictures() == {f"S-{number}/S-{number}_0.webp": b"%d" % number for number in range(300)}


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
@pytest.mark.parametrize("option", ["message_size_limit 20000", "max_packet_size 20000"])
def test_parts_shrink_until_they_fit_a_limit_that_nobody_told_us(tmp_path: Path, protocol: str, option: str) -> None:
    """On 3.1.1 the first is dropped in silence, the second disconnects; version 5 disconnects or announces."""
    broker, rig = rig_on(tmp_path, option)
    mqtt: dict[str, Any] = {"protocol": protocol}
    rig.box(mqtt=mqtt | {"max_message_bytes": 64 * 1024}, max_disconnects=2).start()
    rig.uploader(mqtt=mqtt).start()
    data = os.urandom(150_000)
    capture = rig.cut({"picture.webp": data}, sku="A-1")
    rig.wait_receipted([capture], timeout_s=60)
    assert rig.pictures() == {"A-1/A-1_0.webp": data}
    rig.close()
    broker.stop()


def test_a_silent_limit_is_found_out_although_each_claim_is_given_up_before(tmp_path: Path) -> None:
    """With the default patience: a claimant complains four times within 1.5 leases, and the fifth convicts."""
    broker, rig = rig_on(tmp_path, "message_size_limit 20000")
    rig.box(mqtt={"protocol": "3.1.1"}, lease_s=1.0).start()
    rig.uploader(mqtt={"protocol": "3.1.1"}).start()
    data = os.urandom(30_000)
    rig.wait_receipted([rig.cut({"picture.webp": data}, sku="A-1")], timeout_s=60)
    assert rig.pictures() == {"A-1/A-1_0.webp": data}
    rig.close()
    broker.stop()


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_a_capture_whose_smallest_parts_lose_us_the_link_is_quarantined(tmp_path: Path, protocol: str) -> None:
    broker, rig = rig_on(tmp_path, "message_size_limit 5000")
    mqtt: dict[str, Any] = {"protocol": protocol}
    rig.box(mqtt=mqtt | {"max_message_bytes": 16 * 1024}, max_disconnects=2).start()
    rig.uploader(mqtt=mqtt).start()
    large = rig.cut({"picture.webp": os.urandom(50_000)}, sku="A-1")
    small = rig.cut({"picture.webp": b"small"}, sku="A-2")
    rig.wait_receipted([small])
    rig.wait_stage([large], Stage.FAILED, timeout_s=60)
    found = rig.spool.get(large.capture_id)
    assert found is not None
    assert "check the broker's message size limit" in found.reason
    later = rig.cut({"picture.webp": b"later"}, sku="A-3")
    rig.wait_receipted([later])
    rig.close()
    broker.stop()


def test_an_offer_over_the_broker_s_limit_is_quarantined(tmp_path: Path) -> None:
    broker, rig = rig_on(tmp_path, "message_size_limit 300")
    rig.box(max_disconnects=2).start()
    rig.uploader().start()
    capture = rig.cut({"picture.webp": b"x"}, sku="A-1")
    rig.wait_stage([capture], Stage.FAILED, timeout_s=60)
    found = rig.spool.get(capture.capture_id)
    assert found is not None
    assert found.reason.startswith("the offer lost us the broker 2 times in a row")
    rig.close()
    broker.stop()


def test_a_thief_of_our_client_id_delays_a_delivery_and_does_not_break_it(broker: Broker, rig: Rig) -> None:
    box = rig.box(mqtt={"max_message_bytes": 16 * 1024, "takeover_backoff_s": 0.5}).start()
    rig.uploader().start()
    data = os.urandom(3_000_000)
    capture = rig.cut({"picture.webp": data}, sku="A-1")
    eventually(lambda: Stage.CLAIMED in box.stages(capture))
    thief = MqttBus(broker.settings("packshot-studio-1", takeover_backoff_s=0.5))
    thief.start(lambda: None)
    eventually(lambda: box.bus.connects >= 3)
    thief.close()
    rig.wait_receipted([capture])
    assert rig.pictures() == {"A-1/A-1_0.webp": data}


def test_parts_that_come_twice_and_in_any_order_make_the_picture(broker: Broker, rig: Rig) -> None:
    rig.uploader().start()
    data = os.urandom(10_000)
    capture = rig.cut({"picture.webp": data}, sku="A-1")
    hand = MqttBus(broker.settings("hand"))
    hand.start(lambda: None)
    claims: list[bytes] = []
    receipts: list[bytes] = []
    hand.subscribe(f"{ROOT}/claim/+", lambda incoming: claims.append(incoming.payload))
    hand.subscribe(f"{ROOT}/receipt/+", lambda incoming: receipts.append(incoming.payload))
    eventually(lambda: hand.connected)
    offer = make_offer(capture, 1000, 1000, 5.0)
    for _ in range(3):
        hand.publish(f"{ROOT}/offer/{capture.capture_id}", encode(offer)).wait(5)
    eventually(lambda: claims)
    order = [*range(10), *range(10)]
    random.Random(3).shuffle(order)
    for part in order:
        start, end = part_span(len(data), part, 10)
        topic = f"{ROOT}/{part_topic(capture.capture_id, 'picture.webp', part, 10)}"
        hand.publish(topic, data[start:end])
    eventually(lambda: receipts)
    assert rig.pictures() == {"A-1/A-1_0.webp": data}
    hand.publish(f"{ROOT}/offer/{capture.capture_id}", encode(offer))
    eventually(lambda: len(receipts) >= 2)
    first, again = (decode(payload, Receipt) for payload in (receipts[0], receipts[-1]))
    assert first == again, "an offer that comes after all is answered with the same receipt"
    hand.close()


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_forty_captures_cross_a_network_of_one_megabit_that_is_cut_every_few_seconds(broker: Broker, rig: Rig) -> None:
    """Both ends are behind it. What is sent again is what was under way, not what had arrived."""
    megabit = 1_000_000 / 8
    with (
        Proxy(broker.port, bytes_per_s=megabit, cut_every_s=3.0, seed=1) as here,
        Proxy(broker.port, bytes_per_s=megabit, cut_every_s=3.0, seed=2) as there,
    ):
        small = {"max_message_bytes": 16 * 1024}
        rig.box(lease_s=10.0, mqtt=small | {"port": here.port}).start()
        uploader = rig.uploader(mqtt=small | {"port": there.port}).start()
        pictures = {f"S-{number}/S-{number}_0.webp": os.urandom(150_000) for number in range(40)}
        captures = [rig.cut({"picture.webp": data}, sku=name.split("/")[0]) for name, data in pictures.items()]
        began = time.monotonic()
        rig.wait_receipted(captures, timeout_s=300)
        seconds = time.monotonic() - began
    needed = 40 * 150_000
    print(f"{seconds:.0f} s, {here.cuts} and {there.cuts} cuts, sent {here.carried[0] / needed:.2f} times")
    assert rig.pictures() == pictures
    assert not list(uploader.work.rglob("*.data")), "nothing is left in the work folder"
    assert min(here.cuts, there.cuts) >= 10
    assert here.carried[0] < 1.5 * needed, "a whole picture sent again at each cut would be far more"


def test_parts_that_arrived_before_an_uploader_was_killed_are_not_sent_again(rig: Rig, tmp_path: Path) -> None:
    with Proxy(rig.broker.port, bytes_per_s=1_500_000) as proxy:
        box = rig.box(mqtt={"port": proxy.port, "max_message_bytes": 16 * 1024}).start()
        first = rig.uploader("shop-1").start()
        data = os.urandom(3_000_000)
        capture = rig.cut({"picture.webp": data}, sku="A-1")
        eventually(lambda: any(sum(path.read_bytes()) > 60 for path in first.work.rglob("*.have")), "60 parts")
        first.close()
        rig.uploaders.remove(first)
        held = sum(sum(path.read_bytes()) for path in first.work.rglob("*.have"))
        counted: list[str] = []
        ear = MqttBus(rig.broker.settings("ear"))
        ear.subscribe(f"{ROOT}/cutout/+/+/+/+", lambda incoming: counted.append(incoming.topic))
        ear.start(lambda: None)
        eventually(lambda: ear.connected)
        rig.uploader("shop-1").start()
        rig.wait_receipted([capture])
        parts = len(data) / (16 * 1024)
        assert len(set(counted)) <= parts - held + 60, "only what was missing or under way"
        assert rig.pictures() == {"A-1/A-1_0.webp": data}
        ear.close()
        assert box.stages(capture)[-1] is Stage.RECEIPTED
