"""What the configuration says to the updater: its own table, who the box is, and where the broker is."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from packshot.config import UpdateSection, read_files, slug_of_host
from packshot.errors import ConfigError
from packshot.update.manifest import ring_place


class _Device(Struct, frozen=True):
    id: str = ""


class _Broker(Struct, frozen=True):
    host: str = "localhost"
    port: Annotated[int, Meta(ge=1, le=65535)] = 1883


class _Tables(Struct, frozen=True):
    """Unknown tables and keys are other people's: a newer release may have brought them."""

    update: UpdateSection = UpdateSection()
    device: _Device = _Device()
    mqtt: _Broker = _Broker()


@dataclass(frozen=True)
class Settings:
    """``place`` is the box's place in the ring, ``broker`` host and port of the MQTT broker."""

    update: UpdateSection
    device_id: str
    place: float
    broker: tuple[str, int]


def load_settings(path: Path | None, environ: Mapping[str, str]) -> Settings:
    """Settings from the configuration's files; raises ConfigError."""
    merged, origins = read_files(path, environ)
    return settings_of(merged, origins)


def settings_of(merged: Mapping[str, Any], origins: Mapping[str, str] | None = None) -> Settings:
    """Settings from tables; raises ConfigError that names the file where ``origins`` does."""
    known = UpdateSection.__struct_fields__
    ours = {key: value for key, value in dict(merged.get("update", {})).items() if key in known}
    try:
        tables = msgspec.convert({**merged, "update": ours}, _Tables)
    except msgspec.ValidationError as error:
        files = ", ".join(sorted({file for key, file in (origins or {}).items() if key.startswith("update")}))
        raise ConfigError(f"{files or 'configuration'}: {error}; `packshot config check` says more") from error
    device_id = tables.device.id or slug_of_host()
    place = tables.update.ring if tables.update.ring >= 0 else ring_place(device_id)
    return Settings(tables.update, device_id, place, (tables.mqtt.host, tables.mqtt.port))
