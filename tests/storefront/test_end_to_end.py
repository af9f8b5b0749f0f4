"""From the spool to the shop over a real broker: the whole road of an offer."""

import gc
import os
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest

from packshot.bus.port import Incoming
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
    capture = rig.cut({"picture.webp": picture, "cutout.png": cutout}, sku="A-1", angle=2)
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
    captures = [rig.cut({"picture.webp": os.urandom(50_000)}, sku=f"S-{number}") for number in range(30)]
    rig.uploader().start()
    rig.box().start()
    rig.wait_receipted(captures)
    assert len(rig.pictures()) == 30


def test_captures_that_were_waiting_before_a_restart_are_offered_again(rig: Rig) -> None:
    capture = rig.cut({"picture.webp": b"1" * 1000}, sku="A-1")
    first = rig.box().start()
    eventually(lambda: Stage.OFFERED in first.stages(capture))
    first.close()
    rig.uploader().start()
    rig.box().start()
    rig.wait_receipted([capture])


def test_an_empty_artefact_and_a_capture_without_sku_are_delivered(rig: Rig) -> None:
    capture = rig.cut({"picture.webp": b"x", "empty.png": b""})
    rig.uploader().start()
    rig.box().start()
    rig.wait_receipted([capture])
    name = f"{capture.capture_id}/{capture.capture_id}_0"
    assert rig.pictures() == {f"{name}.webp": b"x", f"{name}.empty.png": b""}


def test_a_retake_replaces_the_former_picture(rig: Rig) -> None:
    rig.uploader().start()
    rig.box().start()
    first = rig.cut({"picture.webp": b"first"}, sku="A-1")
    second = rig.cut({"picture.webp": b"second"}, sku="A-1")
    rig.wait_receipted([first, second])
    assert rig.pictures() == {"A-1/A-1_0.webp": b"second"}
    former = rig.shop / "A-1" / ".superseded" / first.capture_id / "A-1_0.webp"
    assert former.read_bytes() == b"first"


def test_all_arrive_after_the_uploader_was_away_the_whole_time(rig: Rig) -> None:
    rig.box().start()
    captures = [rig.cut({"picture.webp": os.urandom(1000)}, sku=f"S-{number}") for number in range(12)]
    eventually(lambda: len(rig.spool.captures([Stage.OFFERED])) == 4)
    rig.uploader().start()
    rig.wait_receipted(captures)
    assert len(rig.pictures()) == 12


def test_the_storefront_s_refusal_ends_the_capture_and_leaves_a_dead_letter(rig: Rig) -> None:
    letters: list[Incoming] = []
    rig.box().start()
    reader = rig.uploader("reader")
    reader.bus.subscribe("packshot/uploader/+/dead/+", letters.append)
    reader.bus.start(lambda: None)
    rig.uploader(max_capture_bytes=100).start()
    capture = rig.cut({"picture.webp": b"x" * 101}, sku="A-1")
    rig.wait_stage([capture], Stage.REFUSED)
    found = rig.spool.get(capture.capture_id)
    assert found is not None
    assert "over this uploader's limit" in found.reason
    eventually(lambda: letters)
    assert letters[0].topic == f"packshot/uploader/shop-1/dead/{capture.capture_id}"
    assert rig.pictures() == {}


def test_a_cancelled_capture_is_not_offered_any_more(rig: Rig) -> None:
    box = rig.box().start()
    capture = rig.cut({"picture.webp": b"x"}, sku="A-1")
    eventually(lambda: Stage.OFFERED in box.stages(capture))
    rig.spool.advance(capture.capture_id, Stage.CANCELLED, "by a person")
    rig.uploader().start()
    after = rig.cut({"picture.webp": b"y"}, sku="A-2")
    rig.wait_receipted([after])
    assert rig.pictures() == {"A-2/A-2_0.webp": b"y"}


def test_a_damaged_file_on_the_box_fails_its_capture_and_no_other(rig: Rig) -> None:
    bad = rig.cut({"picture.webp": b"x" * 5000}, sku="A-1")
    good = rig.cut({"picture.webp": b"y" * 5000}, sku="A-2")
    path = rig.spool.path(bad.capture_id, "picture.webp")
    path.chmod(0o600)
    path.write_bytes(b"z" * 5000)
    rig.uploader().start()
    rig.box().start()
    rig.wait_receipted([good])
    rig.wait_stage([bad], Stage.FAILED)
    found = rig.spool.get(bad.capture_id)
    assert found is not None
    assert "sha256" in found.reason


@pytest.mark.slow
def test_a_capture_of_hundreds_of_megabytes_needs_little_memory_on_either_side(broker: Broker, tmp_path: Path) -> None:
    size = 200_000_000
    rig = Rig(tmp_path, broker)
    capture = rig.cut({"picture.webp": b"start" + bytes(size) + b"end"}, sku="A-1")
    gc.collect()
    tracemalloc.start()
    rig.uploader().start()
    rig.box().start()
    rig.wait_receipted([capture], timeout_s=120)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    stored = rig.shop / "A-1" / "A-1_0.webp"
    assert stored.stat().st_size == size + 8
    assert peak < 30_000_000, "a window of parts on both sides, not the file"
    rig.close()
