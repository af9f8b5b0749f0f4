"""From the spool to the uploaders: offers, claims with leases, parts, receipts.

One thread owns all state and does what is posted to its inbox; the bus's handlers only post. Nothing is remembered
that the spool does not know: after a restart everything in delivery is offered again.
"""

import logging
import queue
import random
import threading
import time
from collections.abc import Callable
from functools import partial

from packshot.bus.port import Bus, Incoming, Outcome, Publication
from packshot.domain import IN_DELIVERY, Capture, Stage
from packshot.errors import BadMessage, BrokerError, GiveUpCapture, PackshotError, StopDaemon
from packshot.messages import Claim, Offer, Receipt, decode, encode, part_topic
from packshot.outbox.files import check_file, read_part
from packshot.outbox.offers import make_offer
from packshot.outbox.settings import OutboxSettings
from packshot.outbox.shipment import Part, Phase, Shipment
from packshot.outbox.suspects import PartSize, Suspects
from packshot.platform.logs import event
from packshot.spool.port import Spool

log = logging.getLogger(__name__)

Announce = Callable[[str, Stage, str, str], None]
"""``announce(capture_id, stage, request_id, reason)``: tell whoever listens; never raises, never blocks."""

MessageKey = tuple[str, Part | None]
"""Capture id and part; None is the offer itself."""

TURN_S = 1.0  # longest sleep
LOOK_S = 5.0  # the spool is looked through at least so often, for changes made by other processes
JOIN_S = 10.0


