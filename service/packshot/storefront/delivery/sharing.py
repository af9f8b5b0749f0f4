"""Does this broker really share subscriptions? On 3.1.1 some accept ``$share/...`` and never deliver anything to it.

The uploader sends itself a message through a shared subscription of its own. If it does not come back, all offers are
subscribed to plainly: uploaders then see each other's offers, and the boxes' claims keep them apart.
"""

import logging
import secrets
import threading
import time
from collections.abc import Callable

from packshot.bus.port import Bus, Incoming
from packshot.errors import BrokerError

log = logging.getLogger(__name__)

ECHO_S = 3.0


class SharingProbe:
    """``topic`` is the uploader's own; ``on_missing`` is called once, when the broker does not share."""

    def __init__(self, bus: Bus, topic: str, group: str, on_missing: Callable[[], None]) -> None:
        self._bus = bus
        self._topic = topic
        self._filter = f"$share/{group}/{topic}"
        self._on_missing = on_missing
        self._lock = threading.Lock()
        self._nonce = b""
        self._sent_at: float | None = None

    def start(self) -> None:
        """Listen for the echo."""
        self._bus.subscribe(self._filter, self._on_echo)

    def on_connected(self) -> None:
        """Ask this broker, if its version of MQTT does not answer that by itself."""
        if self._bus.protocol != "3.1.1":
            return
        nonce = secrets.token_hex(8).encode()
        with self._lock:
            self._nonce, self._sent_at = nonce, time.monotonic()
        try:
            self._bus.publish(self._topic, nonce)
        except BrokerError as error:
            log.debug("not asked: %s", error)

    def tick(self) -> None:
        """Draw the conclusion when the time is up."""
        with self._lock:
            waiting = self._sent_at is not None and self._bus.connected
            over = self._sent_at is not None and time.monotonic() - self._sent_at > ECHO_S
            if not (waiting and over):
                return
            self._sent_at = None
        log.warning("the broker does not share subscriptions; taking all offers")
        self._on_missing()

    def _on_echo(self, incoming: Incoming) -> None:
        incoming.acknowledge()
        with self._lock:
            if incoming.payload == self._nonce:
                self._sent_at = None
