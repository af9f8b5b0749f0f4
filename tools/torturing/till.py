"""A till that orders captures, asks again until it is answered, and remembers what was promised to it."""

import json
import random
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

ROOT = "packshot/box"
REPEAT_AFTER_S = 1.5
REMEMBERED = 400  # messages that a meddler may send again
WAIT_S = 2.5
DELIVERED = "receipted"
FINAL = frozenset({DELIVERED, "failed", "held", "empty", "refused", "cancelled"})


@dataclass
class Order:
    """One request. ``captures`` are all ids that were acknowledged for it: one, if all is well."""

    request_id: str
    sku: str
    angle: int
    asked_at: float = 0.0
    captures: list[str] = field(default_factory=list)
    error: str = ""
    stage: str = ""  # the last one heard of

    @property
    def payload(self) -> bytes:
        """The command."""
        return json.dumps({"request_id": self.request_id, "sku": self.sku, "angle": self.angle}).encode()


@dataclass(frozen=True)
class Heard:
    """One message that the till overheard."""

    topic: str
    payload: bytes

    @property
    def kind(self) -> str:
        """First topic level below the root: job, offer, receipt ..."""
        return self.topic.removeprefix(f"{ROOT}/").partition("/")[0]


class Till:
    """Listens to everything below the box's root. Its own connection comes back by itself."""

    def __init__(self, port: int, chance: random.Random, skus: int = 40) -> None:
        self.orders: dict[str, Order] = {}
        self.recent: deque[Heard] = deque(maxlen=REMEMBERED)
        self.online = False
        self.responses = 0
        self._open: dict[str, Order] = {}
        self._by_capture: dict[str, Order] = {}
        self._chance = chance
        self._skus = skus
        self._changed = threading.Condition()
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
        self._client.reconnect_delay_set(0.05, 0.2)  # type: ignore[arg-type]  # seconds; fractions work
        self._client.on_connect = self._on_connect
        self._client.on_message = self._on_message
        self._client.connect_async("127.0.0.1", port)
        self._client.loop_start()

    def close(self) -> None:
        """Hang up."""
        self._client.disconnect()
        self._client.loop_stop()

    def order(self, count: int = 1, retakes: bool = False) -> list[Order]:
        """Order captures of different products, of the first few where they are to be retakes."""
        made = []
        for number in self._chance.sample(range(count if retakes else self._skus), count):
            order = Order(f"r{len(self.orders)}", f"SKU-{number}", self._chance.choice((0, 0, 1)))
            self.orders[order.request_id] = self._open[order.request_id] = order
            made.append(order)
            self.ask(order)
        return made

    def ask(self, order: Order) -> None:
        """Send the command, once more if it was sent before."""
        order.asked_at = time.monotonic()
        order.error = ""
        self.say(f"{ROOT}/cmd/capture", order.payload)

    def say(self, topic: str, payload: bytes) -> None:
        """Publish; not waited for, because the broker may be dead."""
        if self._client.is_connected():
            self._client.publish(topic, payload, qos=1)

    def ask_status(self) -> None:
        """Have the retained status sent again: a broker whose queue overflows may have dropped it."""
        self._client.subscribe(f"{ROOT}/status", qos=1)

    def repeat_unanswered(self) -> None:
        """What was not acknowledged is the trigger's to repeat."""
        now = time.monotonic()
        for order in list(self._open.values()):
            if now - order.asked_at > REPEAT_AFTER_S or order.error:
                self.ask(order)

    @property
    def unanswered(self) -> int:
        """Orders without an acknowledgement."""
        return len(self._open)

    def wait(self, condition: Callable[[], bool], timeout_s: float = WAIT_S) -> bool:
        """Whether it came true within that time, as far as messages can make it so."""
        with self._changed:
            return self._changed.wait_for(condition, timeout_s)

    def wait_answered(self, orders: list[Order], timeout_s: float = WAIT_S) -> bool:
        """Whether all were acknowledged or refused."""
        return self.wait(lambda: all(order.captures or order.error for order in orders), timeout_s)

    def wait_delivered(self, orders: list[Order], timeout_s: float = WAIT_S) -> bool:
        """Whether all came to an end that is visible here."""
        return self.wait(lambda: all(order.stage in FINAL for order in orders), timeout_s)

    def wait_idle(self, timeout_s: float) -> bool:
        """Whether nothing that was ordered lately is still on its way."""
        lately = list(self.orders.values())[-12:]
        return self.wait_delivered(lately, timeout_s)

    def overheard(self, *kinds: str) -> list[Heard]:
        """What of these kinds was said lately."""
        with self._changed:
            return [heard for heard in self.recent if heard.kind in kinds]

    def hears(self, kind: str, since: int, timeout_s: float = WAIT_S, word: bytes = b"") -> bool:
        """Whether a message of this kind, with a word in it, has come after the first ``since`` messages."""
        return self.wait(lambda: self._heard_since(kind, since, word), timeout_s)

    @property
    def count(self) -> int:
        """Messages heard so far."""
        return self._count

    _count = 0

    def _heard_since(self, kind: str, since: int, word: bytes) -> bool:
        new = min(self._count - since, len(self.recent))
        return any(
            heard.kind == kind and word in heard.payload for heard in list(self.recent)[len(self.recent) - new :]
        )

    def _on_connect(self, client: mqtt.Client, *_: Any) -> None:
        client.subscribe(f"{ROOT}/#", qos=1)

    def _on_message(self, _client: object, _userdata: object, message: mqtt.MQTTMessage) -> None:
        heard = Heard(message.topic, bytes(message.payload))
        with self._changed:
            if heard.kind == "status":
                self.online = heard.payload == b"online"
            elif heard.kind == "response" and not message.retain:
                self._on_response(json.loads(heard.payload))
            elif heard.kind == "job":
                self._on_job(heard)
            if heard.kind in ("job", "offer", "claim", "cutout", "receipt"):
                self.recent.append(heard)
                self._count += 1
            self._changed.notify_all()

    def _on_response(self, response: dict[str, Any]) -> None:
        order = self.orders.get(response["request_id"])
        if order is None:
            return
        self.responses += 1
        if response["status"] != "ok":
            order.error = response["error"]
            return
        capture_id = response["data"]["capture_id"]
        if capture_id not in order.captures:
            order.captures.append(capture_id)
        self._by_capture[capture_id] = order
        self._open.pop(order.request_id, None)

    def _on_job(self, heard: Heard) -> None:
        event = json.loads(heard.payload)
        order = self.orders.get(event["request_id"]) or self._by_capture.get(heard.topic.rpartition("/")[2])
        if order is not None and order.stage != DELIVERED:
            order.stage = event["stage"]
