"""Claim check: artefacts go to an object store first, the offer then carries their addresses.

A worker uploads one capture at a time; until that is done its capture waits outside the line. Keys name contents, so
an upload that was cut short, or a restart, repeats only the file that was under way.
"""

import logging
import queue
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress

from packshot.blobs.port import BlobStore
from packshot.domain import Artefact, Capture
from packshot.errors import GiveUpCapture, IntegrityError, RetryLater
from packshot.outbox.files import sha256_of
from packshot.platform.backoff import Backoff
from packshot.platform.logs import event
from packshot.spool.port import Spool

log = logging.getLogger(__name__)

RETRY_FIRST_S = 1.0
RETRY_CAP_S = 60.0
JOIN_S = 10.0


class Staging:
    """``on_change`` is called from the worker when a capture became ready or cannot be uploaded."""

    def __init__(self, spool: Spool, blobs: BlobStore, device_id: str, on_change: Callable[[], None]) -> None:
        self._spool = spool
        self._blobs = blobs
        self._device_id = device_id
        self._on_change = on_change
        self._todo: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._known: set[str] = set()  # being uploaded, or there already
        self._ready: set[str] = set()
        self._broken: dict[str, str] = {}
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
        with self._lock:
            if capture.capture_id in self._broken:
                raise IntegrityError(self._broken.pop(capture.capture_id))
            if capture.capture_id not in self._known:
                self._known.add(capture.capture_id)
                self._todo.put(lambda: self._upload(capture))
            return capture.capture_id in self._ready

    def urls(self, capture: Capture) -> Mapping[str, str]:
        """Addresses of the artefacts, made anew because signatures expire."""
        return {artefact.name: self._blobs.url(self._key(capture, artefact)) for artefact in _with_bytes(capture)}

    def done(self, capture: Capture) -> None:
        """Delivered, or given up: the copies may go."""
        with self._lock:
            if capture.capture_id not in self._known:
                return
            self._known.discard(capture.capture_id)
            self._ready.discard(capture.capture_id)
        self._todo.put(lambda: self._remove(capture))

    def _run(self) -> None:
        while not self._closing.is_set():
            try:
                self._todo.get()()
            except Exception:
                log.exception("staging met an error of our own making")

    def _upload(self, capture: Capture) -> None:
        backoff = Backoff(RETRY_FIRST_S, RETRY_CAP_S)
        while not self._closing.is_set():
            try:
                for artefact in _with_bytes(capture):
                    self._store(capture, artefact)
            except GiveUpCapture as error:
                self._conclude(capture, str(error))
                return
            except RetryLater as error:
                pause_s = backoff.next_s()
                event(
                    log, "not uploaded", logging.WARNING, capture=capture.capture_id, reason=str(error), retry_s=pause_s
                )
                self._closing.wait(pause_s)
            else:
                self._conclude(capture)
                return

    def _store(self, capture: Capture, artefact: Artefact) -> None:
        path = self._spool.path(capture.capture_id, artefact.name)
        if sha256_of(path, artefact.name) != artefact.sha256:
            raise IntegrityError(f"{artefact.name} no longer has the sha256 that was recorded; take the photo again")
        key = self._key(capture, artefact)
        self._blobs.store(key, path, artefact.size_bytes, artefact.sha256, artefact.media_type)

    def _conclude(self, capture: Capture, broken: str = "") -> None:
        with self._lock:
            if broken:
                self._broken[capture.capture_id] = broken
            else:
                self._ready.add(capture.capture_id)
        self._on_change()

    def _remove(self, capture: Capture) -> None:
        for artefact in _with_bytes(capture):
            with suppress(RetryLater):  # what stays is for the store's own rules of expiry
                self._blobs.remove(self._key(capture, artefact))

    def _key(self, capture: Capture, artefact: Artefact) -> str:
        return f"{self._device_id}/{capture.capture_id}/{artefact.sha256}"


def _with_bytes(capture: Capture) -> list[Artefact]:
    return [artefact for artefact in capture.deliverables() if artefact.size_bytes]
