"""A lost, damaged or foreign index, and folders that outlived it."""

import hashlib
import json
import logging
import random
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from packshot.domain import Stage
from packshot.errors import BadMessage, IntegrityError, SpoolError
from packshot.spool import schema
from packshot.spool.sqlite_spool import SqliteSpool
from tests.fakes.clock import HandClock
from tests.support.spool import (
    PHOTO,
    ROOMY,
    a_cut,
    a_frame,
    a_request,
    capture_folder,
    delivered,
    files_below,
    in_stage,
)

STORED_STAGES = sorted(set(Stage) - {Stage.CAPTURED})
AFTER_LOSS = {stage: stage for stage in STORED_STAGES} | {Stage.OFFERED: Stage.CUT, Stage.CLAIMED: Stage.CUT}


def opened(root: Path, clock: HandClock) -> SqliteSpool:
    return SqliteSpool(root, limits=ROOMY, clock=clock)


def sealed(document: object) -> str:
    """A sidecar's text with its seal in order, as somebody who means harm would write it."""
    text = json.dumps(document)
    return f'{{"sha256":"{hashlib.sha256(text.encode()).hexdigest()}","record":{text}}}'


def delete_index(root: Path) -> None:
    for path in root.glob("index.sqlite*"):
        path.unlink()


def overwrite_header(root: Path) -> None:
    path = root / "index.sqlite"
    path.write_bytes(b"not a database at all" + path.read_bytes()[21:])


def overwrite_middle(root: Path) -> None:
    path = root / "index.sqlite"
    data = bytearray(path.read_bytes())
    data[4096:] = b"\xa5" * (len(data) - 4096)
    path.write_bytes(data)


def cut_short(root: Path) -> None:
    path = root / "index.sqlite"
    path.write_bytes(path.read_bytes()[: 3 * 4096 + 100])


def empty(root: Path) -> None:
    (root / "index.sqlite").write_bytes(b"")


DAMAGES = [delete_index, overwrite_header, overwrite_middle, cut_short, empty]


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_everything_comes_back_from_the_files(root: Path, clock: HandClock, damage: Callable[[Path], None]) -> None:
    spool = opened(root, clock)
    captures = [in_stage(spool, stage, f"r-{stage}") for stage in STORED_STAGES]
    receipts = [spool.receipt(capture.capture_id) for capture in captures]
    spool.close()
    damage(root)
    spool = opened(root, clock)
    assert spool.recovered
    assert all(finding.mended for finding in spool.recovered)
    for before, after, receipt in zip(captures, spool.captures(), receipts, strict=True):
        assert after.stage is AFTER_LOSS[before.stage]
        assert (after.artefacts, after.request, after.verdict) == (before.artefacts, before.request, before.verdict)
        assert spool.receipt(after.capture_id) == receipt
        assert spool.read(after.capture_id, "original.jpg") == PHOTO
    retake = spool.accept(a_request("new"), [a_frame()])
    assert retake.revision == len(captures) + 1
    assert retake.supersedes == captures[-1].capture_id
    spool.close()
    spool = opened(root, clock)
    assert (spool.recovered, spool.check()) == ((), [])
    spool.close()


@pytest.mark.parametrize("seed", range(40))
def test_flipped_bytes_anywhere_in_the_index_lose_no_photo(root: Path, clock: HandClock, seed: int) -> None:
    """SQLite finds damage to its pages, seals that to our rows; both come back from the sidecars."""
    spool = opened(root, clock)
    captures = [in_stage(spool, stage, f"r-{stage}") for stage in STORED_STAGES]
    spool.close()
    chance = random.Random(seed)
    data = bytearray((root / "index.sqlite").read_bytes())
    used = [position for position, byte in enumerate(data) if byte]
    for position in chance.sample(used, chance.choice([1, 3, 30])):
        data[position] ^= 1 << chance.randrange(8)
    (root / "index.sqlite").write_bytes(data)
    spool = opened(root, clock)
    spool.check(fix=True)
    assert spool.check() == []
    for capture in captures:
        assert (capture_folder(root, capture) / "original.jpg").read_bytes() == PHOTO
        after = spool.get(capture.capture_id)
        assert after is not None and after.artefacts[: len(capture.artefacts)] == capture.artefacts
    assert spool.accept(a_request("new"), [a_frame()]).stage is Stage.ACCEPTED
    spool.close()


def test_damaged_index_is_kept_for_a_person_to_look_at(
    root: Path, clock: HandClock, caplog: pytest.LogCaptureFixture
) -> None:
    spool = opened(root, clock)
    in_stage(spool, Stage.CUT)
    spool.close()
    for number in (1, 2):
        overwrite_header(root)
        damaged = (root / "index.sqlite").read_bytes()
        with caplog.at_level(logging.WARNING):
            opened(root, clock).close()
        assert (root / f"index.sqlite.corrupt-{number}").read_bytes() == damaged
        assert f"index.sqlite.corrupt-{number}" in caplog.text


