"""``update/state`` and ``update/cmd``: the updater's own account on MQTT, and the wish to install handed to it.

The updater runs as root outside the slots and never speaks MQTT; we run in a sandbox and can only ask.
"""

import logging
import time
from contextlib import suppress
from typing import Any

import msgspec

from packshot import __version__
from packshot.bus.port import Bus, Incoming
from packshot.errors import BrokerError
from packshot.platform.logs import event
from packshot.platform.runtime import RuntimeFolder
from packshot.update.layout import Layout
from packshot.update.state import Phase, State, at_rest_if_idle

log = logging.getLogger(__name__)

INSTALL = b"install"
LOOK_EVERY_S = 2.0


class UpdatePanel:
    """Publishes Home Assistant's ``update`` JSON when the updater's state file changes, and on every connect.

    https://www.home-assistant.io/integrations/update.mqtt/
    """

    def __init__(self, bus: Bus, root: str, runtime: RuntimeFolder, layout: Layout | None = None) -> None:
        self._bus = bus
        self._root = root
        self._runtime = runtime
        self._layout = layout or Layout()
        self._due = 0.0
        self._last = b""

    def start(self) -> None:
        """Listen for the wish to install."""
        self._bus.subscribe(f"{self._root}/update/cmd", self._on_command)

    def on_connected(self) -> None:
        """Say again what the broker may have lost."""
        self._last = b""
        self._due = 0.0
        self.tick()

    def tick(self) -> None:
        """Look at the state file now and then; called about once a second."""
        now = time.monotonic()
        if now < self._due or not self._bus.connected:
            return
        self._due = now + LOOK_EVERY_S
        payload = msgspec.json.encode(update_state(self._read()))
        if payload != self._last:
            with suppress(BrokerError):
                self._bus.publish(f"{self._root}/update/state", payload, retain=True)
                self._last = payload

    def _read(self) -> State:
        try:
            return at_rest_if_idle(self._layout, msgspec.json.decode(self._layout.state.read_bytes(), type=State))
        except (OSError, msgspec.DecodeError):
            return State()

    def _on_command(self, incoming: Incoming) -> None:
        incoming.acknowledge()
        if incoming.retain or incoming.payload.strip().lower() != INSTALL:
            return
        heard = self._runtime.request_update()
        event(log, "update requested" if heard else "update requested, but no updater runs here")


def update_state(state: State) -> dict[str, Any]:
    """What Home Assistant's update entity shows."""
    busy = state.phase is not Phase.IDLE
    progress = state.progress
    share = round(100 * progress.bytes / progress.of) if busy and progress.of else None
    return {
        "v": 1,
        "installed_version": __version__,
        "latest_version": state.latest or __version__,
        "title": "packshot",
        "release_summary": (state.error or state.notes)[:255],
        "in_progress": busy,
        "update_percentage": share if state.phase is Phase.FETCH else None,
        "phase": str(state.phase),
    }
