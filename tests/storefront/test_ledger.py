"""The uploader's memory."""

import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from packshot.errors import SpoolError
from packshot.messages import Receipt
from packshot.storefront.ledger import Ledger, State
from packshot.storefront.targets.port import DeliveryKey

KEY = DeliveryKey("studio-1", "01arz3ndektsv4rrffq69g5fav", 1, "A-1", 0, None, {"picture.webp": "ab" * 32})
RECEIPT = Receipt(sha256s=dict(KEY.sha256s), target="folder", storefront_id="A-1/A-1_0.webp", at="2024-01-01T00:00:01Z")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "uploader" / "ledger.sqlite"


@pytest.fixture
def ledger(path: Path) -> Ledger:
    return Ledger(path)


def test_what_was_recorded_is_known_after_a_restart(ledger: Ledger, path: Path) -> None:
    ledger.intend(KEY, "2024-01-01T00:00:00Z")
    ledger.record(KEY, RECEIPT)
    ledger.close()
    entry = Ledger(path).find(KEY)
    assert entry is not None
    assert (entry.key, entry.state, entry.receipt) == (KEY, State.STORED, RECEIPT)


def test_an_intent_without_outcome_stays_an_intent(ledger: Ledger, path: Path) -> None:
    ledger.intend(KEY, "2024-01-01T00:00:00Z")
    entry = Ledger(path).find(KEY)
    assert entry is not None
    assert (entry.state, entry.receipt) == (State.INTENT, None)


def test_an_intent_does_not_undo_an_outcome(ledger: Ledger) -> None:
    ledger.intend(KEY, "2024-01-01T00:00:00Z")
    ledger.record(KEY, RECEIPT)
    ledger.intend(KEY, "2024-01-02T00:00:00Z")
    entry = ledger.find(KEY)
    assert entry is not None
    assert entry.state is State.STORED


@pytest.mark.parametrize(
    "change",
    [
        {"device_id": "studio-2"},
        {"revision": 2},
        {"sha256s": {"picture.webp": "cd" * 32}},
        {"sha256s": {"b": "ab" * 32}},
    ],
)
def test_another_device_revision_or_content_is_another_delivery(ledger: Ledger, change: dict[str, object]) -> None:
    ledger.intend(KEY, "2024-01-01T00:00:00Z")
    assert ledger.find(replace(KEY, **change)) is None  # type: ignore[arg-type]


def test_dead_letters_are_listed_and_can_be_forgotten(ledger: Ledger) -> None:
    ledger.intend(KEY, "2024-01-01T00:00:00Z")
    ledger.record(KEY, Receipt(sha256s=dict(KEY.sha256s), target="folder", refused="unknown product"))
    (entry,) = ledger.entries(State.DEAD)
    assert (entry.key, entry.reason) == (KEY, "unknown product")
    assert ledger.counts() == {State.DEAD: 1}
    ledger.forget(KEY)
    assert ledger.find(KEY) is None


def test_old_deliveries_are_trimmed_and_dead_letters_are_kept(ledger: Ledger) -> None:
    other = replace(KEY, revision=2)
    for key in (KEY, other):
        ledger.intend(key, "2024-01-01T00:00:00Z")
    ledger.record(KEY, RECEIPT)
    ledger.record(other, Receipt(sha256s=dict(KEY.sha256s), target="folder", refused="no", at="2024-01-01T00:00:00Z"))
    assert ledger.trim("2024-02-01T00:00:00Z") == 1
    assert ledger.counts() == {State.DEAD: 1}


def test_every_change_is_synchronous(ledger: Ledger, path: Path) -> None:
    assert ledger._db.execute("PRAGMA synchronous").fetchone() == (2,)
    assert ledger._db.execute("PRAGMA journal_mode").fetchone() == ("wal",)


@pytest.mark.parametrize("damage", [lambda data: b"no database" * 300, lambda data: data[:5000], lambda data: b""])
def test_a_damaged_ledger_is_put_aside_and_a_new_one_begun(
    ledger: Ledger, path: Path, damage: Callable[[bytes], bytes]
) -> None:
    for number in range(200):
        ledger.intend(replace(KEY, revision=number + 1), "2024-01-01T00:00:00Z")
    ledger.close()
    damaged = damage(path.read_bytes())
    path.write_bytes(damaged)
    again = Ledger(path)
    assert again.find(KEY) is None
    again.record(KEY, RECEIPT)
    again.intend(KEY, "2024-01-01T00:00:00Z")
    again.record(KEY, RECEIPT)
    assert again.counts() == {State.STORED: 1}
    assert not damaged or path.with_name("ledger.sqlite.damaged").read_bytes() == damaged


def test_a_row_that_cannot_be_read_is_asked_of_the_storefront_again(ledger: Ledger, path: Path) -> None:
    ledger.intend(KEY, "2024-01-01T00:00:00Z")
    ledger.record(KEY, RECEIPT)
    with sqlite3.connect(path) as database:
        database.execute("UPDATE delivery SET receipt = substr(receipt, 5)")
    assert ledger.entries(State.STORED) == []
    assert ledger.find(KEY) is None
    assert ledger.counts() == {}


def test_a_folder_in_its_place_is_an_error_in_one_line(path: Path) -> None:
    path.mkdir(parents=True)
    with pytest.raises(SpoolError, match="cannot be opened"):
        Ledger(path)


def test_a_ledger_of_a_newer_version_is_left_alone(ledger: Ledger, path: Path) -> None:
    ledger.close()
    with sqlite3.connect(path) as database:
        database.execute("PRAGMA user_version = 99")
    with pytest.raises(SpoolError, match="newer"):
        Ledger(path)
