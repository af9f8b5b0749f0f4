"""The tables of the configuration: every key with its type, default and unit."""

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

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
    preview_every_s: Seconds = 30.0  # how often the camera's picture goes to "preview"; 0 = never, as with ID photos


class CameraSection(Section, frozen=True):
    """The camera."""

    kind: str = "absent"  # absent, folder, scenes, opencv, picamera2, gstreamer
    source: str = ""  # folder, scenes: path; opencv: /dev/v4l/by-id/..., http, rtsp; picamera2: 0; gstreamer: csi:0
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
    threads: Annotated[int, Meta(ge=0, le=64)] = 0  # 0 = one less than the cores, both of two


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


class KioskSection(Section, frozen=True):
    """Pages for the counter's touch screen and other browsers; needs the extra `packshot[kiosk]`."""

    enabled: bool = False
    host: str = "127.0.0.1"  # another address lets other machines in: then a PIN or a token is needed
    port: Port = 8480
    names: list[str] = []  # host names the pages may be called by, besides addresses and this host's own name
    pin_file: str = ""  # its content lets a person change the box, and lets browsers on other machines in
    token_file: str = ""  # its content as Bearer token lets a script do everything
    cert_file: str = ""  # PEM; with it the pages are served by https
    key_file: str = ""  # its key, PEM
    language: Annotated[str, Meta(pattern=r"^(auto|[a-z]{2})\Z")] = "auto"  # auto = what the browser asks for
    id_photos: bool = True  # false: no page for ID photos
    id_photo_keep_s: Annotated[float, Meta(gt=0, le=86400)] = 600.0  # a photo nobody deleted is deleted after this


class IdPhotoSection(Section, frozen=True):
    """ID photos; how long the kiosk keeps them is kiosk.id_photo_keep_s, and it delivers them nowhere."""

    spec: str = "icao"  # what is made when nobody names another
    specs_file: str = ""  # TOML with ID photo specs of your own


class StatsSection(Section, frozen=True):
    """Numbers over time."""

    every_s: Seconds = 60.0  # how often they go to the topic "stats"; 0 = never
    prometheus_port: Annotated[int, Meta(ge=0, le=65535)] = 0  # http://127.0.0.1:PORT/metrics; 0 = off


class LogSection(Section, frozen=True):
    """What is logged, to the journal or to stderr."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["auto", "text", "json"] = "auto"


class Config(Section, frozen=True):
    """The whole configuration, as `packshot config dump` prints it."""

    device: DeviceSection = DeviceSection()
    mqtt: MqttSection = MqttSection()
    camera: CameraSection = CameraSection()
    id_camera: CameraSection = CameraSection()  # faces the person; absent = the same camera
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
    kiosk: KioskSection = KioskSection()
    id_photo: IdPhotoSection = IdPhotoSection()
    stats: StatsSection = StatsSection()
    log: LogSection = LogSection()
