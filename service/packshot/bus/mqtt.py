"""The bus on MQTT: keeps one connection up, routes messages, knows what to say when there is none."""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from paho.mqtt.client import topic_matches_sub
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from packshot.bus import problems
from packshot.bus.link import HEADER_BYTES, Ending, Link, LinkHooks, Sent
from packshot.bus.port import Handler, Incoming, OnSettled, Publication
from packshot.bus.retry import Patience, VersionChoice
from packshot.bus.settings import MqttSettings, tls_context
from packshot.bus.unsaid import Unsaid
from packshot.errors import BrokerError, ConfigError, PackshotError, StopDaemon

log = logging.getLogger(__name__)

MAX_TOPIC_BYTES = 192  # the longest topic we use: a part of a cutout, with room for a long root
GOODBYE_S = 2.0
SHARED = "$share/"


@dataclass(frozen=True)
class _Route:
    handler: Handler
    qos: int


class MqttBus:
    """See ``bus.port.Bus``. Publishes birth and last will on ``will_topic`` by itself.

    ``on_fatal`` is told when a handler raises StopDaemon (the spool is broken); the connection stays up meanwhile.
    Raises ConfigError if TLS files cannot be used.
    """

    def __init__(self, settings: MqttSettings, on_fatal: Callable[[StopDaemon], None] | None = None) -> None:
        tls_context(settings)  # a wrong path is a mistake to report now, not a reason to retry
        self._settings = settings
        self._on_fatal = on_fatal
        self._on_connected: Callable[[], None] = lambda: None
        self._routes: dict[str, _Route] = {}  # replaced as a whole, so readers need no lock
        self._routing = threading.Lock()
        self._link: Link | None = None
        self._problem = "not connected yet"
        self._connects = 0
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None
        self._version = VersionChoice(settings)
        self._patience = Patience(settings)
        self._unsaid = Unsaid()

    @property
    def connected(self) -> bool:
        """See ``bus.port.Bus``."""
        link = self._link
        return link is not None and link.up

    @property
    def connects(self) -> int:
        """See ``bus.port.Bus``."""
        return self._connects

    @property
    def problem(self) -> str:
        """See ``bus.port.Bus``."""
        return "" if self.connected else self._problem

    @property
    def unsaid(self) -> str:
        """See ``bus.port.Bus``."""
        return str(self._unsaid)

    @property
    def protocol(self) -> str:
        """See ``bus.port.Bus``."""
        link = self._link
        return "5" if (link.v5 if link is not None else self._version.v5) else "3.1.1"

    @property
    def max_message_bytes(self) -> int:
        """See ``bus.port.Bus``."""
        link = self._link
        if link is None or link.packet_limit is None:
            return self._settings.max_message_bytes
        return max(1, min(self._settings.max_message_bytes, link.packet_limit - HEADER_BYTES - MAX_TOPIC_BYTES))

    def subscribe(self, topic_filter: str, handler: Handler, qos: int = 1) -> None:
        """See ``bus.port.Bus``."""
        with self._routing:
            self._routes = {**self._routes, topic_filter: _Route(handler, qos)}
        link = self._link
        if link is not None and link.up:
            link.subscribe(topic_filter, qos)

    def unsubscribe(self, topic_filter: str) -> None:
        """See ``bus.port.Bus``."""
        with self._routing:
            self._routes = {key: route for key, route in self._routes.items() if key != topic_filter}
        link = self._link
        if link is not None and link.up:
            link.unsubscribe(topic_filter)

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
        """See ``bus.port.Bus``."""
        link = self._link
        if link is None or not link.up:
            raise BrokerError(self.problem or "not connected to the broker")
        self._check_size(link, topic, payload, correlation, notice=on_settled is None)
        properties = _publish_properties(expiry_s, correlation) if link.v5 else None
        sent = Sent(on_settled, topic, len(payload))
        link.publish(topic, payload, qos, retain, properties, sent)
        return sent

    def start(self, on_connected: Callable[[], None]) -> None:
        """See ``bus.port.Bus``."""
        self._on_connected = on_connected
        self._thread = threading.Thread(target=self._run, name=f"mqtt-{self._settings.client_id}", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """See ``bus.port.Bus``."""
        if self._closing.is_set():
            return
        link = self._link
        if link is not None and link.up:
            self._say_goodbye(link)
        self._closing.set()
        if link is not None and link.up:
            link.disconnect()
        if self._thread is not None:
            self._thread.join(self._settings.connect_timeout_s + GOODBYE_S)

    def _say_goodbye(self, link: Link) -> None:
        if self._settings.will_topic and link.up:
            try:
                self.publish(self._settings.will_topic, self._settings.will_payload, retain=True).wait(GOODBYE_S)
            except BrokerError as error:
                log.info("left without a word: %s", error)

    def _run(self) -> None:
        while not self._closing.is_set():
            link = Link(self._settings, self._version.v5, self._hooks())
            self._link = link
            started = time.monotonic()
            ending = self._serve(link)
            if not self._closing.is_set():
                self._pause(link, ending, time.monotonic() - started)

    def _hooks(self) -> LinkHooks:
        return LinkHooks(
            self._on_up, self._dispatch, self._on_subscribed, on_taken=lambda sent: self._unsaid.taken(sent.topic)
        )

    def _serve(self, link: Link) -> Ending | None:
        """Run one connection; the ending, or None if it could not be opened."""
        try:
            return link.run(self._closing.is_set)
        except (OSError, ConfigError) as error:
            self._problem = problems.unreachable(self._settings, error)
        except Exception as error:
            log.exception("the MQTT client failed")
            self._problem = f"the MQTT client failed: {error}"
        return None

    def _pause(self, link: Link, ending: Ending | None, lasted_s: float) -> None:
        self._patience.note(link, ending, lasted_s)
        if ending is not None:
            self._problem = self._describe(link, ending)
            self._note_suspects(ending)
        if self._version.note(link, ending):
            return
        pause_s = self._patience.next_s()
        log.warning("%s; next attempt in %.1f s", self._problem, pause_s)
        self._closing.wait(pause_s)

    def _describe(self, link: Link, ending: Ending) -> str:
        if link.accepted:
            return problems.ended(self._settings, ending.code, ending.text, self._patience.thrown_out)
        if ending.code == problems.UNSPECIFIED and not link.refused_by_name:
            return problems.hung_up(self._settings)
        return problems.refused(self._settings, ending.code, ending.text)

    def _on_up(self) -> None:
        self._connects += 1
        log.info("connected to %s:%d, MQTT %s", self._settings.host, self._settings.port, self.protocol)
        try:
            # "online" promises that commands are heard, so the broker must have our subscriptions before it.
            for topic_filter, route in self._routes.items():
                self._subscribe_now(topic_filter, route)
            if self._settings.will_topic:
                self.publish(self._settings.will_topic, self._settings.birth_payload, retain=True)
            self._on_connected()
        except BrokerError as error:
            log.info("the connection ended while it was being set up: %s", error)

    def _subscribe_now(self, topic_filter: str, route: _Route) -> None:
        if self._link is not None:
            self._link.subscribe(topic_filter, route.qos)

    def _on_subscribed(self, topic_filter: str, reason: ReasonCode) -> None:
        route = self._routes.get(topic_filter)
        if not reason.is_failure or route is None:
            return
        if topic_filter.startswith(SHARED):
            log.warning("the broker has no shared subscriptions (%s); taking all of %s", reason, _plain(topic_filter))
            self._subscribe_now(_plain(topic_filter), route)
        else:
            log.error("the broker refuses us the topic %s (%s); check its access list", topic_filter, reason)

    def _dispatch(self, incoming: Incoming) -> None:
        handlers = [
            route.handler
            for topic_filter, route in self._routes.items()
            if topic_matches_sub(_plain(topic_filter), incoming.topic)
        ]
        if not handlers:
            # Left over in the session from a subscription that is gone; it must not fill the broker's window.
            incoming.acknowledge()
        for handler in handlers:
            self._handle(handler, incoming)

    def _handle(self, handler: Handler, incoming: Incoming) -> None:
        try:
            handler(incoming)
        except StopDaemon as error:
            log.exception("a message cannot be handled: the service has to stop")
            if self._on_fatal is not None:
                self._on_fatal(error)
        except PackshotError as error:
            log.warning("a message on %s was dropped: %s", incoming.topic[:200], error)
            incoming.acknowledge()
        except Exception:
            log.exception("a message on %s broke its handler", incoming.topic[:200])
            incoming.acknowledge()

    def _check_size(self, link: Link, topic: str, payload: bytes, correlation: bytes, notice: bool) -> None:
        limit = self._settings.max_message_bytes
        packet = len(topic.encode()) + len(payload) + len(correlation) + HEADER_BYTES
        if len(payload) > limit or (link.packet_limit is not None and packet > link.packet_limit):
            allowed = min(limit, link.packet_limit or limit)
            if notice:
                self._unsaid.over_limit(topic, len(payload), allowed)
            raise BrokerError(
                f"a message of {len(payload)} bytes on {topic[:200]} is over the limit of {allowed} bytes"
            )
        if notice:
            self._unsaid.check(topic, len(payload))

    def _note_suspects(self, ending: Ending) -> None:
        if ending.suspects and ending.code != problems.TAKEN_OVER:
            self._unsaid.ended([(sent.topic, sent.size) for sent in ending.suspects if sent.on_settled is None])


def _plain(topic_filter: str) -> str:
    """The filter without its ``$share/<group>/``."""
    return topic_filter.split("/", 2)[2] if topic_filter.startswith(SHARED) else topic_filter


def _publish_properties(expiry_s: int | None, correlation: bytes) -> Properties | None:
    if expiry_s is None and not correlation:
        return None
    properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
    if expiry_s is not None:
        properties.MessageExpiryInterval = expiry_s
    if correlation:
        properties.CorrelationData = correlation
    return properties
