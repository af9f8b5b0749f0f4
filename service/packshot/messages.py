"""What travels over MQTT: topics, payloads, limits. JSON in UTF-8; unknown fields are ignored, ``"v"`` is 1.

Everything that arrives is hostile until ``decode`` has returned: size, types, ranges and names are checked here
and nowhere else.
"""

from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta, Struct

from packshot.domain import (
    ANGLE_MAX,
    ARTEFACT_NAME,
    CAPTURE_ID,
    DEVICE_ID,
    REQUEST_ID,
    CaptureRequest,
    check_sku,
    mint_request_id,
)
from packshot.errors import BadMessage

VERSION = 1
MAX_CONTROL_BYTES = 64 * 1024
MAX_ARTEFACTS = 64
MAX_PARTS = 4096
MAX_ARTEFACT_BYTES = 512 * 1024 * 1024
PRESS = b"PRESS"

Name = Annotated[str, Meta(pattern=f"^{ARTEFACT_NAME.pattern}\\Z")]
CaptureId = Annotated[str, Meta(pattern=f"^{CAPTURE_ID.pattern}\\Z")]
RequestId = Annotated[str, Meta(pattern=f"^{REQUEST_ID.pattern}\\Z")]
UploaderId = Annotated[str, Meta(pattern=f"^{DEVICE_ID.pattern}\\Z")]
Sha256 = Annotated[str, Meta(pattern="^[0-9a-f]{64}\\Z")]
Angle = Annotated[int, Meta(ge=0, le=ANGLE_MAX)]
Word = Annotated[str, Meta(pattern="^[a-z0-9-]{0,40}\\Z")]
Text = Annotated[str, Meta(max_length=2000)]
PartNumber = Annotated[int, Meta(ge=0, lt=MAX_PARTS)]
Size = Annotated[int, Meta(ge=0, le=MAX_ARTEFACT_BYTES)]


class CaptureCommand(Struct, frozen=True, omit_defaults=True):
    """``cmd/capture``."""

    request_id: RequestId = ""
    sku: Annotated[str, Meta(max_length=64)] = ""
    angle: Angle = 0
    profile: Word = ""
    preset: Word = ""
    expires_at: Annotated[str, Meta(max_length=40)] | None = None
    v: int = VERSION


class CaptureVerb(Struct, frozen=True, omit_defaults=True):
    """``cmd/release``, ``cmd/refuse``, ``cmd/cancel``: about one capture that exists, with an optional reason."""

    capture_id: CaptureId
    request_id: RequestId = ""
    reason: Text = ""
    v: int = VERSION


class PlateVerb(Struct, frozen=True, omit_defaults=True):
    """``cmd/plate``: photograph the empty scene, or ``forget`` the plate there is."""

    request_id: RequestId = ""
    forget: bool = False
    v: int = VERSION


class PlainVerb(Struct, frozen=True, omit_defaults=True):
    """``cmd/selftest``, ``cmd/reload``, ``cmd/restart``."""

    request_id: RequestId = ""
    v: int = VERSION


class Response(Struct, frozen=True):
    """``response/<verb>``: the answer to one command."""

    request_id: str
    status: str
    data: dict[str, Any] = {}
    error: str = ""
    v: int = VERSION


class JobEvent(Struct, frozen=True):
    """``job/<capture_id>``: one step of a capture; ``ms`` since the step before, ``monotonic_ms`` orders steps."""

    stage: str
    ts: str
    ms: float
    monotonic_ms: int
    request_id: str = ""
    reason: str = ""
    v: int = VERSION


class OfferedArtefact(Struct, frozen=True, omit_defaults=True):
    """One file of an offer; ``parts`` as sent over MQTT, ``url`` when the bytes lie in an object store."""

    name: Name
    kind: Word
    sha256: Sha256
    bytes: Size
    content_type: Annotated[str, Meta(pattern="^[a-z]+/[a-z0-9.+-]{1,60}\\Z")]
    parts: Annotated[int, Meta(ge=0, le=MAX_PARTS)] = 0
    width: Annotated[int, Meta(ge=0, le=100_000)] = 0
    height: Annotated[int, Meta(ge=0, le=100_000)] = 0
    url: Annotated[str, Meta(max_length=2000)] = ""


