"""Staging: a capture that the store does not take holds up no other, and none is forgotten."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from packshot.commands import retry
from packshot.domain import Capture, Stage
from packshot.errors import BrokerError, IntegrityError
from packshot.outbox.staging import ClaimCheck, Staging
from packshot.spool.sqlite_spool import SqliteSpool
from packshot.spool.trouble import SpoolBusy
from tests.support.delivery import add_cut
from tests.support.spool import ROOMY
from tests.support.waiting import WAIT_S, eventually

GONE = "01arz3ndektsv4rrffq69g5fav"


class Store:
    """A store in memory that refuses some captures, and may be slow."""

    def __init__(self) -> None:
        self.objects: set[str] = set()
        self.refused: set[str] = set()
        self.asked: list[str] = []
        self.open = threading.Event()
        self.open.set()

    def store(self, key: str, path: Path, size_bytes: int, sha256: str, content_type: str) -> None:
        self.asked.append(key)
        assert self.open.wait(WAIT_S)
        if key.split("/")[1] in self.refused:
            raise BrokerError("413 Content Too Large")
        self.objects.add(key)

    def url(self, key: str) -> str:
        return f"https://store/{key}"

    def remove(self, key: str) -> None:
        self.objects.discard(key)

    def close(self) -> None:
        pass


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[SqliteSpool]:
    made = SqliteSpool(tmp_path / "spool", limits=ROOMY)
    yield made
    made.close()


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture
def pause_s() -> float:
    return 0.02


@pytest.fixture
def staging(
    tmp_path: Path, spool: SqliteSpool, store: Store, pause_s: float, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Staging]:
    """At work, and past its first look at what earlier lives have left; the next one is a minute away."""
    monkeypatch.setattr("packshot.outbox.staging.RETRY_FIRST_S", pause_s)
    monkeypatch.setattr("packshot.outbox.staging.RETRY_CAP_S", pause_s)
    notes = tmp_path / "notes"
    notes.mkdir()
    (notes / GONE).touch()
    made = Staging(spool, ClaimCheck(store, notes), "box", lambda: None)
    made.start()
    eventually(lambda: not (notes / GONE).exists())
    yield made
    store.open.set()
    made.close()


def is_damaged(staging: Staging, capture: Capture) -> bool:
    try:
        staging.ready(capture)
    except IntegrityError:
        return True
    return False


def keep_busy(spool: SqliteSpool, staging: Staging, store: Store) -> Capture:
    """A capture whose upload does not end before the store is open again."""
    store.open.clear()
    capture = add_cut(spool, {"picture.webp": b"busy"}, "busy", "S-busy")
    assert not staging.ready(capture)
    eventually(lambda: any(capture.capture_id in key for key in store.asked))
    return capture


@pytest.mark.parametrize("pause_s", [1000.0])
def test_others_do_not_wait_for_a_capture_that_the_store_never_takes(
    spool: SqliteSpool, store: Store, staging: Staging
) -> None:
    large = add_cut(spool, {"picture.webp": b"large"}, "r1", "S-1")
    store.refused.add(large.capture_id)
    assert not staging.ready(large)
    eventually(lambda: store.asked, "the first attempt")
    small = add_cut(spool, {"picture.webp": b"small"}, "r2", "S-2")
    eventually(lambda: staging.ready(small), "the small one")
    assert not staging.ready(large)


def test_a_capture_that_was_refused_goes_once_the_store_takes_it(
    spool: SqliteSpool, store: Store, staging: Staging
) -> None:
    captures = [add_cut(spool, {"picture.webp": b"%d" % number}, f"r{number}", f"S-{number}") for number in range(5)]
    store.refused.update(capture.capture_id for capture in captures)
    for capture in captures:
        assert not staging.ready(capture)
    eventually(lambda: len(store.asked) >= 5, "an attempt for each")
    store.refused.clear()
    eventually(lambda: all(staging.ready(capture) for capture in captures), "all of them")
    assert len(store.objects) == 5


def test_a_capture_is_not_forgotten_while_another_process_holds_the_index(
    spool: SqliteSpool, store: Store, staging: Staging, monkeypatch: pytest.MonkeyPatch
) -> None:
    capture = add_cut(spool, {"picture.webp": b"1"}, "r1", "S-1")
    get, held = spool.get, [True]

    def busy_once(capture_id: str) -> Capture | None:
        if held.pop() if held else False:
            raise SpoolBusy("another process holds the index")
        return get(capture_id)

    monkeypatch.setattr(spool, "get", busy_once)
    assert not staging.ready(capture)
    eventually(lambda: staging.ready(capture), "its upload")


def test_a_capture_that_was_cancelled_before_its_turn_and_is_retried_is_uploaded(
    spool: SqliteSpool, store: Store, staging: Staging
) -> None:
    keep_busy(spool, staging, store)
    capture = add_cut(spool, {"picture.webp": b"1"}, "r1", "S-1")
    after = add_cut(spool, {"picture.webp": b"2"}, "r2", "S-2")
    assert not staging.ready(capture)
    assert not staging.ready(after)
    spool.advance(capture.capture_id, Stage.CANCELLED)
    store.open.set()
    eventually(lambda: staging.ready(after), "the turn of the next one")
    assert not any(capture.capture_id in key for key in store.objects)
    retried = retry(spool, capture.capture_id)
    eventually(lambda: staging.ready(retried), "the one that is retried")


def test_a_damaged_capture_that_is_retried_at_once_is_looked_at_again(
    spool: SqliteSpool, store: Store, staging: Staging
) -> None:
    capture = add_cut(spool, {"picture.webp": b"1"}, "r1", "S-1")
    spool.path(capture.capture_id, "picture.webp").write_bytes(b"x")
    eventually(lambda: is_damaged(staging, capture))
    busy = keep_busy(spool, staging, store)
    spool.advance(capture.capture_id, Stage.FAILED, "damaged")
    staging.done(capture.capture_id)
    retried = retry(spool, capture.capture_id)
    store.open.set()
    eventually(lambda: staging.ready(busy), "the other one")
    eventually(lambda: is_damaged(staging, retried), "its failure")