class Outbox:
    """Delivers what the spool holds. ``root`` is the device's topic, for example "packshot/studio-1".

    ``on_fatal`` is told a StopDaemon error (the spool is broken); the outbox stops then. ``beat`` is called on every
    turn of the loop, as a sign of life.
    """

    def __init__(
        self,
        spool: Spool,
        bus: Bus,
        root: str,
        settings: OutboxSettings,
        announce: Announce,
        on_fatal: Callable[[StopDaemon], None] = lambda _: None,
        beat: Callable[[], None] = lambda: None,
        now: Callable[[], float] = time.monotonic,
        uniform: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self._spool = spool
        self._bus = bus
        self._root = root
        self._settings = settings
        self._announce = announce
        self._on_fatal = on_fatal
        self._beat = beat
        self._now = now
        self._uniform = uniform
        self._inbox: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="outbox", daemon=True)
        self._shipments: dict[str, Shipment] = {}
        self._set_aside: dict[str, float] = {}  # capture id -> when it may be offered again
        self._under_way: set[MessageKey] = set()
        self._lost: list[MessageKey] = []
        self._suspects: Suspects[MessageKey] = Suspects(settings.max_disconnects)
        self._part_size = PartSize(settings.min_part_bytes)
        self._connects = 0
        self._look_at = 0.0
        self._last_claim = float("-inf")

    def start(self) -> None:
        """Listen for claims and receipts and begin to deliver."""
        self._bus.subscribe(f"{self._root}/claim/+", partial(self._post_incoming, self._on_claim))
        self._bus.subscribe(f"{self._root}/receipt/+", partial(self._post_incoming, self._on_receipt))
        self._thread.start()

    def wake(self) -> None:
        """Something changed: a capture was cut or released, or the link came up."""
        self._post(self._look_soon)

    def close(self) -> None:
        """Stop delivering; what is under way is offered again at the next start."""
        self._closing.set()
        self._post(self._look_soon)
        if self._thread.is_alive():
            self._thread.join(JOIN_S)

    def _post(self, task: Callable[[], None]) -> None:
        self._inbox.put(task)

    def _post_incoming(self, handle: Callable[[Incoming], None], incoming: Incoming) -> None:
        self._post(partial(handle, incoming))

    # The loop.

    def _run(self) -> None:
        while not self._closing.is_set():
            try:
                self._turn()
            except StopDaemon as error:
                log.exception("the outbox has to stop")
                self._on_fatal(error)
                return
            except PackshotError as error:
                log.warning("delivery: %s", error)
            except Exception:
                log.exception("delivery met an error of its own making")

    def _turn(self) -> None:
        self._beat()
        try:
            self._inbox.get(timeout=self._sleep_s())()
            while not self._inbox.empty():
                self._inbox.get_nowait()()
        except queue.Empty:
            pass
        if not self._bus.connected:
            return
        if self._bus.connects != self._connects:
            self._on_reconnect()
        self._expire()
        self._refill()
        while self._send_one():
            pass

    def _sleep_s(self) -> float:
        if not self._bus.connected:
            return TURN_S
        dues = [shipment.due for shipment in self._shipments.values()]
        return min(TURN_S, max(0.005, min(dues, default=float("inf")) - self._now()))

    def _on_reconnect(self) -> None:
        """Whatever was published before may be gone with the broker's memory."""
        self._connects = self._bus.connects
        convicted = self._suspects.lost(self._lost)
        self._lost = []
        for shipment in self._shipments.values():
            if shipment.phase is Phase.CLAIMED:
                shipment.renewed(self._now(), self._settings.lease_s)
            else:
                shipment.abandoned(self._now())
        self._look_soon()
        if convicted is not None:
            self._punish(convicted)

    def _punish(self, key: MessageKey) -> None:
        capture_id, part = key
        shipment = self._shipments.get(capture_id)
        if shipment is None:
            return
        if part is not None and self._part_size.halve(self._bus.max_message_bytes):
            size = self._part_size.bytes(self._bus.max_message_bytes)
            event(log, "parts lose us the link, trying smaller ones", logging.WARNING, capture=capture_id, bytes=size)
            shipment.abandoned(self._now())
            return
        what = "the offer" if part is None else f"part {part[1]} of {part[0]}"
        times = self._settings.max_disconnects
        self._fail(
            shipment.capture, f"{what} lost us the broker {times} times in a row; check the broker's message size limit"
        )

    # Which captures are in delivery.

    def _look_soon(self) -> None:
        self._look_at = 0.0

    def _refill(self) -> None:
        now = self._now()
        if now < self._look_at or len(self._shipments) >= self._settings.in_flight:
            return
        self._look_at = now + LOOK_S
        self._set_aside = {capture_id: until for capture_id, until in self._set_aside.items() if until > now}
        limit = 4 * self._settings.in_flight + len(self._set_aside)
        for capture in self._spool.captures(IN_DELIVERY, limit):
            if len(self._shipments) < self._settings.in_flight and self._may_go(capture):
                self._take_on(capture)

    def _may_go(self, capture: Capture) -> bool:
        """One capture of a SKU and angle at a time, so that retakes arrive in their order."""
        product = (capture.request.sku, capture.request.angle)
        in_the_way = any(
            (other.capture.request.sku, other.capture.request.angle) == product for other in self._shipments.values()
        )
        known = capture.capture_id in self._shipments or capture.capture_id in self._set_aside
        return not known and not (capture.request.sku and in_the_way)

    def _take_on(self, capture: Capture) -> None:
        offer = self._offer_of(capture)
        if offer is not None:
            self._shipments[capture.capture_id] = Shipment(capture, offer, due=self._now())

    def _offer_of(self, capture: Capture) -> Offer | None:
        """The offer with parts as they can be sent now; None after failing a capture that cannot be offered."""
        largest = self._bus.max_message_bytes
        try:
            return make_offer(capture, self._part_size.bytes(largest), largest, self._settings.lease_s)
        except BadMessage as error:
            self._fail(capture, str(error))
            return None

    def _drop(self, capture_id: str) -> None:
        self._shipments.pop(capture_id, None)
        self._look_soon()

    def _fail(self, capture: Capture, reason: str) -> None:
        self._drop(capture.capture_id)
        self._advance(capture, Stage.FAILED, reason)
        event(log, "delivery failed", logging.ERROR, capture=capture.capture_id, reason=reason)

    def _advance(self, capture: Capture, stage: Stage, reason: str = "") -> Capture:
        after = self._spool.advance(capture.capture_id, stage, reason, only_from=IN_DELIVERY)
        if after.stage is stage and (capture.stage is not stage or reason):
            self._announce(capture.capture_id, stage, capture.request.request_id, reason)
        return after

    # Time.

    def _expire(self) -> None:
        now = self._now()
        for shipment in [each for each in self._shipments.values() if each.due <= now]:
            if shipment.phase is Phase.CLAIMED:
                event(log, "claim ran out", capture=shipment.capture_id, uploader=shipment.claimant)
                shipment.abandoned(now + self._uniform(0, self._settings.lease_s / 4))
            elif shipment.phase is Phase.OFFERED and not self._overtaken(shipment):
                shipment.abandoned(now)

    def _overtaken(self, shipment: Shipment) -> bool:
        """Set an offer aside that nobody takes while others are taken; True if that was done."""
        now, lease_s = self._now(), self._settings.lease_s
        if shipment.offers < self._settings.ignored_offers or now - self._last_claim > 2 * lease_s:
            return False
        event(log, "nobody takes this offer, others go first", logging.WARNING, capture=shipment.capture_id)
        self._set_aside[shipment.capture_id] = now + self._uniform(2, 4) * lease_s
        self._drop(shipment.capture_id)
        return True

    # Sending.

    def _send_one(self) -> bool:
        """Publish one message if the window has room and there is one to send; whether that was done."""
        if len(self._under_way) >= self._suspects.window(self._settings.window) or not self._bus.connected:
            return False
        now = self._now()
        for shipment in self._shipments.values():
            if shipment.phase is Phase.WAITING and shipment.due <= now:
                return self._offer(shipment)
        for shipment in self._shipments.values():
            if shipment.todo and not shipment.hold_back(now, self._settings.ahead, self._settings.pace_s):
                return self._send_part(shipment)
        return False

    def _offer(self, shipment: Shipment) -> bool:
        capture = self._spool.get(shipment.capture_id)
        if capture is None or capture.stage not in IN_DELIVERY:
            self._drop(shipment.capture_id)
            return True
        offer = self._offer_of(capture)
        if offer is None:
            return True
        shipment.capture, shipment.offer = capture, offer
        lease_s = self._settings.lease_s
        topic = f"{self._root}/offer/{shipment.capture_id}"
        if not self._publish((shipment.capture_id, None), topic, encode(shipment.offer), expiry_s=int(2 * lease_s) + 1):
            return False
        shipment.offered(self._now() + self._uniform(1, 1.5) * lease_s)
        shipment.capture = self._advance(capture, Stage.OFFERED)
        return True

    def _send_part(self, shipment: Shipment) -> bool:
        try:
            if not shipment.checked:
                for artefact in shipment.offer.artefacts:
                    check_file(self._spool, shipment.capture_id, artefact)
                shipment.checked = True
            name, number = shipment.todo[0]
            artefact = shipment.artefact(name)
            data = read_part(self._spool, shipment.capture_id, artefact, number)
        except GiveUpCapture as error:
            self._fail_unless_gone(shipment, str(error))
            return True
        part = shipment.next_part()
        topic = f"{self._root}/{part_topic(shipment.capture_id, name, number, artefact.parts)}"
        if not self._publish((shipment.capture_id, part), topic, data):
            shipment.part_lost(part)
            return False
        # To the end of the line, so that captures take turns.
        self._shipments[shipment.capture_id] = self._shipments.pop(shipment.capture_id)
        return True

    def _publish(self, key: MessageKey, topic: str, payload: bytes, expiry_s: int | None = None) -> bool:
        self._under_way.add(key)
        try:
            self._bus.publish(
                topic,
                payload,
                expiry_s=expiry_s,
                on_settled=lambda publication: self._post(partial(self._on_settled, key, publication)),
            )
        except BrokerError as error:
            self._under_way.discard(key)
            log.info("not sent: %s", error)
            return False
        return True

    def _fail_unless_gone(self, shipment: Shipment, reason: str) -> None:
        """Files may be missing because somebody cancelled or purged the capture meanwhile."""
        capture = self._spool.get(shipment.capture_id)
        if capture is None or capture.stage not in IN_DELIVERY:
            self._drop(shipment.capture_id)
        else:
            self._fail(capture, reason)

    # Answers.

    def _on_settled(self, key: MessageKey, publication: Publication) -> None:
        self._under_way.discard(key)
        outcome = publication.outcome
        if outcome is Outcome.LOST:
            self._lost.append(key)
        else:
            self._suspects.taken(key)
        shipment = self._shipments.get(key[0])
        if shipment is None:
            return
        if outcome is Outcome.REFUSED:
            log.warning("the broker refuses what we publish: %s", publication.reason)
        if key[1] is None:
            self._offer_settled(shipment, outcome)
        else:
            self._part_settled(shipment, key[1], outcome)

    def _offer_settled(self, shipment: Shipment, outcome: Outcome) -> None:
        if shipment.phase is not Phase.OFFERED:
            return
        if outcome is Outcome.UNHEARD:
            shipment.unheard += 1
            pause_s = min(self._settings.lease_s, self._settings.unheard_s * 2.0 ** min(shipment.unheard - 1, 16))
            shipment.due = self._now() + self._uniform(0.5, 1) * pause_s
        elif outcome is Outcome.TAKEN:
            shipment.unheard = 0

    def _part_settled(self, shipment: Shipment, part: Part, outcome: Outcome) -> None:
        if outcome is Outcome.TAKEN:
            shipment.part_taken(part, self._now())
            self._part_size.taken()
            if shipment.phase is Phase.CLAIMED:
                shipment.renewed(self._now(), self._settings.lease_s)
            return
        shipment.part_lost(part)
        if outcome is not Outcome.LOST:
            shipment.hold_until = self._now() + self._settings.unheard_s

    def _on_claim(self, incoming: Incoming) -> None:
        incoming.acknowledge()
        shipment = self._shipments.get(incoming.topic.rsplit("/", 1)[-1])
        if shipment is None or incoming.retain:
            return
        claim = decode(incoming.payload, Claim)
        settings = self._settings
        if shipment.phase is Phase.CLAIMED:
            if claim.uploader_id == shipment.claimant:
                shipment.confirmed(claim, self._now(), settings.lease_s, settings.resend_after_s)
            return
        self._last_claim = self._now()
        shipment.claimed(claim, self._now(), settings.lease_s)
        shipment.capture = self._advance(shipment.capture, Stage.CLAIMED)
        event(log, "claimed", capture=shipment.capture_id, uploader=claim.uploader_id, parts=len(shipment.todo))

    def _on_receipt(self, incoming: Incoming) -> None:
        capture_id = incoming.topic.rsplit("/", 1)[-1]
        try:
            receipt = decode(incoming.payload, Receipt)
            self._record(capture_id, receipt)
        except BadMessage as error:
            event(log, "receipt ignored", logging.WARNING, capture=capture_id[:40], reason=str(error))
        incoming.acknowledge()

    def _record(self, capture_id: str, receipt: Receipt) -> None:
        before = self._spool.get(capture_id)
        if before is None or before.stage not in IN_DELIVERY:
            event(log, "receipt for nothing in delivery", logging.DEBUG, capture=capture_id[:40])
            return
        capture = self._spool.record_receipt(capture_id, receipt)
        self._announce(capture_id, capture.stage, capture.request.request_id, receipt.refused)
        event(
            log,
            "delivered" if capture.stage is Stage.RECEIPTED else "refused by the storefront",
            capture=capture_id,
            sku=capture.request.sku,
            target=receipt.target,
            storefront_id=receipt.storefront_id,
            reason=receipt.refused,
        )
        self._drop(capture_id)
