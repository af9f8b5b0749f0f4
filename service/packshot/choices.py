"""``set/<key>`` and ``state/<key>``: what a till or a home-automation panel may switch without a new configuration."""

import logging
from collections.abc import Mapping
from dataclasses import replace

from packshot.bus.port import Bus, Incoming
from packshot.domain import CaptureRequest
from packshot.errors import BadMessage, BrokerError
from packshot.platform.logs import event

log = logging.getLogger(__name__)


class Choices:
    """The profile and preset used when a request names none; back to the configured ones after a restart.

    ``allowed`` maps "profile" and "preset" to the values that exist here, ``initial`` to the configured one.
    """

    def __init__(
        self,
        bus: Bus,
        root: str,
        allowed: Mapping[str, frozenset[str]],
        initial: Mapping[str, str],
        skus: frozenset[str] | None,
    ) -> None:
        self._bus = bus
        self._root = root
        self._allowed = allowed
        self._current = dict(initial)
        self._skus = skus

    @property
    def allowed(self) -> Mapping[str, frozenset[str]]:
        """The values that exist here of "profile" and "preset"."""
        return self._allowed

    @property
    def current(self) -> Mapping[str, str]:
        """What is chosen now: "profile" and "preset"."""
        return dict(self._current)

    def start(self) -> None:
        """Listen."""
        self._bus.subscribe(f"{self._root}/set/+", self._on_set)

    def on_connected(self) -> None:
        """Publish what is chosen now."""
        for key in self._current:
            self._publish(key)

    def complete(self, request: CaptureRequest) -> CaptureRequest:
        """The request with profile and preset filled in; raises BadMessage for values or a SKU unknown here."""
        for key, value in (("profile", request.profile), ("preset", request.preset)):
            if value:
                self._check(key, value)
        if self._skus is not None and request.sku and request.sku not in self._skus:
            raise BadMessage(f"SKU {request.sku!r} is not in the catalogue; check the label or extend the catalogue")
        profile, preset = self._current["profile"], self._current["preset"]
        return replace(request, profile=request.profile or profile, preset=request.preset or preset)

    def _on_set(self, incoming: Incoming) -> None:
        key = incoming.topic.rsplit("/", 1)[-1]
        value = incoming.payload[:80].decode("utf-8", "replace").strip()
        incoming.acknowledge()
        try:
            self._check(key, value)
        except BadMessage as error:
            event(log, "choice refused", logging.WARNING, error=error)
        else:
            self._current[key] = value
        self._publish(key)

    def _check(self, key: str, value: str) -> None:
        if key not in self._allowed:
            raise BadMessage(f"nothing called {key[:40]!r} can be set; known: {', '.join(sorted(self._allowed))}")
        if value not in self._allowed[key]:
            raise BadMessage(f"{key} {value!r} is unknown; known: {', '.join(sorted(self._allowed[key]))}")

    def _publish(self, key: str) -> None:
        if key not in self._current:
            return
        try:
            self._bus.publish(f"{self._root}/state/{key}", self._current[key].encode(), retain=True)
        except BrokerError:
            return  # published again on the next connect
