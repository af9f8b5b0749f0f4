"""Several uploaders on one broker, killed at the worst moments: every picture ends in the shop, once."""

import os
import random
import shutil
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from packshot.bus.mqtt import MqttBus
from packshot.domain import Stage
from packshot.errors import TargetRefused, TargetUnavailable
from packshot.storefront.ledger import State
from packshot.storefront.targets.folder import FolderTarget
from packshot.storefront.targets.port import DeliveryKey, Picture, Stored
from tests.support.amqtt_broker import AmqttBroker
from tests.support.delivery import Rig
from tests.support.mosquitto import Broker
from tests.support.uploader_process import UploaderProcess
from tests.support.waiting import WAIT_S, eventually


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    with Broker(tmp_path) as running:
        yield running


@pytest.fixture
def rig(tmp_path: Path, broker: Broker) -> Iterator[Rig]:
    made = Rig(tmp_path, broker)
    yield made
    made.close()


def cut_many(rig: Rig, count: int, size: int = 20_000) -> dict[str, bytes]:
    """Captures of different products; what the shop should show in the end."""
    expected = {}
    for number in range(count):
        data = os.urandom(size)
        rig.cut({"picture.webp": data}, sku=f"S-{number}")
        expected[f"S-{number}/S-{number}_0.webp"] = data
    return expected


def nothing_twice(rig: Rig) -> bool:
    return not list(rig.shop.rglob(".superseded"))


def test_two_uploaders_share_the_work(rig: Rig) -> None:
    for uploader_id in ("shop-1", "shop-2"):
        rig.uploader(uploader_id).start()
    rig.box().start()
    expected = cut_many(rig, 20)
    rig.wait_receipted(rig.spool.captures())
    assert rig.pictures() == expected
    shares = [uploader.ledger.counts().get(State.STORED, 0) for uploader in rig.uploaders]
    assert sum(shares) == 20
    assert min(shares) > 0


def test_the_claim_of_an_uploader_that_died_runs_out_and_another_takes_over(rig: Rig, tmp_path: Path) -> None:
    box = rig.box().start()
    victim = UploaderProcess(rig.broker.port, "victim", tmp_path / "victim", rig.shop)
    victim.start(die_before_put=1)
    expected = cut_many(rig, 1)
    (capture,) = rig.spool.captures()
    assert victim.wait_dead() == -signal.SIGKILL
    assert Stage.CLAIMED in box.stages(capture)
    rig.uploader("heir").start()
    rig.wait_receipted([capture])
    assert rig.pictures() == expected
    receipt = rig.spool.receipt(capture.capture_id)
    assert receipt is not None
    assert receipt.uploader_id == "heir"


