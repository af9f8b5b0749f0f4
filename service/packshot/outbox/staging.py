"""Claim check: artefacts go to an object store first, the offer then carries their addresses.

A worker uploads one capture at a time; until that is done its capture waits outside the line. One that the store does
not take stands aside and is tried again after a pause: nobody can tell whether the store is away or minds this one.
Keys name contents, so an upload that was cut short, or a restart, repeats only the file that was under way. What was
uploaded is noted on disk and deleted when its capture is no longer in delivery, however that came about.
"""

import logging
import queue
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from packshot.blobs.port import BlobStore
from packshot.domain import IN_DELIVERY, Artefact, Capture
from packshot.errors import GiveUpCapture, IntegrityError, PackshotError, RetryLater
from packshot.outbox.copies import Copies
from packshot.outbox.files import sha256_of
from packshot.platform.backoff import Backoff
from packshot.platform.logs import event
from packshot.spool.port import Spool

log = logging.getLogger(__name__)

RETRY_FIRST_S = 1.0
RETRY_CAP_S = 60.0
SWEEP_S = 60.0  # how often to look for copies of captures that have left delivery
JOIN_S = 10.0

Keys = frozenset[str]


@dataclass(frozen=True)
class ClaimCheck:
    """The store that carries the bytes, and the folder beside the spool in which is noted what lies there."""

    store: BlobStore
    notes: Path
    sweep_s: float = SWEEP_S


