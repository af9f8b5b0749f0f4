"""Deliveries over brokers that speak MQTT 3.1.1 only: no shared subscriptions, no expiry, no word about sizes."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.delivery import Rig
from tests.support.peer_brokers import AedesBroker, PeerBroker, RabbitBroker
from tests.support.waiting import eventually

pytestmark = [pytest.mark.slow, pytest.mark.faults, pytest.mark.timeout(300)]


@pytest.fixture(params=[AedesBroker, RabbitBroker], ids=["aedes", "rabbitmq"])
def broker(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[PeerBroker]:
    with request.param(tmp_path) as running:
        yield running


@pytest.fixture
def rig(tmp_path: Path, broker: PeerBroker) -> Iterator[Rig]:
    made = Rig(tmp_path, broker)
    yield made
    made.close()


def cut_many(rig: Rig, count: int) -> dict[str, bytes]:
    """Captures of several parts each; what the shop should show in the end."""
    pictures = {f"S-{number}": os.urandom(100_000 + number) for number in range(count)}
    for sku, data in pictures.items():
        rig.cut({"picture.webp": data, "mask.png": data[:10]}, sku=sku)
    shown = {f"{sku}/{sku}_0.webp": data for sku, data in pictures.items()}
    return shown | {f"{sku}/{sku}_0.mask.png": data[:10] for sku, data in pictures.items()}


def test_two_uploaders_and_a_broker_that_is_killed_end_with_every_picture_once(rig: Rig) -> None:
    small = {"max_message_bytes": 16 * 1024}
    uploaders = [rig.uploader(f"shop-{number}", mqtt=small).start() for number in range(2)]
    box = rig.box(mqtt=small).start()
    expected = cut_many(rig, 6)
    rig.wait_receipted(rig.spool.captures()[:2], timeout_s=60)
    assert box.bus.protocol == uploaders[0].bus.protocol == "3.1.1"
    rig.broker.restart()
    eventually(lambda: box.bus.connected, "the link to come back", timeout_s=60)
    rig.wait_receipted(rig.spool.captures(), timeout_s=90)
    assert rig.pictures() == expected
    assert not list(rig.shop.rglob(".superseded"))