def test_row_that_cannot_be_read_is_restored_from_its_sidecar(root: Path, clock: HandClock) -> None:
    spool = opened(root, clock)
    capture = in_stage(spool, Stage.CUT)
    other = in_stage(spool, Stage.HELD, "r2")
    spool.close()
    with sqlite3.connect(root / "index.sqlite") as connection:
        connection.execute("UPDATE captures SET record = replace(record, '\"cut\"', '\"cur\"') WHERE stage = 'cut'")
    spool = opened(root, clock)
    assert {finding.path for finding in spool.recovered} >= {"index.sqlite"}
    assert spool.captures() == [capture, other]
    spool.close()


def test_row_damaged_while_open_stops_the_daemon_with_one_line(root: Path, clock: HandClock) -> None:
    spool = opened(root, clock)
    capture = in_stage(spool, Stage.CUT)
    with sqlite3.connect(root / "index.sqlite") as connection:
        connection.execute("UPDATE captures SET record = '{'")
    with pytest.raises(SpoolError, match="rebuilt"):
        spool.get(capture.capture_id)
    with pytest.raises(SpoolError, match="rebuilt"):
        spool.depth()  # could be told, but nothing is believed before the spool has been reopened
    spool.close()
    spool = opened(root, clock)
    assert spool.captures() == [capture]
    spool.close()


def test_retake_after_a_lost_index_knows_deleted_takes(root: Path, clock: HandClock) -> None:
    spool = opened(root, clock)
    takes = [delivered(spool, f"r{number}", "A-1") for number in range(3)]
    for take in takes:
        spool.purge(take.capture_id)
    spool.close()
    delete_index(root)
    spool = opened(root, clock)
    retake = spool.accept(a_request("new", "A-1"), [a_frame()])
    assert (retake.revision, retake.supersedes) == (4, takes[-1].capture_id)
    assert retake.capture_id > takes[-1].capture_id
    spool.close()


def test_torn_line_of_the_revisions_does_not_hide_the_others(root: Path, clock: HandClock) -> None:
    spool = opened(root, clock)
    spool.purge(delivered(spool, "r1", "A-1").capture_id)
    spool.close()
    with (root / "revisions.jsonl").open("ab") as file:
        file.write(b'{"sku":"A-2","angle":0,"revis')
    spool = opened(root, clock)
    spool.purge(delivered(spool, "r2", "A-3").capture_id)
    spool.close()
    delete_index(root)
    spool = opened(root, clock)
    assert [spool.accept(a_request(sku, sku), [a_frame()]).revision for sku in ("A-1", "A-2", "A-3")] == [2, 1, 2]
    spool.close()