def test_a_picture_uploaded_by_one_that_died_before_the_receipt_is_not_uploaded_again(rig: Rig, tmp_path: Path) -> None:
    rig.box().start()
    victim = UploaderProcess(rig.broker.port, "victim", tmp_path / "victim", rig.shop)
    victim.start(die_after_put=1)
    expected = cut_many(rig, 1)
    (capture,) = rig.spool.captures()
    assert victim.wait_dead() == -signal.SIGKILL
    (shown,) = rig.shop.rglob("*.webp")
    before = shown.stat()
    heir = rig.uploader("heir").start()
    rig.wait_receipted([capture])
    assert rig.pictures() == expected
    assert (shown.stat().st_ino, shown.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert not list(heir.work.rglob("*.data")), "not even fetched"


def test_an_uploader_that_died_after_the_upload_asks_the_shop_when_it_is_back(rig: Rig, tmp_path: Path) -> None:
    rig.box().start()
    victim = UploaderProcess(rig.broker.port, "victim", tmp_path / "victim", rig.shop)
    victim.start(die_after_put=1)
    expected = cut_many(rig, 1)
    assert victim.wait_dead() == -signal.SIGKILL
    victim.start()
    rig.wait_receipted(rig.spool.captures())
    victim.kill()
    assert rig.pictures() == expected
    assert nothing_twice(rig)


def test_one_that_died_between_record_and_receipt_answers_from_its_ledger(rig: Rig, tmp_path: Path) -> None:
    rig.box().start()
    victim = UploaderProcess(rig.broker.port, "victim", tmp_path / "victim", rig.shop)
    victim.start(die_after_record=1)
    cut_many(rig, 1)
    assert victim.wait_dead() == -signal.SIGKILL
    shutil.rmtree(rig.shop)  # the ledger alone knows now
    victim.start()
    rig.wait_receipted(rig.spool.captures())
    victim.kill()
    assert rig.pictures() == {}


class GateTarget(FolderTarget):
    """Stores, then waits for the test before it says so."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.stored = threading.Event()
        self.gate = threading.Event()

    def put(self, key: DeliveryKey, pictures: Sequence[Picture]) -> Stored:
        result = super().put(key, pictures)
        self.stored.set()
        assert self.gate.wait(WAIT_S)
        return result


def test_a_receipt_that_was_lost_with_the_broker_is_sent_again(rig: Rig) -> None:
    """The uploader has its PUBACK, the box is away, and the broker forgets everything."""
    target = GateTarget(str(rig.shop))
    box = rig.box().start()
    uploader = rig.uploader(target=target).start()
    capture = rig.cut({"picture.webp": b"x"}, sku="A-1")
    assert target.stored.wait(WAIT_S)
    box.close()
    rig.boxes.remove(box)
    target.gate.set()
    eventually(lambda: uploader.ledger.counts() == {State.STORED: 1})
    rig.broker.restart()
    assert rig.spool.receipt(capture.capture_id) is None
    rig.box().start()
    rig.wait_receipted([capture])
    assert rig.pictures() == {"A-1/A-1_0.webp": b"x"}
    assert nothing_twice(rig)


def test_what_is_old_goes_while_the_uploader_runs_and_what_is_in_work_stays(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("packshot.storefront.delivery.delivery.TIDY_S", 0.0)
    target = GateTarget(str(rig.shop))
    uploader = rig.uploader(target=target, keep_parts_s=0.0, keep_ledger_s=0.0).start()
    rig.box().start()
    capture = rig.cut({"picture.webp": b"x"}, sku="A-1")
    assert target.stored.wait(WAIT_S)
    abandoned = uploader.work / "studio-1" / "abandoned"
    for _ in range(2):  # when the second has gone, everything has been looked at
        abandoned.mkdir()
        eventually(lambda: not abandoned.exists(), "the parts to go")
    assert list((uploader.work / "studio-1" / capture.capture_id).glob("*.data"))
    target.gate.set()
    rig.wait_receipted([capture])
    eventually(lambda: not uploader.ledger.counts(), "the row to go")


@pytest.mark.slow
@pytest.mark.faults
@pytest.mark.parametrize("count", [2, 5])
def test_uploaders_under_kill_9_end_with_every_picture_once(rig: Rig, tmp_path: Path, count: int) -> None:
    seeded = random.Random(count)
    rig.box(in_flight=8).start()
    uploaders = [
        UploaderProcess(rig.broker.port, f"shop-{number}", tmp_path / f"shop-{number}", rig.shop)
        for number in range(count)
    ]
    for uploader in uploaders:
        uploader.start()
    expected = cut_many(rig, 40)
    for _ in range(3 * count):
        time.sleep(seeded.uniform(0.2, 0.8))
        victim = seeded.choice(uploaders)
        victim.kill()
        victim.start()
    rig.wait_receipted(rig.spool.captures(), timeout_s=120)
    for uploader in uploaders:
        uploader.kill()
    assert rig.pictures() == expected
    assert nothing_twice(rig)


class MoodyTarget(FolderTarget):
    """Fails so often before it works; or refuses."""

    def __init__(self, path: str, failures: int, retry_after_s: float | None = None, refuse: bool = False) -> None:
        super().__init__(path)
        self.failures = failures
        self.calls: list[float] = []
        self._retry_after_s = retry_after_s
        self._refuse = refuse

    def find(self, key: DeliveryKey) -> Stored | None:
        self.calls.append(time.monotonic())
        if self._refuse:
            raise TargetRefused("unknown product")
        if self.failures > 0:
            self.failures -= 1
            raise TargetUnavailable("closed for stocktaking", self._retry_after_s)
        return super().find(key)


def test_a_storefront_that_is_away_for_a_while_is_tried_again(rig: Rig) -> None:
    rig.uploader(target=MoodyTarget(str(rig.shop), failures=4)).start()
    rig.box().start()
    expected = cut_many(rig, 1)
    rig.wait_receipted(rig.spool.captures())
    assert rig.pictures() == expected


def test_retry_after_is_obeyed(rig: Rig) -> None:
    target = MoodyTarget(str(rig.shop), failures=1, retry_after_s=1.5)
    rig.uploader(target=target).start()
    rig.box().start()
    cut_many(rig, 1)
    rig.wait_receipted(rig.spool.captures())
    assert target.calls[1] - target.calls[0] >= 1.5


def test_while_one_storefront_is_away_another_uploader_takes_the_offers(rig: Rig) -> None:
    away = MoodyTarget(str(rig.shop), failures=10**6)
    rig.uploader("away", target=away, hold_s=0.2).start()
    rig.uploader("here").start()
    rig.box().start()
    expected = cut_many(rig, 6)
    rig.wait_receipted(rig.spool.captures())
    assert rig.pictures() == expected


def test_a_storefront_that_refuses_for_good_ends_the_capture(rig: Rig) -> None:
    uploader = rig.uploader(target=MoodyTarget(str(rig.shop), failures=0, refuse=True)).start()
    rig.box().start()
    capture = rig.cut({"picture.webp": b"x"}, sku="A-1")
    rig.wait_stage([capture], Stage.REFUSED)
    found = rig.spool.get(capture.capture_id)
    assert found is not None
    assert found.reason == "unknown product"
    (dead,) = uploader.ledger.entries(State.DEAD)
    assert dead.key.capture_id == capture.capture_id
    assert dead.reason == "unknown product"


def test_a_dead_letter_is_told_again_to_a_broker_that_came_back_empty(rig: Rig) -> None:
    uploader = rig.uploader(target=MoodyTarget(str(rig.shop), failures=0, refuse=True)).start()
    rig.box().start()
    capture = rig.cut({"picture.webp": b"x"}, sku="A-1")
    rig.wait_stage([capture], Stage.REFUSED)
    rig.broker.restart()
    eventually(lambda: uploader.bus.connected)
    heard: list[str] = []
    ear = MqttBus(rig.broker.settings("ear"))
    ear.subscribe("packshot/uploader/shop-1/dead/+", lambda incoming: heard.append(incoming.topic))
    ear.start(lambda: None)
    eventually(lambda: heard == [f"packshot/uploader/shop-1/dead/{capture.capture_id}"])
    ear.close()


def test_a_dry_run_fetches_and_checks_and_leaves_everything_as_it_is(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    uploader = rig.uploader(dry_run=True).start()
    rig.box().start()
    cut_many(rig, 1)
    (capture,) = rig.spool.captures()
    eventually(lambda: "would be stored" in caplog.text)
    eventually(lambda: "left for later" in caplog.text)
    assert not rig.shop.exists()
    assert rig.spool.receipt(capture.capture_id) is None
    assert uploader.ledger.counts() == {State.INTENT: 1}


def test_a_broker_without_shared_subscriptions_and_version_5_still_delivers(tmp_path: Path) -> None:
    with AmqttBroker() as broker:
        rig = Rig(tmp_path, broker)
        uploaders = [rig.uploader(f"shop-{number}").start() for number in range(2)]
        rig.box().start()
        expected = cut_many(rig, 6)
        rig.wait_receipted(rig.spool.captures(), timeout_s=60)
        assert uploaders[0].bus.protocol == "3.1.1"
        assert rig.pictures() == expected
        assert nothing_twice(rig)
        rig.close()


def test_offers_of_strangers_that_are_not_offers_are_dropped(rig: Rig) -> None:
    uploader = rig.uploader().start()
    box = rig.box().start()
    eventually(lambda: box.bus.connected)
    for topic, payload in [
        ("packshot/studio-1/offer/not-an-id", b"{}"),
        ("packshot/UPPER/offer/01arz3ndektsv4rrffq69g5fav", b"{}"),
        ("packshot/studio-1/offer/01arz3ndektsv4rrffq69g5fav", b"not json"),
        ("packshot/studio-1/offer/01arz3ndektsv4rrffq69g5fav", b"x" * 100_000),
        ("packshot/studio-1/claim/01arz3ndektsv4rrffq69g5fav", b"\xff"),
        ("packshot/studio-1/receipt/01arz3ndektsv4rrffq69g5fav", b"[]"),
    ]:
        assert box.bus.publish(topic, payload).wait(10)
    expected = cut_many(rig, 1)
    rig.wait_receipted(rig.spool.captures())
    assert rig.pictures() == expected
    assert uploader.fatal == box.fatal == []
