"""What is to be done now: offers, leases, parts, receipts. Runs in the outbox's one thread, so it needs no locks."""

import logging
import time
from collections.abc import Callable

from packshot.bus.port import Bus, Incoming, Outcome, Publication
from packshot.domain import IN_DELIVERY, Capture, Stage
from packshot.errors import BadMessage, GiveUpCapture
from packshot.messages import MAX_PARTS, Claim, Offer, Receipt, decode, encode, part_topic
from packshot.outbox.files import check_file, read_part
from packshot.outbox.line import Line
from packshot.outbox.offers import make_offer
from packshot.outbox.settings import OutboxSettings
from packshot.outbox.shipment import Part, Phase, Shipment
from packshot.outbox.staging import Staging
from packshot.outbox.suspects import PartSize
from packshot.outbox.window import MessageKey, OnSettled, Window
from packshot.parts import part_count
from packshot.platform.logs import event
from packshot.spool.port import Spool

log = logging.getLogger(__name__)

Announce = Callable[[str, Stage, str, str], None]
"""``announce(capture_id, stage, request_id, reason)``: tell whoever listens; never raises, never blocks."""

LOOK_S = 5.0  # the spool is looked through at least so often, for changes made by other processes


class Dispatcher:
    """Moves every shipment on when ``turn`` is called, and takes note of what others say.

    ``on_settled`` is called from the bus's thread and must see to it that ``settled`` is called from ours. ``uniform``
    is random.uniform, or something that a test can foresee. With ``staging`` the bytes go to an object store first.
    """

    def __init__(
        self,
        spool: Spool,
        bus: Bus,
        root: str,
        settings: OutboxSettings,
        announce: Announce,
        on_settled: OnSettled,
        uniform: Callable[[float, float], float],
        now: Callable[[], float] = time.monotonic,
        staging: Staging | None = None,
    ) -> None:
        self._staging = staging
        self._spool = spool
        self._bus = bus
        self._root = root
        self._settings = settings
        self._announce = announce
        self._uniform = uniform
        self._now = now
        self._shipments: dict[str, Shipment] = {}
        self._line = Line(spool, settings.in_flight)
        self._window = Window(bus, settings, on_settled)
        self._part_size = PartSize(settings.min_part_bytes)
        self._connects = 0
        self._look_at = 0.0
        self._last_claim = float("-inf")

    def look_soon(self) -> None:
        """Something changed in the spool."""
        self._look_at = 0.0

    def turn(self) -> None:
        """Do everything that can be done now. Raises SpoolError."""
        if not self._bus.connected:
            return
        if self._bus.connects != self._connects:
            self._on_reconnect()
        self._expire()
        self._refill()
        while self._window.has_room and self._send_one():
            pass

    def next_due(self) -> float:
        """When ``turn`` has something to do even if nothing happens, as a monotonic time in seconds."""
        if not self._bus.connected:
            return float("inf")
        has_room = self._window.has_room
        dues = (each.due for each in self._shipments.values() if each.phase is not Phase.WAITING or has_room)
        return min(dues, default=float("inf"))

    def _on_reconnect(self) -> None:
        """Whatever was published before may be gone with the broker's memory."""
        self._connects = self._bus.connects
        convicted = self._window.reconnected()
        for shipment in self._shipments.values():
            if shipment.phase is Phase.CLAIMED:
                shipment.renewed(self._now(), self._settings.lease_s)
            else:
                shipment.abandoned(self._now())
        self.look_soon()
        if convicted is not None:
            self._punish(convicted, "lost us the broker")

    def _punish(self, key: MessageKey, crime: str) -> None:
        """A message does not get through: smaller parts, or the end of its capture if it cannot be made smaller."""
        capture_id, part = key
        shipment = self._shipments.get(capture_id)
        if shipment is None:
            return
        if part is not None and self._shrink_parts(shipment, part):
            size = self._part_size.bytes(self._bus.max_message_bytes)
            event(log, "trying smaller parts", logging.WARNING, capture=capture_id, reason=f"one {crime}", bytes=size)
            shipment.abandoned(self._now())
            return
        what = "the offer" if part is None else f"part {part[1]} of {part[0]}"
        times = self._settings.max_disconnects
        self._fail(shipment.capture, f"{what} {crime} {times} times in a row; check the broker's message size limit")

    def _shrink_parts(self, shipment: Shipment, part: Part) -> bool:
        """Whether the capture can be offered anew in parts smaller than this one."""
        artefact = shipment.artefact(part[0])
        part_bytes = part_count(artefact.bytes, artefact.parts)
        return artefact.parts < MAX_PARTS and self._part_size.shrink(part_bytes, self._bus.max_message_bytes)

    def _refill(self) -> None:
        now = self._now()
        if now < self._look_at or len(self._shipments) >= self._settings.in_flight:
            return
        self._look_at = now + LOOK_S
        ready = [capture for capture in self._line.waiting(self._placed()) if self._is_ready(capture)]
        for capture in ready[: self._settings.in_flight - len(self._shipments)]:
            self._take_on(capture)

    def _is_ready(self, capture: Capture) -> bool:
        try:
            return self._staging is None or self._staging.ready(capture)
        except GiveUpCapture as error:
            self._fail(capture, str(error))
            return False

    def _placed(self) -> list[Capture]:
        return [shipment.capture for shipment in self._shipments.values()]

    def _take_on(self, capture: Capture) -> None:
        offer = self._offer_of(capture)
        if offer is not None:
            self._shipments[capture.capture_id] = Shipment(capture, offer, due=self._now())

    def _offer_of(self, capture: Capture) -> Offer | None:
        """The offer with parts as they can be sent now; None after failing a capture that cannot be offered."""
        largest = self._bus.max_message_bytes
        try:
            urls = self._staging.urls(capture) if self._staging is not None else None
            return make_offer(capture, self._part_size.bytes(largest), largest, self._settings.lease_s, urls)
        except BadMessage as error:
            self._fail(capture, str(error))
            return None

    def _drop(self, capture_id: str) -> None:
        self._shipments.pop(capture_id, None)
        self.look_soon()

    def _done(self, capture: Capture) -> None:
        self._drop(capture.capture_id)
        self._line.welcome(capture.capture_id)
        if self._staging is not None:
            self._staging.done(capture.capture_id)

    def _fail(self, capture: Capture, reason: str) -> None:
        self._advance(capture, Stage.FAILED, reason)
        self._done(capture)
        event(log, "delivery failed", logging.ERROR, capture=capture.capture_id, reason=reason)

    def _advance(self, capture: Capture, stage: Stage, reason: str = "") -> Capture:
        after = self._spool.advance(capture.capture_id, stage, reason, only_from=IN_DELIVERY)
        if after.stage is stage and (capture.stage is not stage or reason):
            self._announce(capture.capture_id, stage, capture.request.request_id, reason)
        return after

    def _expire(self) -> None:
        now = self._now()
        for shipment in [each for each in self._shipments.values() if each.due <= now]:
            if shipment.phase is Phase.CLAIMED:
                event(log, "claim ran out", capture=shipment.capture_id, uploader=shipment.claimant)
                if self._staging is not None:
                    self._staging.renew(shipment.capture)
                shipment.abandoned(now + self._uniform(0, self._settings.lease_s / 4))
            elif shipment.phase is Phase.OFFERED and not self._overtaken(shipment):
                shipment.abandoned(now)

    def _overtaken(self, shipment: Shipment) -> bool:
        """Give the place of an offer that nobody takes to another capture, if one waits; True if that was done."""
        patience = self._settings.ignored_offers
        if self._now() - self._last_claim > 2 * self._settings.lease_s:
            patience *= 4  # no uploader seems to be there, so it is not this offer that is wrong
        if shipment.offers < patience:
            return False
        self._line.set_aside(shipment.capture_id)
        if not self._line.others_wait(self._placed()):
            return False
        event(log, "nobody takes this offer, others go first", logging.WARNING, capture=shipment.capture_id)
        self._drop(shipment.capture_id)
        return True

    # Sending.

    def _send_one(self) -> bool:
        """Publish one message, if there is one to send; whether something was done."""
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
            self._done(shipment.capture)
            return True
        offer = self._offer_of(capture)
        if offer is None:
            return True
        shipment.pack(capture, offer)
        lease_s = self._settings.lease_s
        topic = f"{self._root}/offer/{shipment.capture_id}"
        payload = encode(offer)
        if not self._window.send((shipment.capture_id, None), topic, payload, expiry_s=int(2 * lease_s) + 1):
            return self._offer_not_sent(shipment, len(payload))
        shipment.offered(self._now() + self._uniform(1, 1.5) * lease_s)
        shipment.capture = self._advance(capture, Stage.OFFERED)
        return True

    def _offer_not_sent(self, shipment: Shipment, size: int) -> bool:
        """The link is down, or this broker has said that it takes no message so large; True if it is the latter."""
        if not self._is_over_limit(size):
            return False
        limit = self._bus.max_message_bytes
        reason = f"the offer of {size} bytes is over the broker's limit of about {limit}; raise max_packet_size there"
        self._fail(shipment.capture, reason)
        return True

    def _is_over_limit(self, size: int) -> bool:
        return self._bus.connected and size > self._bus.max_message_bytes

    def _send_part(self, shipment: Shipment) -> bool:
        name, number = shipment.todo[0]
        artefact = shipment.artefact(name)
        try:
            self._check_once(shipment)
            data = read_part(self._spool, shipment.capture_id, artefact, number)
        except GiveUpCapture as error:
            self._fail_unless_gone(shipment, str(error))
            return True
        part = shipment.next_part()
        topic = f"{self._root}/{part_topic(shipment.capture_id, name, number, artefact.parts)}"
        if not self._window.send((shipment.capture_id, part), topic, data):
            shipment.part_lost(part)
            if not self._is_over_limit(len(data)):
                return False
            shipment.abandoned(self._now())  # the broker came back with a smaller limit: offer it in smaller parts
            return True
        # To the end of the line, so that captures take turns.
        self._shipments[shipment.capture_id] = self._shipments.pop(shipment.capture_id)
        return True

    def _check_once(self, shipment: Shipment) -> None:
        if not shipment.checked:
            for artefact in shipment.offer.artefacts:
                check_file(self._spool, shipment.capture_id, artefact)
            shipment.checked = True

    def _fail_unless_gone(self, shipment: Shipment, reason: str) -> None:
        """Files may be missing because somebody cancelled or purged the capture meanwhile."""
        capture = self._spool.get(shipment.capture_id)
        if capture is None or capture.stage not in IN_DELIVERY:
            self._done(shipment.capture)
        else:
            self._fail(capture, reason)

    # Answers.

    def settled(self, key: MessageKey, publication: Publication) -> None:
        """What became of a message of ours."""
        capture_id, part = key
        outcome = publication.outcome
        self._window.settled(key, publication)
        if outcome is Outcome.REFUSED:
            log.warning("the broker refuses what we publish: %s", publication.reason)
        shipment = self._shipments.get(capture_id)
        if shipment is None:
            return
        if part is None:
            self._offer_settled(shipment, outcome)
        else:
            self._part_settled(shipment, part, outcome)

    def _offer_settled(self, shipment: Shipment, outcome: Outcome) -> None:
        if shipment.phase is not Phase.OFFERED:
            return
        if outcome is Outcome.UNHEARD:
            shipment.unheard += 1
            shipment.offers -= 1
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

    def on_claim(self, incoming: Incoming) -> None:
        """``claim/<capture_id>``; raises BadMessage."""
        incoming.acknowledge()
        claim = decode(incoming.payload, Claim)
        shipment = self._shipments.get(_capture_id(incoming))
        if shipment is None or incoming.retain:
            return
        now, settings = self._now(), self._settings
        if shipment.phase is Phase.CLAIMED:
            if claim.uploader_id == shipment.claimant:
                shipment.confirmed(claim, now, settings.lease_s, settings.resend_after_s)
                vanished = shipment.vanishing(settings.max_disconnects)
                if vanished is not None:
                    self._punish((shipment.capture_id, vanished), "was taken by the broker and never arrived")
            return
        self._last_claim = now
        self._line.welcome(shipment.capture_id)
        shipment.claimed(claim, now, settings.lease_s)
        shipment.capture = self._advance(shipment.capture, Stage.CLAIMED)
        event(log, "claimed", capture=shipment.capture_id, uploader=claim.uploader_id, parts=len(shipment.todo))

    def on_receipt(self, incoming: Incoming) -> None:
        """``receipt/<capture_id>``; acknowledged once the spool has it."""
        capture_id = _capture_id(incoming)
        try:
            self._record(capture_id, decode(incoming.payload, Receipt))
        except BadMessage as error:
            event(log, "receipt ignored", logging.WARNING, capture=capture_id[:40], reason=str(error))
        incoming.acknowledge()

    def _record(self, capture_id: str, receipt: Receipt) -> None:
        before = self._spool.get(capture_id)
        # Whatever its stage: if the picture is in the shop, a capture that failed or was cancelled meanwhile is too.
        capture = self._spool.record_receipt(capture_id, receipt) if before is not None else None
        if before is None or capture is None or capture.stage is before.stage:
            event(log, "receipt that changes nothing", logging.DEBUG, capture=capture_id[:40])
            return
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
        self._done(capture)


def _capture_id(incoming: Incoming) -> str:
    return incoming.topic.rsplit("/", 1)[-1]
