"""Configuration: typed, every key with a default, every error with key path, value and where it came from.

Read in order, later wins: built-in defaults, ``packshot.toml``, ``conf.d/*.toml`` beside it, environment
(``PACKSHOT_MQTT_HOST`` is ``mqtt.host``).
"""

import difflib
import re
import socket
import tomllib
import types
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, get_origin, get_type_hints

import msgspec
from msgspec import Meta, Struct

from packshot.errors import ConfigError

DEFAULT_PATH = Path("/etc/packshot/packshot.toml")
ENV_PREFIX = "PACKSHOT_"
ENV_NOT_KEYS = frozenset({"PACKSHOT_CONFIG"})

Seconds = Annotated[float, Meta(ge=0)]
Bytes = Annotated[int, Meta(ge=0)]
Port = Annotated[int, Meta(ge=1, le=65535)]
Slug = Annotated[str, Meta(pattern=r"^([a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?)?\Z")]


class Section(Struct, frozen=True, forbid_unknown_fields=True):
    """Base of all tables of the configuration."""


class DeviceSection(Section, frozen=True):
    """Who this box is."""

    id: Slug = ""  # lower-case letters, digits, dashes; empty = made from the host name
    name: str = ""  # what people read; empty = the id
    clock_trusted: bool = False  # a board with a battery-backed clock and no network time


class MqttSection(Section, frozen=True):
    """The broker."""

    host: str = "localhost"
    port: Port = 1883
    username: str = ""  # empty = the device id where a password is given
    password_file: str = ""  # path of a file that holds the password; or systemd credential "mqtt-password"
    tls: bool = False
    ca_file: str = ""  # PEM; empty = the system's authorities
    cert_file: str = ""  # client certificate, PEM
    key_file: str = ""  # its key, PEM
    protocol: Literal["auto", "5", "3.1.1"] = "auto"
    keepalive_s: Annotated[int, Meta(ge=5, le=3600)] = 30
    max_message_bytes: Annotated[int, Meta(ge=1024, le=256 * 1024 * 1024)] = 256 * 1024
    root: str = "packshot"  # first topic level; all devices and uploaders of one installation share it


class CameraSection(Section, frozen=True):
    """The camera."""

    kind: str = "absent"  # absent, folder, opencv, picamera2, gstreamer
    source: str = ""  # folder: path; opencv: /dev/v4l/by-id/..., http://, rtsp://; picamera2: 0; gstreamer: csi:0
    width: Annotated[int, Meta(ge=0, le=20000)] = 0  # pixels; 0 = the camera's largest
    height: Annotated[int, Meta(ge=0, le=20000)] = 0
    timeout_s: Annotated[float, Meta(gt=0, le=120)] = 10.0
    controls: dict[str, float] = {}  # the driver's own, by name; for example exposure = -6
    stream_delay_s: Seconds = 0.0  # how old a network camera's newest frame may be; 0 = not known
    max_megapixels: Annotated[float, Meta(gt=0, le=400)] = 64.0  # larger pictures are refused before decoding


class ModelSection(Section, frozen=True):
    """The network and the engine that runs it."""

    name: str = "default"  # a released model
    path: str = ""  # a .tflite with its card beside it instead of a released one
    edgetpu_path: str = ""  # the same network compiled for the Edge TPU, its card beside it
    onnx_path: str = ""  # for onnxruntime on a Jetson: "released" or the path of a float ONNX twin with its card
    engine: str = "auto"  # auto, litert, tflite-runtime
    threads: Annotated[int, Meta(ge=0, le=64)] = 0  # 0 = one less than the cores, at least 1


class CutSection(Section, frozen=True):
    """From photo to cutout."""

    profile: Literal["auto", "hard", "soft"] = "auto"
    preset: str = "web"  # what is published when the request names none
    keep_cutout: bool = True  # also publish the full-size RGBA PNG
    keep_mask: bool = False  # also publish the alpha as 8-bit PNG
    keep_layers: bool = False  # also publish a TIFF with cutout, mask and original for the retoucher
    threads: Annotated[int, Meta(ge=0, le=64)] = 0  # of decoding and PNG writing; 0 = as many as cores
    verdict: dict[str, float] = {}  # thresholds by name; `packshot config dump` lists them with their defaults
    presets_file: str = ""  # TOML with presets of your own
    max_attempts: Annotated[int, Meta(ge=1, le=10)] = 3  # after so many crashes in a cutout the capture fails
    timeout_s: Annotated[float, Meta(gt=0, le=3600)] = 120.0  # a cutout that takes longer hangs: the watchdog acts


