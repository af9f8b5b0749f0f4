"""What Home Assistant is told, held against its documented schema."""

import re

from packshot.discovery import UPDATE_FIELDS, device_payload
from packshot.update.state import State
from packshot.updates import update_state

ROOT = "packshot/studio-1"
REQUIRED = {
    "button": {"command_topic"},
    "sensor": {"state_topic"},
    "binary_sensor": {"state_topic"},
    "select": {"command_topic", "options"},
    "image": {"image_topic"},
    "update": {"state_topic", "command_topic", "payload_install"},
}
KNOWN = {
    "name", "unique_id", "platform", "icon", "entity_category", "command_topic", "state_topic", "value_template",
    "options", "image_topic", "content_type", "device_class", "state_class", "unit_of_measurement",
    "json_attributes_topic", "json_attributes_template", "payload_install", "qos",
}  # fmt: skip


def payload() -> dict:
    return device_payload(
        ROOT, "studio-1", "Studio", "Raspberry Pi 5", {"preset": ["web", "ebay"], "profile": ["auto"]}
    )


def test_every_component_has_what_its_platform_requires() -> None:
    for key, component in payload()["components"].items():
        assert component.keys() >= REQUIRED[component["platform"]] | {"unique_id", "name"}, key
        assert component.keys() <= KNOWN, key
        assert component.get("entity_category") in (None, "config", "diagnostic")


def test_ids_are_unique_and_all_topics_lie_below_the_device() -> None:
    components = payload()["components"]
    assert len({component["unique_id"] for component in components.values()}) == len(components)
    topics = [value for one in components.values() for key, value in one.items() if key.endswith("_topic")]
    assert topics
    assert all(topic.startswith(f"{ROOT}/") for topic in topics)


def test_the_device_names_itself_its_origin_and_its_availability() -> None:
    announced = payload()
    assert announced["device"]["identifiers"] == ["packshot-studio-1"]
    assert announced["origin"]["name"] == "packshot"
    assert announced["availability_topic"] == f"{ROOT}/status"


def test_templates_read_fields_that_state_has() -> None:
    templates = " ".join(one.get("value_template", "") for one in payload()["components"].values())
    fields = set(re.findall(r"value_json\.(\w+)", templates))
    readings = {"temperature_c", "memory_available_bytes", "under_voltage", "throttled"}
    assert fields == readings | {"spool", "camera", "engine", "degraded"}


def test_the_update_entity_gets_only_what_home_assistant_takes() -> None:
    assert set(UPDATE_FIELDS) < update_state(State()).keys()
    template = payload()["components"]["update"]["value_template"]
    assert set(re.findall(r"'(\w{2,})'", template)) - {"in"} == set(UPDATE_FIELDS)
