"""From the spool to the shop over a real broker: the whole road of an offer."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from packshot.domain import Stage
from tests.support.delivery import Rig
from tests.support.mosquitto import Broker
from tests.support.waiting import eventually


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    with Broker(tmp_path) as running:
        yield running


@pytest.fixture
def rig(tmp_path: Path, broker: Broker) -> Iterator[Rig]:
    made = Rig(tmp_path, broker)
    yield made
    made.close()


def test_a_capture_ends_in_the_storefront_with_a_receipt(rig: Rig) -> None:
    picture, cutout = os.urandom(700_000), os.urandom(300_000)
    capture = rig.spool.add_cut({"picture.webp": picture, "cutout.png": cutout}, sku="A-1", angle=2)
    rig.uploader().start()
    box = rig.box().start()
    rig.wait_receipted([capture])
    assert rig.pictures() == {"A-1/A-1_2.webp": picture, "A-1/A-1_2.cutout.png": cutout}
    receipt = rig.spool.receipt(capture.capture_id)
    assert receipt is not None
    assert receipt.sha256s == {each.name: each.sha256 for each in capture.deliverables()}
    assert receipt.storefront_id == "A-1/A-1_2.webp"
    assert receipt.uploader_id == "shop-1"
    eventually(lambda: box.stages(capture) == [Stage.OFFERED, Stage.CLAIMED, Stage.RECEIPTED])


def test_many_captures_are_delivered_a_few_at_a_time(rig: Rig) -> None:
    captures = [rig.spool.add_cut({"picture.webp": os.urandom(50_000)}, sku=f"S-{number}") for number in range(30)]
    rig.uploader().start()
    rig.box().start()
    rig.wait_receipted(captures)
    assert len(rig.pictures()) == 30
