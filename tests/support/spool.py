"""Photos, cutouts and receipts to put into a spool, and looks at what it left on disk."""

import sqlite3
from collections.abc import Callable
from pathlib import Path

from packshot.domain import Capture, CaptureRequest, Decision, Frame, Shutter, ShutterProof, Stage, Verdict
from packshot.messages import Receipt
from packshot.spool.limits import SpoolLimits
from packshot.spool.port import CutRecord, NewArtefact, Spool

ROOMY = SpoolLimits(min_free_bytes=0)
"""Limits that do not depend on how full the test machine's disk is."""

PHOTO = bytes(range(256)) * 16
CUTOUT = b"cutout" * 500
SHUTTER = Shutter(ShutterProof.BOUNDED, 0.04)


def a_frame(data: bytes = PHOTO, media_type: str = "image/jpeg", backdrop: str = "") -> Frame:
    """A photo; the spool never looks into its bytes."""
    return Frame(data, media_type, SHUTTER, angle=3, backdrop=backdrop, source="folder")


def a_request(request_id: str = "r1", sku: str = "A-1", angle: int = 0) -> CaptureRequest:
    """A request from a till."""
    return CaptureRequest(request_id, sku=sku, angle=angle, source="mqtt")


def a_cut(
    data: bytes = CUTOUT, decision: Decision = Decision.PUBLISH, names: tuple[str, ...] = ("cutout.png",)
) -> CutRecord:
    """What the cutout step stores; no artefacts where the stage is empty."""
    artefacts = [NewArtefact(name, "cutout", "image/png", data + name.encode(), 40, 30) for name in names]
    reasons = ("no product seen",) if decision is not Decision.PUBLISH else ()
    verdict = Verdict(decision, reasons, {"confidence": 0.5})
    return CutRecord(
        artefacts if decision is not Decision.EMPTY else [], verdict, "cpu", (1, 2, 30, 20), 0.25, {"cut": 8.5}
    )


def receipt_for(capture: Capture) -> Receipt:
    """What an uploader sends when everything lies in the storefront."""
    return Receipt(sha256s={artefact.name: artefact.sha256 for artefact in capture.deliverables()}, target="folder")


def delivered(spool: Spool, request_id: str, sku: str = "") -> Capture:
    """A capture that has gone the whole way."""
    capture = spool.accept(a_request(request_id, sku), [a_frame()])
    capture = spool.store_cut(capture.capture_id, a_cut())
    return spool.record_receipt(capture.capture_id, receipt_for(capture))


def in_stage(spool: Spool, stage: Stage, request_id: str = "r1") -> Capture:
    """A capture that has got as far as ``stage`` by the ways the port offers."""
    steps: dict[Stage, Callable[[str], Capture]] = {
        Stage.CUT: lambda cid: spool.store_cut(cid, a_cut()),
        Stage.HELD: lambda cid: spool.store_cut(cid, a_cut(decision=Decision.HOLD)),
        Stage.EMPTY: lambda cid: spool.store_cut(cid, a_cut(decision=Decision.EMPTY)),
        Stage.OFFERED: lambda cid: spool.advance(spool.store_cut(cid, a_cut()).capture_id, Stage.OFFERED),
        Stage.CLAIMED: lambda cid: spool.advance(spool.store_cut(cid, a_cut()).capture_id, Stage.CLAIMED),
        Stage.REFUSED: lambda cid: spool.advance(spool.store_cut(cid, a_cut()).capture_id, Stage.REFUSED, "blurred"),
        Stage.FAILED: lambda cid: spool.advance(cid, Stage.FAILED, "not a picture"),
        Stage.CANCELLED: lambda cid: spool.advance(cid, Stage.CANCELLED, "by the till"),
        Stage.RECEIPTED: lambda cid: spool.record_receipt(cid, receipt_for(spool.store_cut(cid, a_cut()))),
    }
    capture = spool.accept(a_request(request_id), [a_frame()])
    return steps[stage](capture.capture_id) if stage in steps else capture


def capture_folder(root: Path, capture: Capture) -> Path:
    """Where the files of a capture lie."""
    return root / "captures" / capture.capture_id


def files_below(root: Path) -> set[str]:
    """Every file of the spool but those of the index and the lock, relative to its root."""
    own = {"lock"} | {path.name for path in root.glob("index.sqlite*")}
    return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file() and path.name not in own}


def stages_in_index(root: Path) -> dict[str, str]:
    """Stages by capture id as another program sees them."""
    with sqlite3.connect(root / "index.sqlite") as connection:
        return dict(connection.execute("SELECT capture_id, stage FROM captures"))
