"""From configuration to built parts: the only room that names concrete adapters; what has a plug is in ``devices``."""

import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, fields
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from packshot.accelerator.port import Accelerator
from packshot.blobs.port import BlobStore
from packshot.bus.port import Bus
from packshot.bus.settings import MqttSettings
from packshot.choices import Choices
from packshot.composer import Composer
from packshot.config import Config, MqttSection, slug_of_host
from packshot.cutout import CutOptions, Cutter
from packshot.discovery import Discovery, device_payload
from packshot.encode.port import DecodeLimits, PhotoDecoder
from packshot.errors import ConfigError, StopDaemon
from packshot.matting.refine import Profile
from packshot.matting.verdict import Thresholds
from packshot.outbox.staging import ClaimCheck
from packshot.plates import PlateShelf
from packshot.platform.clock import Clock
from packshot.platform.memory import keep_freed_memory
from packshot.platform.resources import package_path
from packshot.presets import Preset, pick_preset, presets_from_toml
from packshot.spool.limits import Retention, SpoolLimits
from packshot.spool.port import Spool
from packshot.storefront.targets.port import Target
from packshot.wiring.devices import check_model, open_camera, open_engine, open_lamp, open_trigger
from packshot.wiring.plugins import plugin

OnFatal = Callable[[StopDaemon], None]
if TYPE_CHECKING:
    from packshot.storefront.ledger import Ledger

CREDENTIAL_PASSWORD = "mqtt-password"  # noqa: S105 - the credential's name


@dataclass(frozen=True)
class Cutting:
    """Everything that turns photos into files."""

    accelerator: Accelerator
    engine_problem: Callable[[], str]
    cutter: Cutter
    composer: Composer
    options: CutOptions
    presets: Mapping[str, Preset]
    decoder: PhotoDecoder

    def close(self) -> None:
        """End the threads and free the engine."""
        self.cutter.close()
        self.accelerator.close()


def build_cutting(config: Config) -> Cutting:
    """Decoder, network, edges, encoder; raises ConfigError, ModelError or AcceleratorError."""
    from packshot.encode.photo import FileDecoder
    from packshot.encode.picture import FileEncoder

    keep_freed_memory()
    options, presets = cut_options(config), all_presets(config)
    (accelerator, engine_problem), decoder = open_engine(config.model), FileDecoder()
    threads = config.cut.threads or len(os.sched_getaffinity(0))
    return Cutting(
        accelerator=accelerator,
        engine_problem=engine_problem,
        cutter=Cutter(accelerator, decoder, options, threads=threads),
        composer=Composer(FileEncoder(threads), threads),
        options=options,
        presets=presets,
        decoder=decoder,
    )


def cut_options(config: Config) -> CutOptions:
    """Profile, thresholds and limits of the configuration."""
    limits = DecodeLimits(max_pixels=int(config.camera.max_megapixels * 1_000_000))
    return CutOptions(Profile(config.cut.profile), thresholds=_thresholds(config), limits=limits)


def _thresholds(config: Config) -> Thresholds:
    known = {field.name: field.type for field in fields(Thresholds)}
    for name in config.cut.verdict:
        if name not in known:
            raise ConfigError(f"cut.verdict.{name} is no threshold; known: {', '.join(known)}")
    defaults = Thresholds()
    given = {name: type(getattr(defaults, name))(value) for name, value in config.cut.verdict.items()}
    return Thresholds(**given)


def all_presets(config: Config) -> dict[str, Preset]:
    """The package's presets and the operator's own, which win; the default preset must be among them."""
    built_in = package_path("presets.toml")
    presets = presets_from_toml(built_in.read_text("utf-8"), str(built_in))
    if config.cut.presets_file:
        presets.update(presets_from_toml(_text(config.cut.presets_file, "cut.presets_file"), config.cut.presets_file))
    pick_preset(presets, config.cut.preset)
    return presets


def open_target(name: str, options: Mapping[str, Any]) -> Target:
    """The configured storefront; raises ConfigError for an unknown one or options it does not take."""
    target: Target = plugin("packshot.targets", name, "uploader.target", ())(**options)
    return target


def open_spool(config: Config, clock: Clock, owner: bool = True) -> Spool:
    """The spool; ``owner`` for the daemon, of which there is one. Raises SpoolError."""
    from packshot.spool.sqlite_spool import SqliteSpool

    section = config.spool
    limits = SpoolLimits(section.max_bytes, section.max_captures, section.min_free_bytes)
    keep = Retention(section.keep_originals_s, section.keep_receipted_s, section.keep_ended_s, section.privacy)
    return SqliteSpool(Path(section.path), limits=limits, retention=keep, clock=clock, owner=owner)


