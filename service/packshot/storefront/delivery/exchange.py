"""The talk with a box about one capture: claim it, take its parts, renew the claim, report progress.

Three threads meet here under one lock: the bus brings parts, a ticker renews, a worker waits for the end.
"""

import logging
import threading
import time
from pathlib import Path

from packshot.bus.port import Bus, Incoming
from packshot.errors import BrokerError, IntegrityError
from packshot.messages import Claim, Offer, encode, parse_part_topic
from packshot.parts import Range
from packshot.platform.logs import event
from packshot.storefront.delivery.downloads import Downloads
from packshot.storefront.delivery.gathering import Gathering
from packshot.storefront.delivery.reasons import NotNow

log = logging.getLogger(__name__)

MAX_MISMATCHES = 3
CLAIM_BYTES = 16 * 1024  # a box reads control messages of up to 64 KiB
RANGE_BYTES, WORDS_BYTES = 12, 256  # of a claim: one range, and all that is not ranges
SILENT_LEASES = 1.5  # no part for so long: somebody else has the claim, or the box is gone


class Exchange:
    """One claim. ``topic`` is the device's root; ``open`` before anything else, ``close`` at the end."""

    def __init__(
        self,
        bus: Bus,
        topic: str,
        capture_id: str,
        uploader_id: str,
        folder: Path,
        offer: Offer,
        report_every: int,
        downloads: Downloads,
        closing: threading.Event,
    ) -> None:
        self._bus = bus
        self._topic = topic
        self._capture_id = capture_id
        self._uploader_id = uploader_id
        self._folder = folder
        self._offer = offer
        self._report_every = report_every
        self._downloads = downloads
        self._closing = closing
        self._changed = threading.Condition()
        self._gathering = self._gather(offer)
        self._renew_at = 0.0
        self._heard_at = time.monotonic()
        self._unreported = 0
        self._trouble = ""

    @property
    def _parts_filter(self) -> str:
        return f"{self._topic}/cutout/{self._capture_id}/#"

    def open(self) -> None:
        """Subscribe to the parts, then claim: the box sends to whoever listens."""
        self._bus.subscribe(self._parts_filter, self._on_part)
        self.claim()

    def close(self) -> None:
        """Listen no more. What was gathered stays for the next time."""
        self._bus.unsubscribe(self._parts_filter)

    def fetch(self) -> Gathering:
        """Wait until every artefact is here with the right sha256; raises NotNow when that does not happen."""
        for _ in range(MAX_MISMATCHES):
            gathering = self._wait()
            self._downloads.fetch(self._offer, gathering)
            try:
                gathering.check()
            except IntegrityError as error:
                event(log, "bytes do not match", logging.WARNING, capture=self._capture_id, reason=str(error))
                self.claim(stalled=True)
            except OSError as error:
                raise NotNow(f"the work folder cannot be read: {error}") from error
            else:
                return gathering
        raise NotNow(f"the bytes of {self._capture_id} were wrong {MAX_MISMATCHES} times")

    def offered_again(self, offer: Offer) -> None:
        """The box repeats its offer, perhaps cut into other parts: it does not know of our claim."""
        with self._changed:
            if offer.artefacts != self._offer.artefacts:
                self._gathering = self._gather(offer)
            self._offer = offer
            self._changed.notify_all()
        self.claim()

    def tick(self) -> None:
        """Renew the claim in time, and ask for what is missing when parts have ceased to come."""
        with self._changed:
            now = time.monotonic()
            due = now >= self._renew_at
            stalled = now - self._heard_at >= self._offer.lease_s / 6 and not self._gathering.complete()
        if due:
            self.claim(stalled)

    def claim(self, stalled: bool = False) -> None:
        """Say that we have it, and how far we are."""
        with self._changed:
            lease_s = self._offer.lease_s
            self._renew_at = time.monotonic() + lease_s / 3
            self._unreported = 0
            have = _bounded(self._gathering.have(), self._bus.max_message_bytes)
        message = Claim(uploader_id=self._uploader_id, have=have, stalled=stalled)
        try:
            self._bus.publish(f"{self._topic}/claim/{self._capture_id}", encode(message), expiry_s=int(lease_s) + 1)
        except BrokerError as error:
            log.info("claim not sent: %s", error)

    def _on_part(self, incoming: Incoming) -> None:
        incoming.acknowledge()
        _, name, part, of = parse_part_topic(_with_dots(incoming.topic.removeprefix(f"{self._topic}/")))
        with self._changed:
            try:
                self._unreported += self._gathering.add(name, part, of, incoming.payload)
            except OSError as error:
                self._trouble = f"the work folder cannot be written: {error}"
            self._heard_at = time.monotonic()
            complete = self._gathering.complete()
            if complete or self._trouble:
                self._changed.notify_all()
            report = complete or self._unreported >= self._report_every
        if report:
            self.claim()

    def _wait(self) -> Gathering:
        with self._changed:
            while not self._gathering.complete():
                self._changed.wait(0.25)
                self._check_hope()
            return self._gathering

    def _check_hope(self) -> None:
        now = time.monotonic()
        if self._closing.is_set():
            raise NotNow("the uploader stops")
        if self._trouble:
            raise NotNow(self._trouble)
        if not self._bus.connected:
            self._heard_at = now
        elif now - self._heard_at > SILENT_LEASES * self._offer.lease_s:
            raise NotNow(f"no parts of {self._capture_id} come; another uploader may have them")

    def _gather(self, offer: Offer) -> Gathering:
        try:
            return Gathering(self._folder, offer.artefacts)
        except OSError as error:
            raise NotNow(f"the work folder cannot be used: {error}") from error


def _with_dots(topic: str) -> str:
    """The topic as the box published it: RabbitMQ makes slashes of the dots in ``picture.webp``."""
    words = topic.split("/")
    return "/".join([*words[:2], ".".join(words[2:-2]), *words[-2:]])


def _bounded(have: dict[str, list[Range]], max_message_bytes: int) -> dict[str, list[Range]]:
    """As many ranges as a claim can tell; what it does not tell is sent once more, which does no harm."""
    left = max(1, (min(CLAIM_BYTES, max_message_bytes) - WORDS_BYTES) // RANGE_BYTES)
    told: dict[str, list[Range]] = {}
    for name, ranges in have.items():
        left -= len(name) // RANGE_BYTES + 1
        if left > 0:
            told[name] = ranges[:left]
            left -= len(told[name])
    return told
