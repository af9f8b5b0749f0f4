"""What an uploader takes from strangers: offers judged before anything is claimed or written."""

import shutil
from collections.abc import Sequence
from pathlib import Path

from packshot.domain import CAPTURE_ID, DEVICE_ID
from packshot.errors import BadMessage
from packshot.messages import Offer, OfferedArtefact
from packshot.storefront.targets.port import DeliveryKey


def parse_offer_topic(topic: str, root: str) -> tuple[str, str]:
    """(device id, capture id) of ``<root>/<device>/offer/<capture>``; raises BadMessage."""
    words = topic.removeprefix(f"{root}/").split("/")
    if len(words) != 3 or not DEVICE_ID.fullmatch(words[0]) or not CAPTURE_ID.fullmatch(words[2]):
        raise BadMessage(f"{topic[:120]!r} is not {root}/<device>/offer/<capture id>")
    return words[0], words[2]


def delivery_key(device_id: str, capture_id: str, offer: Offer) -> DeliveryKey:
    """What makes this the same delivery when it is offered again."""
    return DeliveryKey(
        device_id=device_id,
        capture_id=capture_id,
        revision=offer.revision,
        sku=offer.sku,
        angle=offer.angle,
        supersedes=offer.supersedes,
        sha256s={artefact.name: artefact.sha256 for artefact in offer.artefacts},
    )


def reason_to_refuse(offer: Offer, max_capture_bytes: int) -> str:
    """One line if this offer can never be taken, else empty."""
    names = [artefact.name for artefact in offer.artefacts]
    total = total_bytes(offer.artefacts)
    if len(set(names)) != len(names):
        return "two artefacts of the offer have the same name"
    if any((artefact.bytes > 0) != (artefact.parts > 0 or bool(artefact.url)) for artefact in offer.artefacts):
        return "an artefact of the offer has bytes without parts, or parts without bytes"
    if any(artefact.parts > max(1, artefact.bytes) for artefact in offer.artefacts):
        return "an artefact of the offer has more parts than bytes"
    if total > max_capture_bytes:
        return f"a capture of {total} bytes is over this uploader's limit of {max_capture_bytes}"
    return ""


def total_bytes(artefacts: Sequence[OfferedArtefact]) -> int:
    """Bytes of all artefacts."""
    return sum(artefact.bytes for artefact in artefacts)


def has_room(work: Path, needed: int, reserve: int) -> bool:
    """Whether the disk of the work folder can take so many bytes and keep the reserve."""
    return shutil.disk_usage(work).free >= needed + reserve
