"""What was done to a photo, as a JSON record and as XMP (ISO 16684-1): steps, hashes, software, network."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any
from xml.sax.saxutils import escape, quoteattr

import msgspec

from packshot.idphoto.crop import Crop
from packshot.idphoto.findings import Finding, Head, State
from packshot.idphoto.spec import Spec
from packshot.idphoto.wording import say

NAMESPACE = "urn:packshot:idphoto:1#"
PACKET_ID = "W5M0MpCehiHzreSzNTczkc9d"  # the fixed id of every XMP packet


@dataclass(frozen=True)
class Maker:
    """Who made an ID photo: software with version, network with sha256, engine."""

    software: str
    network: str
    network_sha256: str
    engine: str = ""


@dataclass(frozen=True)
class Steps:
    """What was done, in this order, to the photo whose file has ``source_sha256``.

    ``notes`` are the decoder's (orientation and colour). ``background`` is "#RRGGBB" where it was replaced, else empty.
    """

    source_sha256: str
    source_size: tuple[int, int]
    notes: tuple[str, ...]
    crop: Crop
    size: tuple[int, int]
    background: str = ""

    def as_list(self) -> list[dict[str, Any]]:
        """One dict per step, JSON-ready."""
        box = [self.crop.left, self.crop.top, self.crop.width, self.crop.height]
        steps: list[dict[str, Any]] = [{"step": "decode", "notes": list(self.notes)}]
        if self.background:
            steps.append({"step": "background", "colour": self.background})
        steps.append({"step": "crop", "box": box})
        if self.size != (self.crop.width, self.crop.height):
            filter_name = "area" if self.size[0] <= self.crop.width else "lanczos"
            steps.append({"step": "resize", "size": list(self.size), "filter": filter_name})
        return steps


def record(
    spec_name: str, spec: Spec, steps: Steps, maker: Maker, findings: Sequence[Finding], head: Head, made_at: str
) -> dict[str, Any]:
    """The JSON record; ``made_at`` is RFC 3339 or empty. The file's own hash is added by ``with_file``."""
    return {
        "v": 1,
        "spec": {"name": spec_name, "title": spec.title, "sha256": spec_sha256(spec), "accepted": spec.accepted},
        "made_at": made_at,
        "pixels_changed": bool(steps.background),
        "statement": statement(steps),
        "source": {"sha256": steps.source_sha256, "width": steps.source_size[0], "height": steps.source_size[1]},
        "steps": steps.as_list(),
        "software": maker.software,
        "network": {"name": maker.network, "sha256": maker.network_sha256, "engine": maker.engine},
        "head": {
            "height_px": round(head.height, 1),
            "crown_error_px": round(head.crown_error, 1),
            "chin_error_px": round(head.chin_error, 1),
            "confidence": round(head.confidence, 3),
        },
        "findings": [finding_dict(finding) for finding in findings],
        "certified": False,
    }


def finding_dict(finding: Finding) -> dict[str, Any]:
    """A finding, JSON-ready, with the sentence for people."""
    return {
        "rule": finding.rule.value,
        "state": finding.state.value,
        "figure": finding.figure,
        "unit": finding.unit,
        "low": finding.low,
        "high": finding.high,
        "confidence": finding.confidence,
        "message": finding.message,
        "text": say(finding.message),
    }


def with_file(entries: dict[str, Any], data: bytes, width: int, height: int, dpi: int) -> dict[str, Any]:
    """The record with the finished file's hash and size."""
    file = {"sha256": sha256(data).hexdigest(), "bytes": len(data), "width": width, "height": height, "dpi": dpi}
    return {**entries, "file": file}


def statement(steps: Steps) -> str:
    """What we say of the pixels, in one sentence."""
    if steps.background:
        return f"The background was replaced by {steps.background}; the person was cropped, resized and colour-managed."
    return "No pixel was changed beyond crop, resize and colour management."


def spec_sha256(spec: Spec) -> str:
    """The hash of the spec's values, so that a record says by which numbers it was judged."""
    return sha256(msgspec.json.encode(spec, order="sorted")).hexdigest()


def xmp(entries: dict[str, Any]) -> bytes:
    """The record's core as an XMP packet (RDF/XML in UTF-8)."""
    values = {
        "xmp:CreatorTool": entries["software"],
        **({"xmp:CreateDate": entries["made_at"]} if entries["made_at"] else {}),
        "packshot:Spec": entries["spec"]["name"],
        "packshot:SpecSha256": entries["spec"]["sha256"],
        "packshot:SourceSha256": entries["source"]["sha256"],
        "packshot:PixelsChanged": str(entries["pixels_changed"]),
        "packshot:Steps": json.dumps(entries["steps"], separators=(",", ":")),
        "packshot:Network": entries["network"]["name"],
        "packshot:NetworkSha256": entries["network"]["sha256"],
        "packshot:Kept": str(all(finding["state"] == State.OK.value for finding in entries["findings"])),
    }
    attributes = "".join(f"\n   {key}={quoteattr(str(value))}" for key, value in values.items())
    return (
        f'<?xpacket begin="\ufeff" id="{PACKET_ID}"?>\n'
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">\n'
        '  <rdf:Description rdf:about="" xmlns:xmp="http://ns.adobe.com/xap/1.0/"'
        f' xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:packshot="{NAMESPACE}"{attributes}>\n'
        f'   <dc:description><rdf:Alt><rdf:li xml:lang="x-default">{escape(entries["statement"])}</rdf:li></rdf:Alt>'
        "</dc:description>\n  </rdf:Description></rdf:RDF></x:xmpmeta>\n"
        '<?xpacket end="w"?>'
    ).encode()
