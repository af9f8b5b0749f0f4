"""One daemon and any number of tools over one folder."""

import multiprocessing
import sqlite3
import threading
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.context import ForkProcess
from pathlib import Path

import pytest

from packshot.domain import CAPTURE_ID, Stage
from packshot.errors import SpoolError
from packshot.spool import index, sqlite_spool
from packshot.spool.port import Finding
from packshot.spool.sqlite_spool import SqliteSpool
from packshot.spool.trouble import SpoolBusy
from tests.fakes.clock import HandClock
from tests.support.spool import PHOTO, ROOMY, a_cut, a_frame, a_request, in_stage

FORK = multiprocessing.get_context("fork")


def started(work: Callable[[], None]) -> ForkProcess:
    """Another process at work; started before this one takes a lock, which a fork would share."""
    child = FORK.Process(target=work, daemon=True)
    child.start()
    return child


def test_second_daemon_is_refused(spool: SqliteSpool, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_spool, "LOCK_WAIT_S", 0.2)
    with pytest.raises(SpoolError, match="another packshot daemon"):
        SqliteSpool(root, limits=ROOMY)


def test_daemon_waits_for_one_that_is_just_leaving(root: Path) -> None:
    go, ended = FORK.Event(), FORK.Event()

    def restart() -> None:
        go.wait(10)
        SqliteSpool(root, limits=ROOMY).close()
        ended.set()

    child = started(restart)
    first = SqliteSpool(root, limits=ROOMY)
    go.set()
    assert not ended.wait(0.3)
    first.close()
    assert ended.wait(10)
    child.join(10)


def test_killed_daemon_does_not_lock_the_spool(root: Path, clock: HandClock) -> None:
    def hold(ready: Connection) -> None:
        SqliteSpool(root, limits=ROOMY, clock=clock).accept(a_request(), [a_frame()])
        ready.send(True)
        ready.recv()

    ours, theirs = FORK.Pipe()
    child = started(lambda: hold(theirs))
    assert ours.poll(10)
    child.kill()
    child.join(10)
    spool = SqliteSpool(root, limits=ROOMY, clock=clock)
    assert [capture.request.request_id for capture in spool.captures()] == ["r1"]
    spool.close()


def test_tool_sees_and_changes_what_the_daemon_has(spool: SqliteSpool, root: Path) -> None:
    held = in_stage(spool, Stage.HELD)
    tool = SqliteSpool(root, limits=ROOMY, owner=False)
    assert tool.captures() == [held]
    assert tool.read(held.capture_id, "original.jpg") == PHOTO
    released = tool.advance(held.capture_id, Stage.CUT, "by a person")
    assert spool.get(held.capture_id) == released
    tool.close()


def test_tool_takes_no_photos(spool: SqliteSpool, root: Path) -> None:
    tool = SqliteSpool(root, limits=ROOMY, owner=False)
    with pytest.raises(SpoolError, match="only the daemon"):
        tool.accept(a_request(), [a_frame()])
    tool.close()


def test_tool_beside_a_daemon_leaves_its_unfinished_photo_alone(spool: SqliteSpool, root: Path) -> None:
    staging = root / "captures" / ("0" * 26 + ".new")
    staging.mkdir()
    tool = SqliteSpool(root, limits=ROOMY, owner=False)
    assert tool.check(fix=True) == []
    tool.close()
    assert staging.exists()
    staging.rmdir()


def test_tool_without_a_daemon_repairs_on_opening(root: Path, clock: HandClock) -> None:
    spool = SqliteSpool(root, limits=ROOMY, clock=clock)
    capture = in_stage(spool, Stage.CUT)
    spool.close()
    for path in root.glob("index.sqlite*"):
        path.unlink()
    tool = SqliteSpool(root, limits=ROOMY, clock=clock, owner=False)
    assert tool.captures() == [capture]
    assert [finding.problem for finding in tool.check()] == ["is not in the index"]
    assert SqliteSpool(root, limits=ROOMY, clock=clock).captures() == [capture]  # the tool has let go of the lock
    tool.close()


def test_tool_does_not_create_a_spool(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(SpoolError, match="no spool"):
            SqliteSpool(folder, owner=False)
    assert list(tmp_path.iterdir()) == []


def test_program_that_holds_the_index_delays_but_does_not_stop(
    root: Path, monkeypatch: pytest.MonkeyPatch, clock: HandClock
) -> None:
    monkeypatch.setattr(index, "BUSY_TIMEOUT_S", 0.1)
    spool = SqliteSpool(root, limits=ROOMY, clock=clock)
    other = sqlite3.connect(root / "index.sqlite", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(SpoolBusy, match="another process"):
        spool.accept(a_request(), [a_frame()])
    other.execute("ROLLBACK")
    other.close()
    assert list((root / "captures").iterdir()) == []
    assert spool.accept(a_request(), [a_frame()]).stage is Stage.ACCEPTED
    spool.close()


def test_daemon_and_tool_that_work_on_the_same_captures_stay_in_step(root: Path, clock: HandClock) -> None:
    go = FORK.Event()

    def meddle() -> None:
        go.wait(10)
        tool = SqliteSpool(root, limits=ROOMY, clock=clock, owner=False)
        for capture in tool.captures() * 3:
            tool.advance(capture.capture_id, Stage.HELD, "wait")
            tool.check(fix=True)
        tool.close()

    child = started(meddle)
    spool = SqliteSpool(root, limits=ROOMY, clock=clock)
    captures = [in_stage(spool, Stage.HELD, f"r{number}") for number in range(8)]
    go.set()
    for number, capture in enumerate(captures * 3):
        spool.store_cut(capture.capture_id, a_cut(b"again %d" % number))
    child.join(60)
    assert child.exitcode == 0
    assert spool.check() == []
    for capture in spool.captures():
        for artefact in capture.artefacts:
            assert spool.read(capture.capture_id, artefact.name)
    spool.close()


def test_check_waits_for_a_photo_that_is_being_stored(root: Path, clock: HandClock) -> None:
    """Between the rename and the row a folder looks like a stray; its lock says that somebody is at it."""
    spool = SqliteSpool(root, limits=ROOMY, clock=clock)
    tool = SqliteSpool(root, limits=ROOMY, clock=clock, owner=False)
    other = sqlite3.connect(root / "index.sqlite", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")  # the photo is stored as far as its row, which has to wait
    findings: list[Finding] = []
    shutter = threading.Thread(target=lambda: spool.accept(a_request(), [a_frame()]))
    shutter.start()
    while not any(CAPTURE_ID.fullmatch(path.name) for path in (root / "captures").iterdir()):
        time.sleep(0.01)
    check = threading.Thread(target=lambda: findings.extend(tool.check(fix=True)))
    check.start()
    check.join(0.3)
    assert check.is_alive()
    other.execute("ROLLBACK")
    other.close()
    shutter.join(10)
    check.join(10)
    assert findings == []
    assert [capture.request.request_id for capture in tool.captures()] == ["r1"]
    tool.close()
    spool.close()
