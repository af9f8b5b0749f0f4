"""One delivery, step by step: known already? in the storefront already? fetch, upload once, record, receipt."""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from packshot.bus.port import Bus, Incoming
from packshot.errors import BrokerError, TargetRefused, TargetUnavailable
from packshot.messages import Offer, Receipt, encode
from packshot.platform.backoff import Backoff
from packshot.platform.clock import rfc3339
from packshot.platform.logs import event
from packshot.storefront.delivery.downloads import Downloads
from packshot.storefront.delivery.exchange import Exchange
from packshot.storefront.delivery.gathering import Gathering
from packshot.storefront.delivery.limits import has_room, reason_to_refuse, total_bytes
from packshot.storefront.delivery.reasons import NotNow, StorefrontAway
from packshot.storefront.delivery.settings import DeliverySettings
from packshot.storefront.ledger import Ledger, State
from packshot.storefront.targets.port import DeliveryKey, Picture, Stored, Target

log = logging.getLogger(__name__)

T = TypeVar("T")

RECEIPT_TRY_S = 5.0
RECEIPT_PAUSE_S = 0.2


@dataclass(frozen=True)
class Desk:
    """What all jobs of one uploader use."""

    bus: Bus
    ledger: Ledger
    target: Target
    uploader_id: str
    work: Path
    settings: DeliverySettings
    downloads: Downloads
    closing: threading.Event


