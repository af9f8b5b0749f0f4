"""Home Assistant's own code on what a box says: run by its Python, a JSON object on stdin, the verdict on stdout.

In: ``discovery`` (the device payload), ``states`` and ``updates`` (payloads of ``state`` and ``update/state``). Out:
``problems`` (what Home Assistant has against any of it) and ``shown`` (what each template makes of each payload).
"""

import asyncio
import importlib
import json
import sys
import tempfile

import voluptuous as vol
from homeassistant.components.mqtt.discovery import _merge_common_device_options, _parse_device_payload
from homeassistant.components.mqtt.models import MqttValueTemplate
from homeassistant.components.mqtt.update import MQTT_JSON_UPDATE_SCHEMA
from homeassistant.core import HomeAssistant


async def judge(said):
    """The verdict."""
    hass = HomeAssistant(tempfile.gettempdir())
    device = _parse_device_payload(hass, json.dumps(said["discovery"]), "box", None)
    problems, shown = [] if device else ["the device payload is refused"], {}
    for name, component in device.get("components", {}).items():
        try:
            config = as_its_platform_sees_it(device, component)
            heard = said["updates" if component["platform"] == "update" else "states"]
            shown[name] = {key: rendered(config[key], heard) for key in config if key.endswith("_template")}
            if component["platform"] == "update":
                for text in shown[name]["value_template"]:
                    MQTT_JSON_UPDATE_SCHEMA(json.loads(text))
        except vol.Invalid as error:
            problems.append(f"{name}: {error}")
    await hass.async_stop(force=True)
    return {"problems": problems, "shown": shown}


def as_its_platform_sees_it(device, component):
    """The component's checked configuration; raises vol.Invalid, also for an option that is not known there."""
    platform = importlib.import_module(f"homeassistant.components.mqtt.{component['platform']}")
    config = {key: value for key, value in component.items() if key != "platform"}
    _merge_common_device_options(config, device)
    config |= {"device": device["device"], "origin": device["origin"]}
    platform.DISCOVERY_SCHEMA(dict(config))  # leaves out what it does not know
    return platform.PLATFORM_SCHEMA_MODERN(config)


def rendered(template, payloads):
    """What Home Assistant makes of each payload."""
    render = MqttValueTemplate(template).async_render_with_possible_json_value
    return [render(json.dumps(payload)) for payload in payloads]


json.dump(asyncio.run(judge(json.load(sys.stdin))), sys.stdout)
