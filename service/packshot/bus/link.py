"""One MQTT connection from CONNECT to its end, on paho. A new one is made for every attempt.

A fresh client per attempt means that nothing from the last connection is sent again behind our back: paho would
otherwise resend what was in flight on every reconnect, for ever when it is that message that ends the connection.
"""

import itertools
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage, MQTTv5, MQTTv311, error_string
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from packshot.bus.port import Incoming, OnSettled, Outcome
from packshot.bus.settings import MqttSettings, tls_context
from packshot.errors import BrokerError

log = logging.getLogger(__name__)

LOOP_S = 0.5
MAX_IN_FLIGHT = 16  # messages without PUBACK; more wait in paho, so callers keep a window of their own
NO_ANSWER = -1
NO_MATCHING_SUBSCRIBERS = 0x10
HEADER_BYTES = 48  # fixed header, lengths, packet id, expiry and the property that precedes correlation data


class Sent:
    """A publication of one link; settled exactly once."""

    def __init__(self, on_settled: OnSettled | None = None, topic: str = "", size: int = 0) -> None:
        self.topic = topic
        self.size = size
        self.outcome = Outcome.PENDING
        self.reason = ""
        self.suspect = False
        self.number = -1  # in the order of publishing
        self.on_settled = on_settled
        self._done = threading.Event()

    def wait(self, timeout_s: float) -> bool:
        """See ``bus.port.Publication``."""
        self._done.wait(timeout_s)
        return self.outcome in (Outcome.TAKEN, Outcome.UNHEARD)

    def settle(self, outcome: Outcome, reason: str = "") -> None:
        """Fix the outcome and tell whoever waits."""
        self.outcome = outcome
        self.reason = reason
        self._done.set()
        if self.on_settled is not None:
            self.on_settled(self)


@dataclass(frozen=True)
class Ending:
    """Why a link ended: the broker's reason code (0x8E session taken over ...), 0x80 where it gave none, NO_ANSWER.

    ``idle`` says that nothing of ours was waiting for its PUBACK, so no message of ours was the cause. ``suspects``
    are the largest messages of which the broker has not shown that it took them.
    """

    code: int
    text: str
    idle: bool
    suspects: tuple[Sent, ...] = ()


@dataclass(frozen=True)
class LinkHooks:
    """What a link tells its owner, from the thread that calls ``run``."""

    on_up: Callable[[], None]
    on_message: Callable[[Incoming], None]
    on_subscribed: Callable[[str, ReasonCode], None]
    on_taken: Callable[[Sent], None]


