"""The messages that are under way: few at a time, and known by name when the link breaks."""

import logging
from collections.abc import Callable

from packshot.bus.port import Bus, Outcome, Publication
from packshot.errors import BrokerError
from packshot.outbox.settings import OutboxSettings
from packshot.outbox.shipment import Part
from packshot.outbox.suspects import Suspects

log = logging.getLogger(__name__)

MessageKey = tuple[str, Part | None]
"""Capture id and part; None is the offer itself."""

OnSettled = Callable[[MessageKey, Publication], None]


class Window:
    """Publishes; ``on_settled`` is called from the bus's thread, ``settled`` is to be called from the outbox's own."""

    def __init__(self, bus: Bus, settings: OutboxSettings, on_settled: OnSettled) -> None:
        self._bus = bus
        self._size = settings.window
        self._on_settled = on_settled
        self._suspects: Suspects[MessageKey] = Suspects(settings.max_disconnects)
        self._under_way: set[MessageKey] = set()
        self._lost: list[MessageKey] = []

    @property
    def has_room(self) -> bool:
        """Whether another message may be sent now."""
        return self._bus.connected and len(self._under_way) < self._suspects.window(self._size)

    def send(self, key: MessageKey, topic: str, payload: bytes, expiry_s: int | None = None) -> bool:
        """Publish with QoS 1; False if the link is down."""
        self._under_way.add(key)
        try:
            self._bus.publish(
                topic, payload, expiry_s=expiry_s, on_settled=lambda publication: self._on_settled(key, publication)
            )
        except BrokerError as error:
            self._under_way.discard(key)
            log.info("not sent: %s", error)
            return False
        return True

    def settled(self, key: MessageKey, publication: Publication) -> None:
        """The fate of a message is known."""
        self._under_way.discard(key)
        if publication.outcome is not Outcome.LOST:
            self._suspects.taken(key)
        elif publication.suspect:
            self._lost.append(key)

    def reconnected(self) -> MessageKey | None:
        """The link is up again; the message that is convicted of breaking it, if any."""
        lost, self._lost = self._lost, []
        return self._suspects.lost(lost)
