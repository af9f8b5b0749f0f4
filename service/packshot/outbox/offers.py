"""The offer of one capture: what an uploader needs to know before it claims."""

from collections.abc import Mapping

import msgspec

from packshot.domain import Capture
from packshot.errors import BadMessage
from packshot.messages import MAX_PARTS, Offer, OfferedArtefact
from packshot.parts import part_count


def make_offer(
    capture: Capture, part_bytes: int, largest_part: int, lease_s: float, urls: Mapping[str, str] | None = None
) -> Offer:
    """The offer with parts of at most ``part_bytes``, or larger ones (up to ``largest_part``) where MAX_PARTS asks.

    With ``urls`` (artefact name -> address) the bytes lie in an object store and there are no parts.

    Raises BadMessage for a capture without artefacts or with one that no number of parts can carry.
    """
    if not capture.deliverables():
        raise BadMessage("the capture has no artefacts to deliver")
    return Offer(
        sku=capture.request.sku,
        angle=capture.request.angle,
        revision=capture.revision,
        supersedes=capture.supersedes,
        artefacts=[
            OfferedArtefact(
                name=artefact.name,
                kind=artefact.kind,
                sha256=artefact.sha256,
                bytes=artefact.size_bytes,
                content_type=artefact.media_type,
                parts=0 if urls else _parts(artefact.name, artefact.size_bytes, part_bytes, largest_part),
                url=urls.get(artefact.name, "") if urls else "",
                width=artefact.width,
                height=artefact.height,
            )
            for artefact in capture.deliverables()
        ],
        request_id=capture.request.request_id,
        created_at=capture.created_at,
        bbox=capture.bbox,
        fill=capture.fill,
        verdict=msgspec.to_builtins(_verdict(capture)),
        engine=capture.engine,
        ms=dict(capture.stage_ms),
        shutter=msgspec.to_builtins(capture.shutter),
        lease_s=lease_s,
    )


def _verdict(capture: Capture) -> dict[str, object]:
    if capture.verdict is None:
        return {}
    verdict = capture.verdict
    return {"decision": verdict.decision, "reasons": list(verdict.reasons), "scores": dict(verdict.scores)}


def _parts(name: str, size: int, part_bytes: int, largest_part: int) -> int:
    parts = part_count(size, part_bytes)
    if parts <= MAX_PARTS:
        return parts
    if part_count(size, largest_part) <= MAX_PARTS:
        return MAX_PARTS
    raise BadMessage(
        f"{name} of {size} bytes does not fit into {MAX_PARTS} messages of {largest_part} bytes; "
        "raise mqtt.max_message_bytes and the broker's limit"
    )
