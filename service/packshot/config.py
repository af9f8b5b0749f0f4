"""Configuration: typed, every key with a default, every error with key path, value and where it came from.

Read in order, later wins: built-in defaults, ``packshot.toml``, ``conf.d/*.toml`` beside it, environment
(``PACKSHOT_MQTT_HOST`` is ``mqtt.host``).
"""

import difflib
import math
import re
import socket
import tomllib
import types
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_origin, get_type_hints

import msgspec
from msgspec import Struct

from packshot.errors import ConfigError
from packshot.sections import (
    CameraSection,
    Config,
    DeviceSection,
    KioskSection,
    LampSection,
    ModelSection,
    MqttSection,
    TriggerSection,
    UpdateSection,
)

__all__ = [
    "DEFAULT_PATH",
    "CameraSection",
    "Config",
    "DeviceSection",
    "KioskSection",
    "LampSection",
    "Loaded",
    "ModelSection",
    "MqttSection",
    "TriggerSection",
    "UpdateSection",
    "differences",
    "dump",
    "flatten",
    "load",
    "read_files",
    "slug_of_host",
    "to_toml",
    "with_values",
]

DEFAULT_PATH = Path("/etc/packshot/packshot.toml")
ENV_PREFIX = "PACKSHOT_"
ENV_NOT_KEYS = frozenset(
    {"PACKSHOT_CONFIG", "PACKSHOT_CA", "PACKSHOT_CA_DAYS", "PACKSHOT_ANSIBLE", "PACKSHOT_KIOSK_URL"}
)
"""Names of our own that say something else: the file to read, and what the scripts and units below ``deploy/`` ask."""


@dataclass(frozen=True)
class Loaded:
    """A validated configuration and where each key that was set came from ("mqtt.host" -> "/etc/...toml")."""

    config: Config
    origins: Mapping[str, str]


def load(path: Path | None, environ: Mapping[str, str]) -> Loaded:
    """Read, merge and validate. ``path`` None means PACKSHOT_CONFIG, else the default path if that exists.

    Raises ConfigError: file missing or not TOML, unknown key, wrong type, value out of range.
    """
    merged, origins = read_files(path, environ)
    _merge(merged, _from_environment(environ), origins, "environment", ())
    return Loaded(_validate(merged, origins), types.MappingProxyType(origins))


def read_files(path: Path | None, environ: Mapping[str, str]) -> tuple[dict[str, Any], dict[str, str]]:
    """What the files say, not validated, and where each key came from; raises ConfigError as ``load`` does.

    For the updater, which must understand its own table whatever a newer or an older release calls the others.
    """
    chosen = path or (Path(environ["PACKSHOT_CONFIG"]) if environ.get("PACKSHOT_CONFIG") else None)
    merged: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for file in _files(chosen):
        _merge(merged, _read_toml(file), origins, str(file), ())
    return merged, origins


def dump(config: Config) -> str:
    """The configuration as TOML."""
    return to_toml(msgspec.to_builtins(config))


def differences(config: Config) -> dict[str, tuple[Any, Any]]:
    """Key path -> (default, value) of everything that is not the default."""
    ours, defaults = flatten(msgspec.to_builtins(config)), flatten(msgspec.to_builtins(Config()))
    keys = sorted(ours.keys() | defaults.keys())
    return {key: (defaults.get(key), ours.get(key)) for key in keys if ours.get(key) != defaults.get(key)}


def with_values(config: Config, **sections: Mapping[str, Any]) -> Config:
    """The configuration with some keys set from the command line; values that are None change nothing.

    Raises ConfigError for a value out of range.
    """
    table = msgspec.to_builtins(config)
    for section, values in sections.items():
        table[section].update({key: value for key, value in values.items() if value is not None})
    origins = {f"{section}.{key}": "the command line" for section, values in sections.items() for key in values}
    return _validate(table, origins)


def slug_of_host(hostname: str | None = None) -> str:
    """A device id made from the host name: lower-case letters, digits and dashes."""
    name = re.sub(r"[^a-z0-9]+", "-", (hostname or socket.gethostname()).lower()).strip("-")[:64].strip("-")
    return name or "packshot"