class Staging:
    """``on_change`` is called from the worker when a capture became ready or cannot be uploaded."""

    def __init__(
        self,
        spool: Spool,
        claim_check: ClaimCheck,
        device_id: str,
        on_change: Callable[[], None],
    ) -> None:
        self._spool = spool
        self._blobs = claim_check.store
        self._copies = Copies(claim_check.notes)
        self._device_id = device_id
        self._on_change = on_change
        self._sweep_s = claim_check.sweep_s
        self._sweep_at = 0.0
        self._todo: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._asked: dict[str, Keys] = {}  # being uploaded, or there already
        self._there: dict[str, Keys] = {}
        self._broken: dict[str, str] = {}
        self._failed: dict[str, None] = {}  # an ordered set: the one that has waited longest is tried first
        self._retry_at = 0.0
        self._backoff = Backoff(RETRY_FIRST_S, RETRY_CAP_S)
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="staging", daemon=True)

    def start(self) -> None:
        """Begin to upload."""
        self._thread.start()

    def close(self) -> None:
        """Stop after the request under way."""
        self._closing.set()
        self._todo.put(lambda: None)
        if self._thread.is_alive():
            self._thread.join(JOIN_S)

    def ready(self, capture: Capture) -> bool:
        """Whether the capture may be offered; if it is new, its upload begins. Raises IntegrityError for bad files."""
        keys = self._keys(capture)
        with self._lock:
            if capture.capture_id in self._broken:
                self._asked.pop(capture.capture_id, None)  # a retry looks at the files again
                raise IntegrityError(self._broken.pop(capture.capture_id))
            if self._asked.get(capture.capture_id) != keys:
                self._asked[capture.capture_id] = keys
                self._todo.put(partial(self._upload, capture.capture_id))
            return self._there.get(capture.capture_id) == keys

    def renew(self, capture: Capture) -> None:
        """Whoever claimed it did not get on: see to it that the copies still lie in the store."""
        self._todo.put(partial(self._upload, capture.capture_id))

    def urls(self, capture: Capture) -> Mapping[str, str]:
        """Addresses of the artefacts, made anew because signatures expire."""
        return {artefact.name: self._blobs.url(self._key(capture, artefact)) for artefact in _with_bytes(capture)}

    def done(self, capture_id: str) -> None:
        """The capture has left delivery: the copies may go."""
        self._todo.put(partial(self._tidy, capture_id))

    def _run(self) -> None:
        while not self._closing.is_set():
            try:
                self._next()()
            except PackshotError as error:
                log.warning("the object store: %s", error)
            except Exception:
                log.exception("staging met an error of our own making")

    def _next(self) -> Callable[[], None]:
        """What is due, else what is asked for meanwhile."""
        due, action = self._sweep_at, self._sweep
        if self._failed and self._retry_at < due:
            due, action = self._retry_at, self._retry
        left_s = due - time.monotonic()
        try:
            return self._todo.get(timeout=left_s) if left_s > 0 else action
        except queue.Empty:
            return action

    def _retry(self) -> None:
        self._upload(next(iter(self._failed)))

    def _upload(self, capture_id: str) -> None:
        self._failed.pop(capture_id, None)
        try:
            capture = self._in_delivery(capture_id)
        except RetryLater as error:  # another process holds the index
            self._stand_aside(capture_id, str(error))
            return
        if capture is None:
            with self._lock:
                self._asked.pop(capture_id, None)  # it may come back
            return
        try:
            self._store(capture)
        except GiveUpCapture as error:
            self._conclude(capture, str(error))
        except RetryLater as error:
            self._stand_aside(capture_id, str(error))
        else:
            self._backoff.reset()
            self._retry_at = time.monotonic()  # the store is there, so the next one may go at once
            self._conclude(capture)

    def _stand_aside(self, capture_id: str, reason: str) -> None:
        self._failed[capture_id] = None
        now = time.monotonic()
        if self._retry_at <= now:  # one pause for all of them: as a rule the store is away
            self._retry_at = now + self._backoff.next_s()
        pause_s = self._retry_at - now
        event(log, "not uploaded", logging.WARNING, capture=capture_id, reason=reason, retry_s=pause_s)

    def _store(self, capture: Capture) -> None:
        self._copies.note(capture.capture_id, self._keys(capture))
        for artefact in _with_bytes(capture):
            path = self._spool.path(capture.capture_id, artefact.name)
            if sha256_of(path, artefact.name) != artefact.sha256:
                raise IntegrityError(
                    f"{artefact.name} no longer has the sha256 that was recorded; take the photo again"
                )
            key = self._key(capture, artefact)
            self._blobs.store(key, path, artefact.size_bytes, artefact.sha256, artefact.media_type)

    def _conclude(self, capture: Capture, broken: str = "") -> None:
        with self._lock:
            if broken:
                self._broken[capture.capture_id] = broken
            else:
                self._there[capture.capture_id] = self._keys(capture)
        self._on_change()

    def _sweep(self) -> None:
        """Look at everything that was noted, in this life or an earlier one; raises RetryLater."""
        self._sweep_at = time.monotonic() + self._sweep_s
        with self._lock:
            known = {*self._asked, *self._broken}
        for capture_id in sorted({*known, *self._copies.captures()}):
            if self._closing.is_set():
                return
            self._tidy(capture_id)

    def _tidy(self, capture_id: str) -> None:
        """Delete the copies of a capture that is not in delivery; raises RetryLater, the next sweep tries again."""
        if self._in_delivery(capture_id) is not None:
            return
        with self._lock:
            for memory in (self._asked, self._there, self._broken):
                memory.pop(capture_id, None)
        for key in sorted(self._copies.keys(capture_id)):
            self._blobs.remove(key)
        self._copies.forget(capture_id)

    def _in_delivery(self, capture_id: str) -> Capture | None:
        """The capture as it is now, if it is in delivery."""
        capture = self._spool.get(capture_id)
        return capture if capture is not None and capture.stage in IN_DELIVERY else None

    def _keys(self, capture: Capture) -> Keys:
        return frozenset(self._key(capture, artefact) for artefact in _with_bytes(capture))

    def _key(self, capture: Capture, artefact: Artefact) -> str:
        return f"{self._device_id}/{capture.capture_id}/{artefact.sha256}"


def _with_bytes(capture: Capture) -> list[Artefact]:
    return [artefact for artefact in capture.deliverables() if artefact.size_bytes]
