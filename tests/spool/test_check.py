"""What ``check`` finds in a spool that somebody has been at, and what it does about it."""

from dataclasses import replace
from pathlib import Path

import pytest

from packshot.domain import Capture, Decision, Stage
from packshot.errors import IntegrityError
from packshot.spool.port import Spool
from packshot.spool.record import decode_record, encode_record
from packshot.spool.sqlite_spool import SqliteSpool
from tests.support.spool import PHOTO, a_cut, a_frame, a_request, capture_folder, in_stage


def found(spool: Spool, capture: Capture) -> dict[str, str]:
    """Problems by file name; looking alone mends nothing, mending leaves nothing to find."""
    findings = spool.check()
    assert not any(finding.mended for finding in findings)
    assert spool.check() == findings
    mended = spool.check(fix=True)
    assert [(finding.path, finding.mended) for finding in mended] == [(finding.path, True) for finding in findings]
    assert spool.check() == []
    prefix = f"captures/{capture.capture_id}/"
    return {finding.path.removeprefix(prefix): finding.problem for finding in findings}


def test_sound_spool_has_no_findings(spool: Spool) -> None:
    for stage in set(Stage) - {Stage.CAPTURED}:
        in_stage(spool, stage, f"r-{stage}")
    assert spool.check() == []


@pytest.mark.parametrize("damage", [PHOTO[:100], PHOTO[:-1] + b"\0"], ids=["torn", "flipped"])
def test_damaged_original_of_an_uncut_capture_fails_it_and_is_set_aside(
    spool: SqliteSpool, root: Path, damage: bytes
) -> None:
    capture = in_stage(spool, Stage.ACCEPTED)
    spool.path(capture.capture_id, "original.jpg").write_bytes(damage)
    assert found(spool, capture) == {"original.jpg": "does not have the bytes recorded for it"}
    after = spool.get(capture.capture_id)
    assert after is not None and (after.stage, after.reason) == (Stage.FAILED, "lost on disk: original.jpg")
    assert (capture_folder(root, capture) / "damaged-original.jpg").read_bytes() == damage


@pytest.mark.parametrize("stage", [Stage.CUT, Stage.CLAIMED, Stage.HELD])
def test_damaged_cutout_is_made_again_from_the_original(spool: SqliteSpool, stage: Stage) -> None:
    capture = in_stage(spool, stage)
    spool.path(capture.capture_id, "cutout.png").write_bytes(b"x")
    assert list(found(spool, capture)) == ["cutout.png"]
    after = spool.get(capture.capture_id)
    assert after is not None and after.stage is Stage.ACCEPTED
    assert [artefact.name for artefact in after.artefacts] == ["original.jpg"]
    assert spool.store_cut(capture.capture_id, a_cut()).stage is Stage.CUT


def test_damaged_original_does_not_stop_a_delivery(spool: SqliteSpool) -> None:
    capture = in_stage(spool, Stage.CUT)
    spool.path(capture.capture_id, "original.jpg").unlink()
    assert found(spool, capture) == {"original.jpg": "is missing"}
    after = spool.get(capture.capture_id)
    assert after is not None and after.stage is Stage.CUT
    assert spool.read(capture.capture_id, "cutout.png")
    with pytest.raises(IntegrityError):
        spool.read(capture.capture_id, "original.jpg")


def test_delivered_capture_stays_delivered_whatever_happens_to_its_files(spool: SqliteSpool) -> None:
    capture = in_stage(spool, Stage.RECEIPTED)
    spool.path(capture.capture_id, "cutout.png").unlink()
    assert list(found(spool, capture)) == ["cutout.png"]
    assert spool.get(capture.capture_id) == capture


@pytest.mark.parametrize("text", [b"", b"{}", b"\xff\xfe", b'{"capture":'], ids=["empty", "json", "binary", "torn"])
def test_damaged_sidecar_is_written_again_from_the_index(spool: Spool, root: Path, text: bytes) -> None:
    capture = in_stage(spool, Stage.RECEIPTED)
    sidecar = capture_folder(root, capture) / "_capture.json"
    before = sidecar.read_bytes()
    sidecar.write_bytes(text)
    assert found(spool, capture) == {"_capture.json": "does not say what the index says"}
    assert sidecar.read_bytes() == before


def test_left_over_files_are_removed(spool: Spool, root: Path) -> None:
    capture = in_stage(spool, Stage.CUT)
    for name in ("cutout.2.png", "original.jpg.tmp~", "notes.txt"):
        (capture_folder(root, capture) / name).write_bytes(b"x")
    assert set(found(spool, capture)) == {"cutout.2.png", "original.jpg.tmp~", "notes.txt"}
    assert {path.name for path in capture_folder(root, capture).iterdir()} == {
        "original.jpg",
        "cutout.png",
        "_capture.json",
    }


def test_folder_that_the_index_does_not_know_is_adopted(spool: Spool, root: Path) -> None:
    capture = spool.accept(a_request(), [a_frame()])
    copy = capture_folder(root, capture).with_name("0" * 26)
    capture_folder(root, capture).rename(copy)
    record = replace(decode_record((copy / "_capture.json").read_bytes(), capture.capture_id))
    other = replace(record.capture, capture_id="0" * 26, request=a_request("r0"))
    (copy / "_capture.json").write_bytes(encode_record(replace(record, capture=other)))
    spool.advance(capture.capture_id, Stage.CANCELLED)
    spool.purge(capture.capture_id)
    assert [finding.problem for finding in spool.check(fix=True)] == ["is not in the index"]
    assert spool.read("0" * 26, "original.jpg") == PHOTO
    assert [each.request.request_id for each in spool.captures()] == ["r0"]


def test_sidecar_of_another_capture_is_not_believed(spool: Spool, root: Path) -> None:
    capture = spool.accept(a_request(), [a_frame()])
    copy = capture_folder(root, capture).with_name("0" * 26)
    copy.mkdir()
    for path in capture_folder(root, capture).iterdir():
        (copy / path.name).write_bytes(path.read_bytes())
    assert [finding.problem for finding in spool.check(fix=True)] == ["has lost its record"]
    stray = spool.get("0" * 26)
    assert stray is not None and stray.stage is Stage.HELD


def test_folder_without_photo_is_removed_only_when_it_is_empty(spool: Spool, root: Path) -> None:
    bare, strange = (root / "captures" / (digit * 26) for digit in "01")
    bare.mkdir()
    strange.mkdir()
    (strange / "thesis.doc").write_bytes(b"important")
    findings = spool.check(fix=True)
    assert [(finding.path[-1], finding.mended) for finding in findings] == [("0", True), ("1", False)]
    assert not bare.exists()
    assert (strange / "thesis.doc").exists()
    (strange / "thesis.doc").unlink()
    assert [finding.mended for finding in spool.check(fix=True)] == [True]


def test_held_capture_with_only_its_verdict_keeps_it(spool: Spool) -> None:
    capture = in_stage(spool, Stage.ACCEPTED)
    held = spool.store_cut(capture.capture_id, a_cut(decision=Decision.HOLD, names=()))
    assert spool.check(fix=True) == []
    assert spool.get(capture.capture_id) == held
