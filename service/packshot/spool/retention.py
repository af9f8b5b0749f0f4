"""What is deleted when: after the receipt by age and, when room is needed, by space; nothing before it."""

from collections.abc import Collection

from packshot.domain import ENDED, Stage
from packshot.spool.index import Entry, Kept
from packshot.spool.limits import REQUEST_MEMORY_S, Retention
from packshot.spool.record import Record
from packshot.spool.store import Store

DISMISSED = frozenset({Stage.REFUSED, Stage.CANCELLED, Stage.EMPTY})
"""Ended without a picture in the storefront by somebody's decision, or with nothing to show."""
DELETABLE = DISMISSED | {Stage.RECEIPTED}
MANY = 1_000_000
FOR_EVER_S = 1e12  # inf may be asked for; the index counts in milliseconds of 64 bits


def collect(store: Store, rules: Retention) -> int:
    """Delete what is past its time; returns bytes freed. By age nothing goes without a synchronised clock."""
    _finish_deletions(store)
    freed = _drop_private(store) if rules.privacy else 0
    now_ms = store.stamp()
    if now_ms is None:
        return freed
    store.index.set_unknown_times(now_ms)
    freed += _drop_originals(store, _before(now_ms, rules.keep_originals_s))
    freed += _drop_old(store, (Stage.RECEIPTED,), _before(now_ms, rules.keep_receipted_s))
    freed += _drop_old(store, DISMISSED, _before(now_ms, rules.keep_ended_s))
    _forget(store, rules, now_ms)
    return freed


def evict_oldest_delivered(store: Store) -> int:
    """Delete the files of the oldest delivered capture, past its time or not; 0 if there is none left."""
    delivered = store.index.entries((Stage.RECEIPTED,), (Kept.FILES,), limit=1)
    return sum(_drop(store, entry) for entry in delivered)


def drop_if_private(store: Store, rules: Retention, record: Record) -> None:
    """In privacy mode a capture that ended keeps no file, at once."""
    if rules.privacy and record.stage in DELETABLE and record.files:
        store.drop_files(record.capture_id, DELETABLE, Kept.ENTRY)


def _finish_deletions(store: Store) -> None:
    """Remove folders that the index says are gone: an earlier attempt failed half-way."""
    known = store.index.kept_by_id()
    for capture_id in store.files.capture_ids():
        if known.get(capture_id, Kept.FILES) is not Kept.FILES:
            with store.files.lock(capture_id):
                store.files.remove(capture_id)


def _drop_private(store: Store) -> int:
    return sum(_drop(store, entry) for entry in store.index.entries(DELETABLE, (Kept.FILES,), limit=MANY))


def _drop_originals(store: Store, before_ms: int) -> int:
    freed = 0
    for entry in store.index.ended_before((Stage.RECEIPTED,), Kept.FILES, before_ms):
        names = frozenset(artefact.name for artefact in entry.record.originals) & entry.record.files.keys()
        freed += _drop_some(store, entry.record.capture_id, names) if names else 0
    return freed


def _drop_some(store: Store, capture_id: str, names: frozenset[str]) -> int:
    with store.files.lock(capture_id):
        entry = store.entry(capture_id)
        after = entry.record.without_files(names)
        store.save(entry, after)
        store.files.remove_files(capture_id, [file for name, file in entry.record.files.items() if name in names])
    return entry.record.stored_bytes - after.stored_bytes


def _drop_old(store: Store, stages: Collection[Stage], before_ms: int) -> int:
    return sum(_drop(store, entry) for entry in store.index.ended_before(stages, Kept.FILES, before_ms))


def _drop(store: Store, entry: Entry) -> int:
    return store.drop_files(entry.record.capture_id, DELETABLE, Kept.ENTRY)


def _forget(store: Store, rules: Retention, now_ms: int) -> None:
    """Rows go when no file is left and their request id is no longer remembered."""
    keep_s = max(rules.keep_ended_s, REQUEST_MEMORY_S)
    for entry in store.index.ended_before(ENDED, Kept.ENTRY, _before(now_ms, keep_s)):
        store.index.delete(entry.record.capture_id)
    store.index.forget_requests_before(_before(now_ms, REQUEST_MEMORY_S))


def _before(now_ms: int, keep_s: float) -> int:
    return now_ms - round(min(keep_s, FOR_EVER_S) * 1000)
