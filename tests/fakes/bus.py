"""The bus's port without a network: what was published is kept, and the test says what becomes of it.

bus = MemoryBus()
dispatcher = Dispatcher(spool, bus, ...)
dispatcher.turn()
bus.sent[-1].topic
bus.settle_all(Outcome.TAKEN)       # PUBACK for everything under way
bus.reconnect()                     # everything under way is lost
"""

from collections.abc import Callable
from dataclasses import dataclass

from packshot.bus.port import Handler, OnSettled, Outcome
from packshot.errors import BrokerError


@dataclass
class SentMessage:
    """One publication."""

    topic: str
    payload: bytes
    expiry_s: int | None
    on_settled: OnSettled | None
    outcome: Outcome = Outcome.PENDING
    reason: str = ""
    suspect: bool = True

    def wait(self, timeout_s: float) -> bool:
        return self.outcome in (Outcome.TAKEN, Outcome.UNHEARD)

    def settle(self, outcome: Outcome) -> None:
        self.outcome = outcome
        if self.on_settled is not None:
            self.on_settled(self)


class MemoryBus:
    """See ``packshot.bus.port.Bus``."""

    def __init__(self, max_message_bytes: int = 1000) -> None:
        self.connected = True
        self.connects = 1
        self.problem = ""
        self.unsaid = ""
        self.protocol = "5"
        self.max_message_bytes = max_message_bytes
        self.sent: list[SentMessage] = []
        self.handlers: dict[str, Handler] = {}

    def subscribe(self, topic_filter: str, handler: Handler, qos: int = 1) -> None:
        self.handlers[topic_filter] = handler

    def unsubscribe(self, topic_filter: str) -> None:
        self.handlers.pop(topic_filter, None)

    def publish(
        self,
        topic: str,
        payload: bytes,
        qos: int = 1,
        retain: bool = False,
        expiry_s: int | None = None,
        correlation: bytes = b"",
        on_settled: OnSettled | None = None,
    ) -> SentMessage:
        if not self.connected or len(payload) > self.max_message_bytes:
            raise BrokerError("not connected, or too large")
        self.sent.append(SentMessage(topic, payload, expiry_s, on_settled))
        return self.sent[-1]

    def start(self, on_connected: Callable[[], None]) -> None:
        on_connected()

    def close(self) -> None:
        self.connected = False

    def under_way(self) -> list[SentMessage]:
        return [message for message in self.sent if message.outcome is Outcome.PENDING]

    def settle_all(self, outcome: Outcome = Outcome.TAKEN) -> None:
        for message in self.under_way():
            message.settle(outcome)

    def reconnect(self) -> None:
        self.settle_all(Outcome.LOST)
        self.connects += 1
