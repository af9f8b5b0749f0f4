"""The port of every storefront."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
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
    """One checked artefact on its way into the shop."""

    name: str
    kind: str
    content_type: str
    sha256: str
    data: bytes = field(repr=False)


@dataclass(frozen=True)
class Stored:
    """Where a delivery lies in the storefront."""

    storefront_id: str
    url: str = ""


class Target(Protocol):
    """One storefront. ``put`` is idempotent per key: a second call with the same key leaves one picture.

    Raises TargetUnavailable (try again, perhaps after ``retry_after_s``) or TargetRefused (never).
    """

    @property
    def name(self) -> str:
        """What receipts call it, for example "folder:/srv/shop"."""

    def find(self, key: DeliveryKey) -> Stored | None:
        """The delivery, if every picture of this key already lies in the storefront."""

    def put(self, key: DeliveryKey, pictures: Sequence[Picture]) -> Stored:
        """Store all pictures of a delivery. A newer revision of the same device, SKU and angle supersedes an older one,

        also when the older one arrives later.
        """

    def close(self) -> None:
        """Let connections go; calling it again does nothing."""
