"""The port of the message bus."""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol


@dataclass(frozen=True)
class Incoming:
    """One message. ``acknowledge`` tells the broker that it needs not be sent again; call it once it is durable."""

    topic: str
    payload: bytes
    retain: bool = False
    qos: int = 0
    response_topic: str = ""
    correlation: bytes = b""
    acknowledge: Callable[[], None] = field(default=lambda: None, compare=False, repr=False)


Handler = Callable[[Incoming], None]


class Outcome(Enum):
    """What became of a message on its way out."""

    PENDING = "pending"
    TAKEN = "taken"  # the broker has it (PUBACK); that is no delivery
    UNHEARD = "unheard"  # the broker took it and says that nobody listens (version 5 only)
    REFUSED = "refused"  # the broker answered with an error (quota, not authorised)
    LOST = "lost"  # the connection ended first; the broker may have it or not


class Publication(Protocol):
    """A message on its way out. It is never sent again by the bus: whoever sent it decides."""

    @property
    def outcome(self) -> Outcome:
        """What became of it so far."""

    @property
    def reason(self) -> str:
        """One line about REFUSED, UNHEARD or LOST, else empty."""

    @property
    def suspect(self) -> bool:
        """LOST while nothing larger was under way: if a message ended the connection, it is such a one."""

    def wait(self, timeout_s: float) -> bool:
        """True once the broker has it (PUBACK for QoS 1), False when the time is up, it was refused or is lost."""


OnSettled = Callable[[Publication], None]


class Bus(Protocol):
    """A connection that comes and goes. No call blocks on the network; handlers run in the bus's own thread.

    Subscriptions are re-made, and ``on_connected`` called, on every connect, session present or not. Handlers must
    be quick: while one runs, nothing else is received. A handler acknowledges its message, now or later.
    """

    @property
    def connected(self) -> bool:
        """Whether the broker has accepted us and the link is up; a refused connect is not a connect."""

    @property
    def connects(self) -> int:
        """How often the broker has accepted us so far; a new number means that messages may have been lost."""

    @property
    def protocol(self) -> str:
        """What is spoken now, or would be tried next: "5" or "3.1.1"."""

    @property
    def problem(self) -> str:
        """Empty while connected, else one line: unreachable, refused (bad password), taken over ..."""

    @property
    def unsaid(self) -> str:
        """Empty, or one line about notices that this broker does not take; they are left out.

        A notice is a message published without ``on_settled``.
        """

    @property
    def max_message_bytes(self) -> int:
        """Largest payload that both the configuration and the broker's CONNACK allow."""

    def subscribe(self, topic_filter: str, handler: Handler, qos: int = 1) -> None:
        """Route messages that match the filter to the handler, now and after every reconnect.

        ``$share/<group>/<filter>`` shares the messages with other clients; where the broker refuses shared
        subscriptions the plain filter is used.
        """

    def unsubscribe(self, topic_filter: str) -> None:
        """End a subscription."""

    def publish(
        self,
        topic: str,
        payload: bytes,
        qos: int = 1,
        retain: bool = False,
        expiry_s: int | None = None,
        correlation: bytes = b"",
        on_settled: OnSettled | None = None,
    ) -> Publication:
        """Send; raises BrokerError when not connected or the payload is over ``max_message_bytes``.

        Nothing is queued for later: the spool is the queue. ``on_settled`` is called once, from the bus's thread or
        from this call, when the outcome is no longer PENDING.
        """

    def start(self, on_connected: Callable[[], None]) -> None:
        """Begin to connect, again and again with back-off and jitter, until ``close``."""

    def close(self) -> None:
        """Disconnect cleanly (the last will is not sent) and join the thread; calling it again does nothing."""
