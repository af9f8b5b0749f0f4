"""The words of the house as values: frame, request, capture, artefact, verdict."""

import re
import secrets
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from packshot.errors import BadMessage

CROCKFORD = "0123456789abcdefghjkmnpqrstvwxyz"
CAPTURE_ID = re.compile(r"[0-9a-hjkmnp-tv-z]{26}")
DEVICE_ID = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?")
REQUEST_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,63}")
ARTEFACT_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,40}(?:\.[a-z0-9]{2,5})?")
SKU_FORBIDDEN = frozenset('/\\:*?"<>|')
SKU_MAX_CHARACTERS = 64
ANGLE_MAX = 999


class Stage(StrEnum):
    """Where a capture is. The spool stores it, ``job/<capture_id>`` announces it."""

    CAPTURED = "captured"  # exposed, not yet durable; announced, never stored
    ACCEPTED = "accepted"  # the original is durable, the shutter is acknowledged
    CUT = "cut"  # the artefacts are durable, waiting for an uploader
    OFFERED = "offered"
    CLAIMED = "claimed"
    RECEIPTED = "receipted"  # lies in the storefront
    HELD = "held"  # a person should look: release or refuse
    EMPTY = "empty"  # nothing on the stage; nothing to publish
    REFUSED = "refused"  # by a person or, for good, by the storefront
    FAILED = "failed"
    CANCELLED = "cancelled"


IN_DELIVERY = frozenset({Stage.CUT, Stage.OFFERED, Stage.CLAIMED})
ENDED = frozenset({Stage.RECEIPTED, Stage.EMPTY, Stage.REFUSED, Stage.FAILED, Stage.CANCELLED})


class ShutterProof(StrEnum):
    """How sure we are that the frame was exposed after the trigger."""

    PROVEN = "proven"  # the sensor's own timestamp says so
    BOUNDED = "bounded"  # buffers drained; lag is at most ``lag_s``
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Shutter:
    """Shutter lag of one frame: seconds from trigger to start of exposure (upper bound if bounded)."""

    proof: ShutterProof
    lag_s: float | None = None


@dataclass(frozen=True)
class Frame:
    """One photo as the camera gave it.

    ``data`` are the encoded bytes (what the spool keeps), ``media_type`` their kind ("image/jpeg").
    ``pixels`` is the same picture decoded, (H, W, 3) uint8 sRGB, if the camera had it at hand.
    """

    data: bytes
    media_type: str
    shutter: Shutter
    angle: int = 0
    backdrop: str = ""
    source: str = ""
    pixels: NDArray[np.uint8] | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True)
class CaptureRequest:
    """What a trigger asks for. Repeats of one ``request_id`` are one capture.

    ``profile`` and ``preset`` empty mean the configured ones; ``expires_at`` is RFC 3339 or None.
    """

    request_id: str
    sku: str = ""
    angle: int = 0
    profile: str = ""
    preset: str = ""
    expires_at: str | None = None
    source: str = "local"


class Decision(StrEnum):
    """What the verdict says should happen with a cutout."""

    PUBLISH = "publish"
    HOLD = "hold"
    EMPTY = "empty"


@dataclass(frozen=True)
class Verdict:
    """How sure we are of a cutout: a decision, reasons a person reads, scores a program reads."""

    decision: Decision
    reasons: tuple[str, ...] = ()
    scores: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True)
class Artefact:
    """One file that belongs to a capture: an original, a cutout, a mask, a preset's picture.

    ``kind`` is "original", "cutout", "mask", "picture" or "index"; only non-originals travel to the storefront.
    """

    name: str
    kind: str
    media_type: str
    sha256: str
    size_bytes: int
    width: int = 0
    height: int = 0


@dataclass(frozen=True)
class Capture:
    """A capture as the spool knows it; ``revision`` counts retakes of one SKU and angle from 1."""

    capture_id: str
    request: CaptureRequest
    stage: Stage
    revision: int
    supersedes: str | None
    created_at: str
    shutter: Shutter
    artefacts: tuple[Artefact, ...] = ()
    verdict: Verdict | None = None
    engine: str = ""
    bbox: tuple[int, int, int, int] | None = None
    fill: float = 0.0
    stage_ms: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    reason: str = ""

    def deliverables(self) -> tuple[Artefact, ...]:
        """The artefacts that go to the storefront."""
        return tuple(artefact for artefact in self.artefacts if artefact.kind != "original")


def mint_capture_id(now_ms: int, last_id: str | None, entropy: bytes) -> str:
    """A ULID (26 lower-case Crockford characters) greater than ``last_id``, also when the clock went back.

    ``entropy`` is ten random bytes. After a clock jump to 1970 the time part goes on from ``last_id``.
    """
    last_ms = _decode_time(last_id) if last_id else -1
    time_ms = max(now_ms, last_ms + 1) & ((1 << 48) - 1)
    return _base32(time_ms, 10) + _base32(int.from_bytes(entropy[:10]), 16)


def mint_request_id() -> str:
    """A request id for triggers that bring none of their own."""
    return f"auto-{secrets.token_hex(8)}"


def check_sku(sku: str) -> str:
    """The SKU unchanged, or BadMessage: it becomes a folder name, so it must be one harmless path part."""
    problem = _sku_problem(sku)
    if problem:
        raise BadMessage(f"SKU {sku[:80]!r} {problem}; use up to {SKU_MAX_CHARACTERS} printable characters")
    return sku


def _sku_problem(sku: str) -> str:
    if len(sku) > SKU_MAX_CHARACTERS or len(sku.encode("utf-8", "replace")) > 200:
        return "is too long"
    if sku.startswith((".", "-", " ")) or sku.endswith((".", " ")):
        return "begins or ends with a dot, dash or space"
    if any(char in SKU_FORBIDDEN or (unicodedata.category(char)[0] in "CZ" and char != " ") for char in sku):
        return "holds a character that a file name cannot"
    return ""


def _base32(value: int, length: int) -> str:
    digits = []
    for _ in range(length):
        value, remainder = divmod(value, 32)
        digits.append(CROCKFORD[remainder])
    return "".join(reversed(digits))


def _decode_time(capture_id: str) -> int:
    time_ms = 0
    for char in capture_id[:10]:
        time_ms = time_ms * 32 + CROCKFORD.index(char)
    return time_ms