def flatten(table: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested tables as one dict from dotted key path to value."""
    flat: dict[str, Any] = {}
    for key, value in table.items():
        if isinstance(value, Mapping) and value:
            flat.update(flatten(value, f"{prefix}{key}."))
        else:
            flat[f"{prefix}{key}"] = value
    return flat


def to_toml(table: Mapping[str, Any], prefix: str = "") -> str:
    """Nested mappings of strings, numbers, booleans and lists as TOML text."""
    leaves = ((key, value) for key, value in table.items() if not isinstance(value, Mapping))
    plain = [f"{_toml_key(key)} = {_toml_value(value)}" for key, value in leaves]
    head = [f"[{prefix}]"] if prefix else []
    text = "".join(f"{line}\n" for line in [*head, *plain])
    for key, value in table.items():
        if isinstance(value, Mapping):
            separator = "\n" if text else ""
            text += separator + to_toml(value, f"{prefix}.{_toml_key(key)}" if prefix else _toml_key(key))
    return text


def _toml_key(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else _toml_value(key)


def _toml_value(value: Any) -> str:
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)  # inf and nan, which JSON has not
    # JSON strings, numbers, booleans and lists are TOML as they stand, but for DEL, which TOML wants escaped.
    return msgspec.json.encode(value).decode().replace("\x7f", "\\u007f")


def _files(chosen: Path | None) -> list[Path]:
    main = chosen or DEFAULT_PATH
    if not main.exists():
        if chosen:
            raise ConfigError(f"configuration file {chosen} does not exist; name one with --config")
        return []
    return [main, *sorted((main.parent / "conf.d").glob("*.toml"))]


def _read_toml(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text("utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{file} is not valid TOML: {error}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file} cannot be read: {error}") from error


def _merge(
    into: dict[str, Any], new: Mapping[str, Any], origins: dict[str, str], origin: str, path: tuple[str, ...]
) -> None:
    for key, value in new.items():
        here = (*path, key)
        if isinstance(value, dict) and isinstance(into.get(key, {}), dict):
            origins.setdefault(".".join(here), origin)
            _merge(into.setdefault(key, {}), value, origins, origin, here)
        else:
            into[key] = value
            origins[".".join(here)] = origin


def _leaves(kind: type[Struct], path: tuple[str, ...] = ()) -> dict[tuple[str, ...], Any]:
    found: dict[tuple[str, ...], Any] = {}
    for name, annotation in get_type_hints(kind).items():
        if isinstance(annotation, type) and issubclass(annotation, Struct):
            found.update(_leaves(annotation, (*path, name)))
        else:
            found[(*path, name)] = annotation
    return found


def _from_environment(environ: Mapping[str, str]) -> dict[str, Any]:
    names = {ENV_PREFIX + "_".join(path).upper(): (path, kind) for path, kind in _leaves(Config).items()}
    table: dict[str, Any] = {}
    for name, raw in sorted(environ.items()):
        if not name.startswith(ENV_PREFIX) or name in ENV_NOT_KEYS:
            continue
        if name not in names:
            raise ConfigError(f"environment variable {name} is no key of the configuration{_hint(name, names)}")
        (section, key), kind = names[name]
        table.setdefault(section, {})[key] = _parse_env(raw, kind)
    return table


def _parse_env(raw: str, kind: Any) -> Any:
    if kind is str or get_origin(kind) is Literal:
        return raw
    try:
        return tomllib.loads(f"value = {raw}")["value"]
    except tomllib.TOMLDecodeError:
        return raw


def _validate(merged: dict[str, Any], origins: Mapping[str, str]) -> Config:
    try:
        return msgspec.convert(merged, Config)
    except msgspec.ValidationError as error:
        raise ConfigError(_explain(str(error), merged, origins)) from error


def _explain(text: str, merged: Mapping[str, Any], origins: Mapping[str, str]) -> str:
    problem, _, where = text.partition(" - at `$")
    path = [part for part in where.rstrip("`").replace("[...]", "").lstrip(".").split(".") if part]
    unknown = re.search(r"unknown field `(.*)`", problem)
    if unknown:
        key = ".".join([*path, unknown.group(1)])
        return f"{key} in {origins.get(key, 'the configuration')} is no known key{_hint(key, _dotted())}"
    key = ".".join(path)
    return f"{key} = {_value_at(merged, path)!r} in {origins.get(key, 'the configuration')}: {problem}"


def _value_at(merged: Any, path: list[str]) -> Any:
    for part in path:
        merged = merged.get(part) if isinstance(merged, Mapping) else merged
    return merged


def _dotted() -> list[str]:
    return [".".join(path) for path in _leaves(Config)]


def _hint(name: str, known: Any) -> str:
    close = difflib.get_close_matches(name, list(known), n=1)
    return f"; did you mean {close[0]}?" if close else "; `packshot config dump` lists all"
