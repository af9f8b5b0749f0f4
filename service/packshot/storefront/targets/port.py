"""The port of every storefront."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Protocol


@dataclass(frozen=True)
class DeliveryKey:
    """What makes a delivery the same delivery: device, capture, revision, content.

    ``sha256s`` maps artefact names to their sha256. ``sku`` and ``angle`` say what it is a picture of.
    """

    device_id: str
    capture_id: str
    revision: int
    sku: str
    angle: int
    supersedes: str | None = None
    sha256s: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True)
class Picture:
    """One artefact on its way into the shop. ``path`` is a file whose sha256 has been checked; it is only read."""

    name: str
    kind: str
    content_type: str
    sha256: str
    size_bytes: int
    path: Path


@dataclass(frozen=True)
class Stored:
    """Where a delivery lies in the storefront."""

    storefront_id: str
    url: str = ""


class Target(Protocol):
    """One storefront, used by several threads at once.

    ``find`` and ``put`` raise TargetUnavailable (try again, perhaps after ``retry_after_s``) or TargetRefused (never).
    """

    @property
    def name(self) -> str:
        """What receipts call it, for example "folder:/srv/shop"."""

    def find(self, key: DeliveryKey) -> Stored | None:
        """The delivery, if every picture of this key already lies in the storefront (superseded ones included)."""

    def put(self, key: DeliveryKey, pictures: Sequence[Picture]) -> Stored:
        """Store all pictures of a delivery; idempotent: a second call with the same key leaves one picture.

        A newer revision of the same device, SKU and angle supersedes an older one, also when the older one arrives
        later.
        """

    def close(self) -> None:
        """Let connections go; calling it again does nothing."""