class SpoolSection(Section, frozen=True):
    """The box's store of captures that are not delivered yet."""

    path: str = "/var/lib/packshot/spool"
    max_bytes: Bytes = 8 * 1024**3
    max_captures: Annotated[int, Meta(ge=1)] = 20_000
    min_free_bytes: Bytes = 256 * 1024**2
    keep_receipted_s: Seconds = 24 * 3600.0  # artefacts of delivered captures
    keep_originals_s: Seconds = 24 * 3600.0  # originals of delivered captures
    keep_ended_s: Seconds = 7 * 24 * 3600.0  # refused, cancelled and empty captures; failed and held ones stay
    privacy: bool = False  # delete at once on the receipt


class OutboxSection(Section, frozen=True):
    """Delivery to the uploaders."""

    lease_s: Annotated[float, Meta(ge=1, le=3600)] = 30.0
    in_flight: Annotated[int, Meta(ge=1, le=32)] = 4  # captures in delivery at once
    max_disconnects: Annotated[int, Meta(ge=1, le=100)] = 5  # a message that loses us the link so often is given up
    delivery: Literal["mqtt", "url"] = (
        "mqtt"  # the bytes over MQTT, or in an object store, the offer holds their address
    )
    store: dict[str, Any] = {}  # delivery = "url": kind = "http" or "s3" and its options, for example base_url


class TriggerSection(Section, frozen=True):
    """The local trigger."""

    kind: str = "absent"  # absent, timer, stdin, button
    interval_s: Annotated[float, Meta(gt=0)] = 60.0  # timer
    chip: str = "/dev/gpiochip0"  # button
    line: Annotated[int, Meta(ge=0)] = 17  # button: its number on the chip
    active_low: bool = True  # button: pressed connects to ground
    long_press_s: Annotated[float, Meta(gt=0)] = 2.0  # button: longer than this photographs the plate
    scanner: str = ""  # /dev/input/by-id/...-event-kbd: a scan sets the SKU; without another trigger it fires, too


class LampSection(Section, frozen=True):
    """Lights round the exposure."""

    kind: str = "absent"  # absent, gpio
    chip: str = "/dev/gpiochip0"
    channels: dict[str, int] = {}  # lamp or backdrop name = line on the chip
    sign_line: int = -1  # a light for people that shows ready, busy, error; -1 = none
    settle_s: Seconds = 0.05  # from switching on until the light is steady
    backdrops: list[str] = []  # two channels: every capture takes a frame before each (glass)


class CatalogueSection(Section, frozen=True):
    """Known products."""

    skus_file: str = ""  # CSV with a column "sku"; where given, other SKUs are refused


class UploaderSection(Section, frozen=True):
    """The storefront side (`packshot uploader`)."""

    id: Slug = ""  # empty = made from the host name
    target: str = "folder"  # a storefront: folder, or the name of a plug-in
    options: dict[str, Any] = {}  # the target's own keys; folder: path
    work_path: str = "/var/lib/packshot-uploader"
    max_capture_bytes: Bytes = 512 * 1024**2
    dry_run: bool = False  # fetch and check, say what would be stored, store nothing
    url_prefixes: list[str] = []  # addresses in offers are fetched only below these
    url_token_file: str = ""  # its content goes as Bearer token with such requests


class HomeAssistantSection(Section, frozen=True):
    """Home Assistant's MQTT discovery."""

    discovery: bool = True  # false removes an earlier announcement
    prefix: str = "homeassistant"


class UpdateSection(Section, frozen=True):
    """Fleet updates (`packshot update`)."""

    url: str = ""  # the signed repository, http(s)://...; empty = only from a folder (--from)
    channel: Slug = "stable"
    automatic: bool = False  # the timer installs what the ring allows; false = it only looks
    ring: Annotated[float, Meta(ge=-1, le=100)] = -1.0  # -1 = by a hash of the device id; else this place, 0 first
    probation_s: Seconds = 300.0  # so long a new release must run without a fault before it is kept
    tries: Annotated[int, Meta(ge=1, le=20)] = 3  # starts a new release has for that
    capture_wait_s: Seconds = 600.0  # so long an update waits for the capture in hand
    ca_file: str = ""  # PEM; empty = the system's authorities
    token_file: str = ""  # its content goes as Bearer token with each request


class LogSection(Section, frozen=True):
    """What is logged, to the journal or to stderr."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["auto", "text", "json"] = "auto"


class Config(Section, frozen=True):
    """The whole configuration, as `packshot config dump` prints it."""

    device: DeviceSection = DeviceSection()
    mqtt: MqttSection = MqttSection()
    camera: CameraSection = CameraSection()
    model: ModelSection = ModelSection()
    cut: CutSection = CutSection()
    spool: SpoolSection = SpoolSection()
    outbox: OutboxSection = OutboxSection()
    trigger: TriggerSection = TriggerSection()
    lamp: LampSection = LampSection()
    catalogue: CatalogueSection = CatalogueSection()
    uploader: UploaderSection = UploaderSection()
    homeassistant: HomeAssistantSection = HomeAssistantSection()
    update: UpdateSection = UpdateSection()
    log: LogSection = LogSection()


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