class Job:
    """One offer in work. ``run`` blocks in a worker thread; the other methods come from the bus and the ticker."""

    def __init__(self, desk: Desk, key: DeliveryKey, offer: Offer, incoming: Incoming) -> None:
        self.key = key
        self._desk = desk
        self._offer = offer
        self._incoming = incoming
        self._exchange: Exchange | None = None
        self._asked, self._answered = 1, 0

    def run(self) -> None:
        """From offer to receipt; raises NotNow, or StopDaemon if the ledger is broken."""
        receipt = self._known() or self._refusal() or self._deliver()
        asked = self._asked
        self._send(receipt)
        self._answered = asked

    @property
    def unanswered(self) -> bool:
        """Whether the box has asked again since our last answer."""
        return self._asked != self._answered

    def offered_again(self, offer: Offer, incoming: Incoming) -> None:
        """The box repeats its offer while we are at it."""
        self._incoming.acknowledge()
        self._offer, self._incoming = offer, incoming
        self._asked += 1
        exchange = self._exchange
        if exchange is not None:
            exchange.offered_again(offer)

    def tick(self) -> None:
        """Keep the claim alive."""
        exchange = self._exchange
        if exchange is not None:
            exchange.tick()

    def reconnected(self) -> None:
        """Parts may have been lost with the link: ask for what is missing."""
        exchange = self._exchange
        if exchange is not None:
            exchange.claim(stalled=True)

    def acknowledge(self) -> None:
        """The broker need not send this offer again."""
        self._incoming.acknowledge()

    def _known(self) -> Receipt | None:
        entry = self._desk.ledger.find(self.key)
        return entry.receipt if entry is not None and entry.state is not State.INTENT else None

    def _refusal(self) -> Receipt | None:
        reason = reason_to_refuse(self._offer, self._desk.settings.max_capture_bytes)
        return self._refuse(reason) if reason else None

    def _deliver(self) -> Receipt:
        desk = self._desk
        desk.ledger.intend(self.key, _utc())
        try:
            found = self._patiently(lambda: desk.target.find(self.key))
            return self._record(found) if found is not None else self._fetch_and_upload()
        except TargetRefused as error:
            return self._refuse(str(error))

    def _fetch_and_upload(self) -> Receipt:
        exchange = self._open_exchange()
        try:
            exchange.open()
            gathering = exchange.fetch()
            receipt = self._record(self._upload(gathering))
        finally:
            exchange.close()
            self._exchange = None
        gathering.remove()
        return receipt

    def _open_exchange(self) -> Exchange:
        desk, settings = self._desk, self._desk.settings
        needed = total_bytes(self._offer.artefacts)
        if not has_room(desk.work, needed, settings.reserve_bytes):
            raise NotNow(f"the work folder has no room for {needed} bytes")
        self._exchange = Exchange(
            bus=desk.bus,
            topic=f"{settings.root}/{self.key.device_id}",
            capture_id=self.key.capture_id,
            uploader_id=desk.uploader_id,
            folder=desk.work / self.key.device_id / self.key.capture_id,
            offer=self._offer,
            report_every=settings.report_every,
            downloads=desk.downloads,
            closing=desk.closing,
        )
        return self._exchange

    def _upload(self, gathering: Gathering) -> Stored:
        target = self._desk.target
        pictures = [
            Picture(
                name=artefact.name,
                kind=artefact.kind,
                content_type=artefact.content_type,
                sha256=artefact.sha256,
                size_bytes=artefact.bytes,
                path=gathering.path(artefact.name),
            )
            for artefact in self._offer.artefacts
        ]
        if self._desk.settings.dry_run:
            self._log("would be stored", target=target.name, files=", ".join(picture.name for picture in pictures))
            raise NotNow("dry run: nothing is stored and no receipt is sent")
        # Asked again: while we gathered, another uploader may have been faster.
        return self._patiently(lambda: target.find(self.key) or target.put(self.key, pictures))

    def _patiently(self, call: Callable[[], T]) -> T:
        """The call's result, tried again with back-off for as long as the claim is worth holding."""
        settings = self._desk.settings
        backoff = Backoff(settings.retry_first_s, settings.retry_cap_s)
        give_up_at = time.monotonic() + settings.hold_s
        while True:
            try:
                return call()
            except TargetUnavailable as error:
                pause_s = max(backoff.next_s(), error.retry_after_s or 0.0)
                event(log, "storefront unavailable", logging.WARNING, reason=str(error), retry_s=pause_s)
                if time.monotonic() + pause_s > give_up_at:
                    raise StorefrontAway(str(error), pause_s) from error
            if self._desk.closing.wait(pause_s):
                raise NotNow("the uploader stops")

    def _record(self, stored: Stored) -> Receipt:
        receipt = self._receipt(storefront_id=stored.storefront_id, url=stored.url)
        self._desk.ledger.record(self.key, receipt)
        self._log("stored", storefront_id=stored.storefront_id)
        return receipt

    def _refuse(self, reason: str) -> Receipt:
        receipt = self._receipt(refused=reason[:2000])
        self._desk.ledger.intend(self.key, _utc())
        self._desk.ledger.record(self.key, receipt)
        self._log("refused for good", reason=reason)
        self._publish(dead_topic(self._desk, self.key.capture_id), encode(receipt), retain=True)
        return receipt

    def _receipt(self, storefront_id: str = "", url: str = "", refused: str = "") -> Receipt:
        return Receipt(
            sha256s=dict(self.key.sha256s),
            target=self._desk.target.name,
            storefront_id=storefront_id,
            url=url,
            at=_utc(),
            uploader_id=self._desk.uploader_id,
            refused=refused,
        )

    def _send(self, receipt: Receipt) -> None:
        """Tell the box; if that cannot be done now, its next offer asks again."""
        topic = f"{self._desk.settings.root}/{self.key.device_id}/receipt/{self.key.capture_id}"
        give_up_at = time.monotonic() + self._desk.settings.receipt_s
        while not self._publish(topic, encode(receipt)):
            if time.monotonic() > give_up_at or self._desk.closing.wait(RECEIPT_PAUSE_S):
                raise NotNow("the receipt could not be sent; the box will ask for it")

    def _publish(self, topic: str, payload: bytes, retain: bool = False) -> bool:
        try:
            return self._desk.bus.publish(topic, payload, retain=retain).wait(RECEIPT_TRY_S)
        except BrokerError as error:
            log.info("not sent: %s", error)
            return False

    def _log(self, text: str, **fields: str) -> None:
        event(log, text, device=self.key.device_id, capture=self.key.capture_id, sku=self.key.sku, **fields)


def dead_topic(desk: Desk, capture_id: str) -> str:
    """Where the dead letter of a capture lies, retained."""
    return f"{desk.settings.root}/uploader/{desk.uploader_id}/dead/{capture_id}"


def _utc() -> str:
    return rfc3339(time.time_ns() // 1_000_000)