class Link:
    """One connection. ``run`` blocks until it ends; the other methods may be called from any thread."""

    def __init__(self, settings: MqttSettings, v5: bool, hooks: LinkHooks) -> None:
        self.v5 = v5
        self.up = False
        self.accepted = False
        self.session_present = False
        self.packet_limit: int | None = None  # MaximumPacketSize of the broker, whole packet
        self._settings = settings
        self._hooks = hooks
        self._unanswered = False
        self._refusal: ReasonCode | None = None
        self._ending: ReasonCode | None = None
        # dict operations are atomic: publish(), the PUBACK and the end of the link race for an entry, one settles it.
        self._pending: dict[int, Sent] = {}
        self._unproven: dict[int, Sent] = {}  # QoS 0 by their number, until a later message has its PUBACK
        self._numbers = itertools.count()
        self._subscribing: dict[int, str] = {}
        self._client = self._make_client()

    @property
    def refused_by_name(self) -> bool:
        """Whether the broker answered our CONNECT with a reason, instead of hanging up."""
        return self._refusal is not None

    def run(self, stop: Callable[[], bool]) -> Ending:
        """Connect, serve until the link ends or ``stop`` says so. Raises OSError or ssl.SSLError if unreachable."""
        self._connect()
        answer_by = time.monotonic() + self._settings.connect_timeout_s
        try:
            while self._client.loop(LOOP_S) == MQTTErrorCode.MQTT_ERR_SUCCESS and not stop():
                if not self.accepted and time.monotonic() > answer_by:
                    self._unanswered = True
                    break
        finally:
            ending = self._explain()
            self._take_down(ending)
        return ending

    def publish(
        self, topic: str, payload: bytes, qos: int, retain: bool, properties: Properties | None, sent: Sent
    ) -> None:
        """Hand a message to paho; raises BrokerError if the link is down."""
        if not self.up:
            raise BrokerError("not connected to the broker")
        info = self._client.publish(topic, payload, qos, retain, properties)
        if info.rc != MQTTErrorCode.MQTT_ERR_SUCCESS:
            raise BrokerError(f"the message cannot be sent: {error_string(info.rc)}")
        sent.number = next(self._numbers)
        if qos == 0:
            self._unproven[sent.number] = sent
            sent.settle(Outcome.TAKEN)
            return
        early = self._pending.setdefault(info.mid, sent)
        if early is not sent:
            self._pending.pop(info.mid, None)
            sent.settle(early.outcome, early.reason)
        elif not self.up and self._pending.pop(info.mid, None):
            sent.settle(Outcome.LOST, "the connection ended")

    def subscribe(self, topic_filter: str, qos: int) -> None:
        """Ask the broker for messages; the answer comes to ``on_subscribed``."""
        rc, mid = self._client.subscribe(topic_filter, qos)
        if rc == MQTTErrorCode.MQTT_ERR_SUCCESS and mid is not None:
            self._subscribing[mid] = topic_filter

    def unsubscribe(self, topic_filter: str) -> None:
        """Tell the broker to send no more of these."""
        self._client.unsubscribe(topic_filter)

    def disconnect(self) -> None:
        """Ask for a clean end; ``run`` returns soon."""
        self._client.disconnect()

    def _make_client(self) -> Client:
        settings = self._settings
        client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=settings.client_id,
            clean_session=None if self.v5 else False,
            protocol=MQTTv5 if self.v5 else MQTTv311,
            reconnect_on_failure=False,
            manual_ack=True,
        )
        client.connect_timeout = settings.connect_timeout_s
        client.max_inflight_messages_set(MAX_IN_FLIGHT)
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_message = self._on_message
        client.on_publish = self._on_publish
        client.on_subscribe = self._on_subscribe
        # With this set, other threads only queue and wake the loop; all writing is done by the loop's own thread.
        client.on_socket_register_write = _leave_writing_to_the_loop
        return client

    def _connect(self) -> None:
        settings = self._settings
        if settings.username:
            self._client.username_pw_set(settings.username, settings.password or None)
        context = tls_context(settings)
        if context is not None:
            self._client.tls_set_context(context)
        if settings.will_topic:
            self._client.will_set(settings.will_topic, settings.will_payload, qos=1, retain=True)
        if not self.v5:
            self._client.connect(settings.host, settings.port, settings.keepalive_s)
            return
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.SessionExpiryInterval = settings.session_expiry_s
        properties.ReceiveMaximum = settings.receive_maximum
        properties.MaximumPacketSize = settings.max_receive_bytes
        self._client.connect(
            settings.host, settings.port, settings.keepalive_s, clean_start=False, properties=properties
        )

    def _on_connect(
        self, _client: Client, _data: Any, flags: ConnectFlags, reason: ReasonCode, properties: Properties | None
    ) -> None:
        if reason.is_failure:
            self._refusal = reason
            return
        self.packet_limit = getattr(properties, "MaximumPacketSize", None)
        self.session_present = flags.session_present
        self.accepted = self.up = True
        self._hooks.on_up()

    def _on_disconnect(
        self, _client: Client, _data: Any, _flags: DisconnectFlags, reason: ReasonCode, _properties: Properties | None
    ) -> None:
        self.up = False
        self._ending = self._ending or reason

    def _on_message(self, _client: Client, _data: Any, message: MQTTMessage) -> None:
        try:
            topic = message.topic
        except UnicodeDecodeError:
            log.warning("a message whose topic is not UTF-8 was dropped")
            self._acknowledge(message.mid, message.qos)
            return
        if len(message.payload) > self._settings.max_receive_bytes:
            log.warning(
                "a message of %d bytes on %s is larger than any for us; dropped", len(message.payload), topic[:200]
            )
            self._acknowledge(message.mid, message.qos)
            return
        values = message.properties
        incoming = Incoming(
            topic=topic,
            payload=bytes(message.payload),
            retain=message.retain,
            qos=message.qos,
            response_topic=getattr(values, "ResponseTopic", ""),
            correlation=getattr(values, "CorrelationData", b""),
            acknowledge=lambda: self._acknowledge(message.mid, message.qos),
        )
        self._hooks.on_message(incoming)

    def _acknowledge(self, mid: int, qos: int) -> None:
        # On a link that is gone the packet id means nothing any more; the broker sends the message again.
        if self.up and qos:
            self._client.ack(mid, qos)

    def _on_publish(self, _client: Client, _data: Any, mid: int, reason: ReasonCode, _properties: Properties) -> None:
        early = Sent()
        early.settle(_outcome(reason), str(reason) if reason.value else "")
        sent = self._pending.setdefault(mid, early)
        if sent is not early:
            self._pending.pop(mid, None)
            sent.settle(early.outcome, early.reason)
            self._prove(sent)

    def _prove(self, answered: Sent) -> None:
        """A broker reads in order: what was published before this one, it has as well."""
        self._hooks.on_taken(answered)
        for number in [number for number in list(self._unproven) if number < answered.number]:
            self._hooks.on_taken(self._unproven.pop(number))

    def _on_subscribe(
        self, _client: Client, _data: Any, mid: int, reasons: list[ReasonCode], _properties: Properties
    ) -> None:
        topic_filter = self._subscribing.pop(mid, "")
        for reason in reasons:
            self._hooks.on_subscribed(topic_filter, reason)

    def _explain(self) -> Ending:
        if self._unanswered:
            return Ending(NO_ANSWER, f"no answer to CONNECT within {self._settings.connect_timeout_s:.0f} s", idle=True)
        reason = self._refusal or self._ending
        if reason is None:
            return Ending(0, "we ended the connection", idle=True)
        return Ending(reason.value, str(reason), idle=not self._pending, suspects=self._suspects())

    def _suspects(self) -> tuple[Sent, ...]:
        unanswered = [*list(self._pending.values()), *list(self._unproven.values())]
        largest = max((sent.size for sent in unanswered), default=0)
        return tuple(sent for sent in unanswered if sent.size == largest)

    def _take_down(self, ending: Ending) -> None:
        sock = self._client.socket()
        if sock is not None:
            sock.close()
        self.up = False
        for sent in ending.suspects:
            sent.suspect = True
        while self._pending:
            _, sent = self._pending.popitem()
            if sent.outcome is Outcome.PENDING:
                sent.settle(Outcome.LOST, ending.text)


def _outcome(reason: ReasonCode) -> Outcome:
    if reason.is_failure:
        return Outcome.REFUSED
    return Outcome.UNHEARD if reason.value == NO_MATCHING_SUBSCRIBERS else Outcome.TAKEN


def _leave_writing_to_the_loop(_client: Client, _data: Any, _socket: Any) -> None:
    """See ``Link._make_client``."""