class Offer(Struct, frozen=True):
    """``offer/<capture_id>``: the work item for an uploader. A claim without news for ``lease_s`` seconds is void."""

    sku: Annotated[str, Meta(max_length=64)]
    angle: Angle
    revision: Annotated[int, Meta(ge=1, le=1_000_000)]
    supersedes: CaptureId | None
    artefacts: Annotated[list[OfferedArtefact], Meta(min_length=1, max_length=MAX_ARTEFACTS)]
    request_id: str = ""
    created_at: str = ""
    bbox: tuple[int, int, int, int] | None = None
    fill: float = 0.0
    verdict: dict[str, Any] = {}
    engine: str = ""
    ms: dict[str, float] = {}
    shutter: dict[str, Any] = {}
    lease_s: Annotated[float, Meta(ge=1, le=3600)] = 30.0
    v: int = VERSION


class Claim(Struct, frozen=True, omit_defaults=True):
    """``claim/<capture_id>``: an uploader takes the offer, or renews its claim.

    ``have`` maps an artefact's name to the ranges [first, last] of parts already received (from 0), so that an
    interrupted transfer goes on where it stopped. ``stalled`` asks to send again what ``have`` lacks: nothing has
    arrived for a while.
    """

    uploader_id: UploaderId
    have: dict[Name, Annotated[list[tuple[PartNumber, PartNumber]], Meta(max_length=MAX_PARTS)]] = {}
    stalled: bool = False
    v: int = VERSION


class Receipt(Struct, frozen=True, omit_defaults=True):
    """``receipt/<capture_id>``: the picture lies in the storefront, or never will (``refused`` says why).

    ``sha256s`` maps artefact names to the sha256 of what was stored.
    """

    sha256s: dict[Name, Sha256]
    target: Annotated[str, Meta(max_length=80)]
    storefront_id: Annotated[str, Meta(max_length=500)] = ""
    url: Annotated[str, Meta(max_length=2000)] = ""
    at: Annotated[str, Meta(max_length=40)] = ""
    uploader_id: UploaderId = ""
    refused: Text = ""
    v: int = VERSION


T = TypeVar("T", bound=Struct)


def encode(message: Struct) -> bytes:
    """The message as compact JSON."""
    return msgspec.json.encode(message)


def decode(payload: bytes, kind: type[T], limit: int = MAX_CONTROL_BYTES) -> T:
    """Parse and check a payload; raises BadMessage with one line that names the field that is wrong."""
    if len(payload) > limit:
        raise BadMessage(f"{kind.__name__} of {len(payload)} bytes is larger than the limit of {limit}")
    try:
        message = msgspec.json.decode(payload, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadMessage(f"{kind.__name__} cannot be read: {error}") from error
    sku = getattr(message, "sku", "")
    check_sku(sku)
    return message


def capture_request(payload: bytes, source: str) -> CaptureRequest:
    """A ``cmd/capture`` payload as a request; empty and ``PRESS`` are captures with a minted id."""
    stripped = payload.strip()
    if stripped in (b"", PRESS):
        return CaptureRequest(request_id=mint_request_id(), source=source)
    command = decode(stripped, CaptureCommand)
    return CaptureRequest(
        request_id=command.request_id or mint_request_id(),
        sku=command.sku,
        angle=command.angle,
        profile=command.profile,
        preset=command.preset,
        expires_at=command.expires_at,
        source=source,
    )


def part_topic(capture_id: str, artefact: str, part: int, of: int) -> str:
    """Topic below the device's root of one part (numbered from 0) of an artefact's bytes."""
    return f"cutout/{capture_id}/{artefact}/{part}/{of}"


def parse_part_topic(topic: str) -> tuple[str, str, int, int]:
    """(capture id, artefact, part, of) from a topic below the device's root; raises BadMessage."""
    words = topic.split("/")
    if len(words) != 5 or words[0] != "cutout":
        raise BadMessage(f"{topic[:120]!r} is not cutout/<capture id>/<artefact>/<part>/<of>")
    _, capture_id, artefact, part, of = words
    if not CAPTURE_ID.fullmatch(capture_id) or not ARTEFACT_NAME.fullmatch(artefact):
        raise BadMessage(f"{topic[:120]!r} names an impossible capture or artefact")
    if not (part.isascii() and part.isdigit() and of.isascii() and of.isdigit() and len(part) <= 4 and len(of) <= 4):
        raise BadMessage(f"{topic[:120]!r} has part numbers that are not numbers")
    if not int(part) < int(of) <= MAX_PARTS:
        raise BadMessage(f"{topic[:120]!r} has a part outside 0..{MAX_PARTS - 1}")
    return capture_id, artefact, int(part), int(of)