def build_bus(
    config: Config,
    client_id: str,
    will_topic: str,
    on_fatal: OnFatal | None = None,
    max_receive_bytes: int = MqttSettings.max_receive_bytes,
) -> Bus:
    """A connection to the configured broker, not started; raises ConfigError for unusable TLS files."""
    from packshot.bus.mqtt import MqttBus

    section, password = config.mqtt, mqtt_password(config.mqtt)
    settings = MqttSettings(
        host=section.host,
        port=section.port,
        client_id=client_id,
        username=section.username or (device_id(config) if password else ""),
        password=password,
        tls=section.tls,
        ca_file=_path(section.ca_file),
        cert_file=_path(section.cert_file),
        key_file=_path(section.key_file),
        protocol=section.protocol,
        keepalive_s=section.keepalive_s,
        max_message_bytes=section.max_message_bytes,
        max_receive_bytes=max_receive_bytes,
        will_topic=will_topic,
    )
    return MqttBus(settings, on_fatal)


def open_claim_check(config: Config) -> ClaimCheck | None:
    """The object store of ``delivery = "url"``, None where the bytes travel over MQTT; raises ConfigError."""
    if config.outbox.delivery == "mqtt":
        return None
    options = dict(config.outbox.store)
    kind = str(options.pop("kind", ""))
    store: BlobStore = plugin("packshot.stores", kind, "outbox.store.kind", ())(**options)
    return ClaimCheck(store, Path(config.spool.path).parent / "copies")


def open_ledger(config: Config) -> "Ledger":
    """The uploader's record of what it stored; raises SpoolError."""
    from packshot.storefront.ledger import Ledger

    return Ledger(Path(config.uploader.work_path) / "ledger.sqlite")


def uploader_id(config: Config) -> str:
    """The configured id, or one made from the host name."""
    return config.uploader.id or slug_of_host()


def build_plates(config: Config, cutting: Cutting) -> PlateShelf:
    """Where the photo of the empty scene is kept, beside the spool."""
    return PlateShelf(Path(config.spool.path).parent / "plate", cutting.decoder, cutting.options.limits)


def build_choices(config: Config, bus: Bus, root: str, presets: Mapping[str, Preset]) -> Choices:
    """What may be switched over MQTT."""
    allowed = {"profile": frozenset(Profile), "preset": frozenset(presets)}
    initial = {"profile": config.cut.profile, "preset": config.cut.preset}
    return Choices(bus, root, allowed, initial, known_skus(config))


def device_id(config: Config) -> str:
    """The configured id, or one made from the host name."""
    return config.device.id or slug_of_host()


def mqtt_password(section: MqttSection, environ: Mapping[str, str] = os.environ) -> str:
    """From ``mqtt.password_file`` or systemd's credential "mqtt-password"; empty where there is neither."""
    if section.password_file:
        return _text(section.password_file, "mqtt.password_file").strip()
    credential = Path(environ.get("CREDENTIALS_DIRECTORY", ""), CREDENTIAL_PASSWORD)
    return credential.read_text("utf-8").strip() if credential.is_absolute() and credential.exists() else ""


def build_discovery(config: Config, bus: Bus, root: str, board: str, presets: Mapping[str, Preset]) -> Discovery:
    """The announcement to Home Assistant, or its removal."""
    device, section = device_id(config), config.homeassistant
    selects = {"profile": [profile.value for profile in Profile], "preset": sorted(presets)}
    name = config.device.name or device
    payload = device_payload(root, device, name, board, selects) if section.discovery else None
    return Discovery(bus, section.prefix, device, payload)


def capabilities(config: Config, cutting: Cutting) -> dict[str, Any]:
    """What this box can do, for ``info``."""
    return {
        "camera": config.camera.kind,
        "trigger": config.trigger.kind,
        "presets": sorted(cutting.presets),
        "profiles": [profile.value for profile in Profile],
        **runtimes(),
    }


def runtimes() -> dict[str, Any]:
    """Versions of the libraries that do the work, as installed."""
    found = {}
    for name in ("ai-edge-litert", "tflite-runtime", "numpy", "opencv-python-headless", "pillow", "paho-mqtt"):
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return {"runtimes": found}


def known_skus(config: Config) -> frozenset[str] | None:
    """The catalogue's SKUs, None where there is no catalogue; raises ConfigError."""
    if not config.catalogue.skus_file:
        return None
    import csv

    rows = csv.DictReader(_text(config.catalogue.skus_file, "catalogue.skus_file").splitlines())
    if "sku" not in (rows.fieldnames or ()):
        raise ConfigError(f"catalogue.skus_file {config.catalogue.skus_file} has no column 'sku' in its first line")
    return frozenset(row["sku"].strip() for row in rows if row["sku"])


def check_config(config: Config) -> None:
    """Build what can be built without hardware or network; raises what is wrong with it.

    A reload that passes here must come up: the former configuration is gone by the time a part is refused.
    """
    from packshot.wiring.portraits import all_specs

    cut_options(config)
    all_presets(config)
    all_specs(config)
    known_skus(config)
    build_bus(config, "check", "").close()
    check_model(config.model)
    open_camera(config.camera).close()
    open_camera(config.id_camera).close()
    open_trigger(config.trigger).close()
    open_lamp(config.lamp).close()
    claim_check = open_claim_check(config)
    if claim_check:
        claim_check.store.close()


def _path(text: str) -> Path | None:
    return Path(text) if text else None


def _text(path: str, key: str) -> str:
    try:
        return Path(path).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{key} {path} cannot be read: {error}") from error
