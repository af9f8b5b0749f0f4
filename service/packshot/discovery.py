"""Home Assistant's MQTT device discovery: one retained message describes the box and its entities.

https://www.home-assistant.io/integrations/mqtt/#device-discovery-payload
"""

import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import msgspec

from packshot import __version__
from packshot.bus.port import Bus, Incoming
from packshot.errors import BrokerError

log = logging.getLogger(__name__)

ORIGIN = {"name": "packshot", "sw_version": __version__}
UPDATE_FIELDS = (
    "installed_version",
    "latest_version",
    "title",
    "release_summary",
    "in_progress",
    "update_percentage",
)
"""What Home Assistant's update entity takes; it refuses a payload with any other field."""


class Discovery:
    """Announces the box on every connect and whenever Home Assistant says that it has come online.

    Switched off, it removes an earlier announcement: an empty retained message deletes the device.
    """

    def __init__(self, bus: Bus, prefix: str, device_id: str, payload: Mapping[str, Any] | None) -> None:
        self._bus = bus
        self._prefix = prefix
        self._topic = f"{prefix}/device/{device_id}/config"
        self._payload = msgspec.json.encode(payload) if payload else b""

    def start(self) -> None:
        """Listen for Home Assistant's birth message."""
        if self._payload:
            self._bus.subscribe(f"{self._prefix}/status", self._on_status)

    def on_connected(self) -> None:
        """Announce, or remove what was announced."""
        with suppress(BrokerError):
            self._bus.publish(self._topic, self._payload, retain=True)

    def _on_status(self, incoming: Incoming) -> None:
        incoming.acknowledge()
        if incoming.payload == b"online":
            self.on_connected()


def device_payload(
    root: str, device_id: str, name: str, board: str, choices: Mapping[str, Sequence[str]]
) -> dict[str, Any]:
    """The discovery payload of a box whose topics lie below ``root``; ``choices`` are the selects' options by key."""
    return {
        "device": {
            "identifiers": [f"packshot-{device_id}"],
            "name": name,
            "manufacturer": "packshot",
            "model": board,
            "sw_version": __version__,
        },
        "origin": ORIGIN,
        "availability_topic": f"{root}/status",
        "components": {
            key: {"unique_id": f"packshot-{device_id}-{key}", "qos": 1, **component}
            for key, component in {**_actions(root), **_readings(root), **_selects(root, choices)}.items()
        },
    }


def _actions(root: str) -> dict[str, dict[str, Any]]:
    return {
        "capture": _button(root, "Capture", "capture", "mdi:camera"),
        "plate": _button(root, "Photograph empty stage", "plate", "mdi:image-off-outline", entity_category="config"),
        "restart": _button(root, "Restart", "restart", "mdi:restart", entity_category="config"),
        "update": {
            "platform": "update",
            "name": "Update",
            "device_class": "firmware",
            "entity_category": "config",
            "state_topic": f"{root}/update/state",
            "command_topic": f"{root}/update/cmd",
            "value_template": _only(UPDATE_FIELDS),
            "payload_install": "install",
        },
        "last_image": {
            "platform": "image",
            "name": "Last cutout",
            "image_topic": f"{root}/last/image",
            "content_type": "image/jpeg",
        },
    }


def _button(root: str, name: str, verb: str, icon: str, **more: str) -> dict[str, Any]:
    return {"platform": "button", "name": name, "command_topic": f"{root}/cmd/{verb}", "icon": icon, **more}


def _only(fields: Sequence[str]) -> str:
    return f"{{{{ dict(value_json | dictsort | selectattr('0', 'in', {list(fields)})) | tojson }}}}"


def _readings(root: str) -> dict[str, dict[str, Any]]:
    return {
        "waiting": _sensor(root, "Captures waiting", "spool.waiting", state_class="measurement", icon="mdi:tray-full"),
        "oldest": _sensor(root, "Oldest waiting", "spool.oldest_s", unit_of_measurement="s", device_class="duration"),
        "free": _sensor(root, "Disk free", "spool.free_bytes", unit_of_measurement="B", device_class="data_size"),
        "temperature": _sensor(
            root, "Temperature", "temperature_c", unit_of_measurement="°C", device_class="temperature"
        ),
        "memory": _sensor(
            root, "Memory available", "memory_available_bytes", unit_of_measurement="B", device_class="data_size"
        ),
        "engine": _sensor(root, "Engine", "engine", icon="mdi:chip"),
        "camera": _warning(root, "Camera", "value_json.camera == 'problem'"),
        "under_voltage": _warning(root, "Under-voltage", "value_json.under_voltage"),
        "throttled": _warning(root, "Throttled", "value_json.throttled"),
        "problem": {
            **_warning(root, "Problem", "value_json.degraded"),
            "json_attributes_topic": f"{root}/state",
            "json_attributes_template": "{{ {'reasons': value_json.degraded} | tojson }}",
        },
    }


def _warning(root: str, name: str, condition: str) -> dict[str, Any]:
    return {
        "platform": "binary_sensor",
        "name": name,
        "device_class": "problem",
        "entity_category": "diagnostic",
        "state_topic": f"{root}/state",
        "value_template": f"{{{{ 'ON' if {condition} else 'OFF' }}}}",
    }


def _sensor(root: str, name: str, field: str, **more: str) -> dict[str, Any]:
    return {
        "platform": "sensor",
        "name": name,
        "entity_category": "diagnostic",
        "state_topic": f"{root}/state",
        "value_template": f"{{{{ value_json.{field} }}}}",
        **more,
    }


def _selects(root: str, choices: Mapping[str, Sequence[str]]) -> dict[str, dict[str, Any]]:
    return {
        key: {
            "platform": "select",
            "name": key.capitalize(),
            "command_topic": f"{root}/set/{key}",
            "state_topic": f"{root}/state/{key}",
            "options": list(options),
            "entity_category": "config",
        }
        for key, options in choices.items()
    }
