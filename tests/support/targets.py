"""Deliveries to put into a target, and what a test may ask about the shop afterwards."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from packshot.domain import mint_capture_id
from packshot.storefront.targets.port import DeliveryKey, Picture, Target

MEDIA = {"png": "image/png", "webp": "image/webp", "jpg": "image/jpeg", "json": "application/json"}
HOUR_MS = 3_600_000


def capture_id(minute: int, salt: int = 0) -> str:
    """A capture id of a given minute."""
    return mint_capture_id(1_700_000_000_000 + minute * 60_000, None, bytes([salt] * 10))


@dataclass(frozen=True)
class Package:
    """A key and its pictures."""

    key: DeliveryKey
    pictures: list[Picture]


def package(
    folder: Path,
    files: Mapping[str, bytes],
    *,
    device: str = "studio-1",
    capture: str = "",
    revision: int = 1,
    sku: str = "A-1",
    angle: int = 0,
) -> Package:
    """A delivery whose files lie below ``folder``; the first file is the picture, the others cutouts."""
    pictures = []
    for number, (name, data) in enumerate(files.items()):
        digest = hashlib.sha256(data).hexdigest()
        path = folder / f"{digest}.data"
        path.write_bytes(data)
        media = MEDIA.get(name.rsplit(".", 1)[-1], "application/octet-stream")
        pictures.append(Picture(name, "picture" if number == 0 else "cutout", media, digest, len(data), path))
    key = DeliveryKey(
        device_id=device,
        capture_id=capture or capture_id(0),
        revision=revision,
        sku=sku,
        angle=angle,
        sha256s={picture.name: picture.sha256 for picture in pictures},
    )
    return Package(key, pictures)


@dataclass(frozen=True)
class Shop:
    """A target and a way to look into it from outside: names the shop shows -> bytes (no sidecars, nothing former)."""

    make: Callable[[], Target]
    shown: Callable[[], dict[str, bytes]]
    former: Callable[[], list[bytes]]
