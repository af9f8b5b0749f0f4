"""What the pages are told of captures: the spool's facts in the shape that the API promises."""

from typing import Any

from msgspec import Struct

from packshot.domain import Capture
from packshot.messages import Receipt


class ArtefactView(Struct):
    """One file of a capture."""

    name: str
    kind: str
    media_type: str
    bytes: int
    sha256: str
    width: int
    height: int


class CaptureView(Struct):
    """A capture with its verdict, its files and what the storefront said."""

    id: str
    sku: str
    angle: int
    revision: int
    supersedes: str | None
    stage: str
    preset: str
    profile: str
    created_at: str
    decision: str
    reasons: list[str]
    scores: dict[str, float]
    reason: str
    engine: str
    fill: float
    bbox: tuple[int, int, int, int] | None
    ms: dict[str, float]
    shutter: dict[str, Any]
    artefacts: list[ArtefactView]
    storefront: dict[str, str]


class CaptureList(Struct):
    """Captures, newest first."""

    captures: list[CaptureView]


def capture_view(capture: Capture, receipt: Receipt | None) -> CaptureView:
    """The facts of one capture."""
    request, verdict = capture.request, capture.verdict
    return CaptureView(
        id=capture.capture_id,
        sku=request.sku,
        angle=request.angle,
        revision=capture.revision,
        supersedes=capture.supersedes,
        stage=capture.stage.value,
        preset=request.preset,
        profile=request.profile,
        created_at=capture.created_at,
        decision=verdict.decision.value if verdict else "",
        reasons=list(verdict.reasons) if verdict else [],
        scores={name: round(score, 4) for name, score in verdict.scores.items()} if verdict else {},
        reason=capture.reason,
        engine=capture.engine,
        fill=capture.fill,
        bbox=capture.bbox,
        ms=dict(capture.stage_ms),
        shutter={"proof": capture.shutter.proof.value, "lag_s": capture.shutter.lag_s},
        artefacts=[
            ArtefactView(one.name, one.kind, one.media_type, one.size_bytes, one.sha256, one.width, one.height)
            for one in capture.artefacts
        ],
        storefront=_storefront(receipt),
    )


def _storefront(receipt: Receipt | None) -> dict[str, str]:
    if not receipt:
        return {}
    facts = {"target": receipt.target, "url": receipt.url, "at": receipt.at, "refused": receipt.refused}
    return {name: text for name, text in facts.items() if text}