def test_long_list_of_revisions_is_shortened_to_the_newest(root: Path, clock: HandClock) -> None:
    spool = opened(root, clock)
    spool.close()
    lines = [{"sku": "A-1", "angle": 0, "revision": n, "capture_id": f"{n:026d}"} for n in range(1, 2001)]
    (root / "revisions.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    spool = opened(root, clock)
    assert (root / "revisions.jsonl").read_text().count("\n") == 1
    assert spool.accept(a_request("r", "A-1"), [a_frame()]).revision == 2001
    spool.close()


def test_unfinished_capture_is_swept_and_an_unannounced_one_adopted(root: Path, clock: HandClock) -> None:
    spool = opened(root, clock)
    capture = spool.accept(a_request(), [a_frame()])
    spool.close()
    folder = capture_folder(root, capture)
    unfinished = folder.with_name("0" * 26 + ".new")
    unfinished.mkdir()
    (unfinished / "original.jpg").write_bytes(b"half a pho")
    delete_index(root)
    spool = opened(root, clock)
    assert not unfinished.exists()
    assert spool.captures() == [capture]
    assert spool.accept(a_request(), [a_frame()]) == capture
    spool.close()


def test_photo_whose_record_is_lost_is_held_for_a_person(root: Path, clock: HandClock) -> None:
    spool = opened(root, clock)
    capture = spool.accept(a_request(), [a_frame(), a_frame(b"second", "image/png")])
    spool.close()
    delete_index(root)
    (capture_folder(root, capture) / "_capture.json").write_bytes(b"\0" * 900)
    spool = opened(root, clock)
    (found,) = spool.captures()
    assert (found.capture_id, found.stage) == (capture.capture_id, Stage.HELD)
    assert "record was lost" in found.reason
    assert [frame.data for frame in spool.frames(found.capture_id)] == [b"second", PHOTO]
    assert spool.advance(found.capture_id, Stage.ACCEPTED).stage is Stage.ACCEPTED
    assert spool.store_cut(found.capture_id, a_cut()).stage is Stage.CUT
    assert spool.check() == list(spool.recovered)
    assert spool.check() == []
    spool.close()


def test_record_of_a_newer_packshot_is_left_alone(root: Path, clock: HandClock) -> None:
    spool = opened(root, clock)
    capture = spool.accept(a_request(), [a_frame()])
    spool.close()
    delete_index(root)
    sidecar = capture_folder(root, capture) / "_capture.json"
    text = sealed({**json.loads(sidecar.read_bytes())["record"], "v": 2, "capture": "in a new form"})
    sidecar.write_text(text)
    spool = opened(root, clock)
    assert [(finding.mended, "update packshot" in finding.problem) for finding in spool.recovered] == [(False, True)]
    assert sidecar.read_text() == text
    spool.close()


@pytest.mark.parametrize("escape", ["../../../secret", "/etc/passwd", "..", "a/b", "original.jpg\n", ""])
def test_sidecar_that_points_outside_its_folder_is_not_followed(root: Path, clock: HandClock, escape: str) -> None:
    spool = opened(root, clock)
    capture = spool.accept(a_request(), [a_frame()])
    spool.close()
    delete_index(root)
    sidecar = capture_folder(root, capture) / "_capture.json"
    sidecar.write_text(sealed({**json.loads(sidecar.read_bytes())["record"], "files": {"original.jpg": escape}}))
    spool = opened(root, clock)
    (found,) = spool.captures()
    assert found.stage is Stage.HELD  # salvaged: the record is not believed, the photo is kept
    assert spool.path(found.capture_id, "original.jpg") == capture_folder(root, capture) / "original.jpg"
    spool.close()


def test_lost_original_of_an_uncut_capture_is_a_visible_failure(root: Path, clock: HandClock) -> None:
    spool = opened(root, clock)
    capture = spool.accept(a_request(), [a_frame()])
    spool.close()
    (capture_folder(root, capture) / "original.jpg").unlink()
    spool = opened(root, clock)
    (found,) = spool.captures()
    assert (found.stage, found.reason) == (Stage.FAILED, "lost on disk: original.jpg")
    with pytest.raises(IntegrityError, match="deleted"):
        spool.read(found.capture_id, "original.jpg")
    with pytest.raises(BadMessage, match="no files"):
        spool.advance(found.capture_id, Stage.ACCEPTED)
    assert spool.check() == list(spool.recovered)
    assert spool.check() == []
    spool.close()


def test_folder_deleted_by_hand_is_a_visible_failure(root: Path, clock: HandClock) -> None:
    spool = opened(root, clock)
    waiting, done = in_stage(spool, Stage.CUT, "r1"), in_stage(spool, Stage.RECEIPTED, "r2")
    spool.close()
    for capture in (waiting, done):
        for path in capture_folder(root, capture).iterdir():
            path.unlink()
        capture_folder(root, capture).rmdir()
    spool = opened(root, clock)
    assert [capture.stage for capture in spool.captures()] == [Stage.FAILED, Stage.RECEIPTED]
    assert spool.check() == list(spool.recovered)
    assert spool.check() == []
    spool.close()


def test_newer_generation_of_the_index_is_refused_and_untouched(root: Path, clock: HandClock) -> None:
    opened(root, clock).close()
    with sqlite3.connect(root / "index.sqlite") as connection:
        connection.execute("PRAGMA user_version = 1001")
    before = (root / "index.sqlite").read_bytes()
    with pytest.raises(SpoolError, match="newer packshot"):
        opened(root, clock)
    assert (root / "index.sqlite").read_bytes() == before
    assert list(root.glob("*.corrupt-*")) == []


def test_index_of_a_later_release_with_more_columns_is_used_after_a_rollback(root: Path, clock: HandClock) -> None:
    spool = opened(root, clock)
    capture = in_stage(spool, Stage.CUT)
    spool.close()
    connection = sqlite3.connect(root / "index.sqlite")
    steps = (*schema.STEPS, "ALTER TABLE captures ADD COLUMN shelf TEXT", "CREATE TABLE shelves (name TEXT)")
    schema.migrate(connection, steps)
    connection.close()
    spool = opened(root, clock)
    assert spool.captures() == [capture]
    assert spool.advance(capture.capture_id, Stage.OFFERED).stage is Stage.OFFERED
    spool.close()


def test_somebody_elses_database_is_refused_and_untouched(root: Path, clock: HandClock) -> None:
    root.mkdir()
    with sqlite3.connect(root / "index.sqlite") as connection:
        connection.execute("CREATE TABLE photos (name TEXT)")
    with pytest.raises(SpoolError, match="not packshot's"):
        opened(root, clock)
    with sqlite3.connect(root / "index.sqlite") as connection:
        assert connection.execute("SELECT count(*) FROM photos").fetchone() == (0,)


def test_foreign_files_in_the_spool_are_left_alone(root: Path, clock: HandClock) -> None:
    spool = opened(root, clock)
    spool.close()
    (root / "captures" / "lost+found").mkdir()
    (root / "captures" / "README").write_text("hands off")
    (root / "captures" / ("0" * 26)).symlink_to("/etc")
    spool = opened(root, clock)
    assert (spool.recovered, spool.check(fix=True), spool.captures()) == ((), [], [])
    spool.close()
    assert "captures/README" in files_below(root)
