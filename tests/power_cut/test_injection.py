"""Every call between a step and its acknowledgement is killed, failed with EIO, and refused for want of room."""

import shutil
import signal
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from packshot.domain import Decision, Stage
from packshot.errors import EXIT_SPOOL, IntegrityError
from packshot.spool.port import Finding
from packshot.spool.sqlite_spool import SqliteSpool
from tests.power_cut import driver as steps
from tests.power_cut.trace import Ended, Moment, logged, moments, needs_strace, run
from tests.support.spool import (
    PHOTO,
    ROOMY,
    a_cut,
    a_frame,
    a_request,
    capture_folder,
    in_stage,
    receipt_for,
)

pytestmark = [needs_strace, pytest.mark.faults, pytest.mark.slow]

DELETIONS = {"unlink", "rmdir"}
"""Where a deletion fails, its file is what stays behind; ``collect`` or the next opening finishes the job."""
IGNORED_BY_SQLITE = "run"
"""SQLite flushes the spool's folder with its first commit and does not look at the outcome. That does no harm: the
spool has done so itself on opening, see ``test_names_in_the_root_are_durable_before_the_first_step``."""


def accepted(spool: SqliteSpool) -> None:
    """The shot's original lies in the spool."""
    spool.accept(a_request("shot"), [a_frame(data) for data in steps.FRAMES])


def held(spool: SqliteSpool) -> None:
    """The shot was cut out once and is held."""
    accepted(spool)
    spool.store_cut(steps.shot(spool).capture_id, a_cut(b"first look", Decision.HOLD))


def cut(spool: SqliteSpool) -> None:
    """The shot's cutout waits for an uploader."""
    accepted(spool)
    spool.store_cut(steps.shot(spool).capture_id, a_cut())


def receipted(spool: SqliteSpool) -> None:
    """The shot lies in the storefront."""
    cut(spool)
    spool.record_receipt(steps.shot(spool).capture_id, receipt_for(steps.shot(spool)))


@dataclass(frozen=True)
class Step:
    """A step, what has to be there before it, and the stages before and after (None: not in the spool)."""

    name: str
    prepare: Callable[[SqliteSpool], None]
    before: Stage | None
    after: Stage | None


STEPS = [
    Step("accept", lambda spool: None, None, Stage.ACCEPTED),
    Step("cut", accepted, Stage.ACCEPTED, Stage.CUT),
    Step("cut", held, Stage.HELD, Stage.CUT),
    Step("receipt", cut, Stage.CUT, Stage.RECEIPTED),
    Step("receipt-in-private", cut, Stage.CUT, Stage.RECEIPTED),
    Step("purge", receipted, Stage.RECEIPTED, None),
]
each_step = pytest.mark.parametrize("step", STEPS, ids=lambda step: f"{step.name}-{step.before}")


@dataclass(frozen=True)
class Scene:
    """A prepared spool and every moment at which the step can be hit; each run starts from a copy."""

    step: Step
    prepared: Path
    moments: list[Moment]

    def hit(self, moment: Moment, fault: str) -> tuple[Path, Ended]:
        """The spool's folder and the process after a run with one fault."""
        root = self.fresh()
        log = self.prepared.with_name("injected.log")
        inject = f"inject={moment.call}:{fault}:when={moment.number}"
        done = run(partial(steps.do, root, self.step.name), "-o", str(log), "-e", f"trace={moment.call}", "-e", inject)
        assert any(mark in log.read_text() for mark in ("INJECTED", "killed by SIGKILL")), f"{moment} was not reached"
        return root, done

    def fresh(self) -> Path:
        """A copy of the prepared spool."""
        root = self.prepared.with_name(IGNORED_BY_SQLITE)
        shutil.rmtree(root, ignore_errors=True)
        shutil.copytree(self.prepared, root)
        return root


@pytest.fixture
def scene(step: Step, memory: Path) -> Scene:
    prepared = memory / "prepared"
    shutil.rmtree(prepared, ignore_errors=True)
    spool = SqliteSpool(prepared, limits=ROOMY)
    in_stage(spool, Stage.HELD, "bystander")
    step.prepare(spool)
    spool.close()
    root = Scene(step, prepared, []).fresh()
    log = logged(partial(steps.do, root, step.name), memory / "clean.log")
    found = [moment for moment in moments(log) if moment.file != IGNORED_BY_SQLITE]
    return Scene(step, prepared, found)


def findings(root: Path) -> list[Finding]:
    """What is wrong in the spool, and what opening it had to mend."""
    spool = SqliteSpool(root, limits=ROOMY)
    try:
        return spool.check()
    finally:
        spool.close()


def look(root: Path, step: Step) -> Stage | None:
    """The shot's stage after reopening; whatever is in the spool is complete, and clean after repair."""
    spool = SqliteSpool(root, limits=ROOMY)
    try:
        assert [finding for finding in spool.check(fix=True) if not finding.mended] == []
        assert spool.check() == []
        bystander = spool.find_request("bystander")
        assert bystander is not None and spool.read(bystander.capture_id, "original.jpg") == PHOTO
        shots = [capture for capture in spool.captures() if capture.request.request_id == "shot"]
        if not shots:
            return None
        (shot,) = shots
        if capture_folder(root, shot).exists():
            assert tuple(frame.data for frame in spool.frames(shot.capture_id)) == steps.FRAMES
            for artefact in shot.deliverables():
                assert spool.read(shot.capture_id, artefact.name)
        else:
            assert shot.stage is Stage.RECEIPTED
        return shot.stage
    finally:
        spool.close()


@each_step
def test_killed_at_every_call_it_loses_nothing_acknowledged(scene: Scene, step: Step) -> None:
    for moment in scene.moments:
        root, done = scene.hit(moment, "signal=KILL")
        assert done.code == -signal.SIGKILL
        allowed = {step.after} if b"ack" in done.stdout else {step.before, step.after}
        assert look(root, step) in allowed, moment
        again = run(partial(steps.do, root, step.name))
        if look(root, step) is not step.after:
            pytest.fail(f"{moment}: the step cannot be done again: {again.stderr.decode()}")


@each_step
def test_io_error_at_any_call_is_never_acknowledged_and_stops_the_daemon(scene: Scene, step: Step) -> None:
    for moment in scene.moments[:-1]:
        root, done = scene.hit(moment, "error=EIO")
        assert b"ack" not in done.stdout, moment
        assert done.code == EXIT_SPOOL, (moment, done.stderr.decode())
        assert done.stderr.startswith(b"SpoolError: ") and done.stderr.count(b"\n") == 1, done.stderr.decode()
        assert look(root, step) in {step.before, step.after}, moment


@pytest.mark.parametrize("step", STEPS[:1], ids=["accept"])
def test_disk_that_turns_read_only_stops_the_daemon_with_one_line(scene: Scene, step: Step) -> None:
    for moment in scene.moments[:-1]:
        root, done = scene.hit(moment, "error=EROFS")
        assert done.code == EXIT_SPOOL, (moment, done.stderr.decode())
        assert done.stderr.startswith(b"SpoolError: ") and done.stderr.count(b"\n") == 1, done.stderr.decode()
        assert look(root, step) in {step.before, step.after}, moment


@each_step
def test_full_disk_at_any_call_is_refused_and_leaves_nothing_behind(scene: Scene, step: Step) -> None:
    """One call finds no room; tried again with room, the step is done. A flush that fails is fatal, room or not."""
    for moment in scene.moments[:-1]:
        root, done = scene.hit(moment, "error=ENOSPC")
        if done.code == 0:
            assert done.stdout.split() == [b"begin", b"full", b"ack"], moment
            assert moment.call in DELETIONS or findings(root) == [], moment
            assert look(root, step) is step.after
        else:
            assert done.code == EXIT_SPOOL, (moment, done.stderr.decode())
            assert b"ack" not in done.stdout
            assert look(root, step) in {step.before, step.after}, moment


def test_bytes_that_cannot_be_read_are_not_taken_for_the_photo(memory: Path) -> None:
    root = memory / "unreadable"
    spool = SqliteSpool(root, limits=ROOMY)
    capture = spool.accept(a_request(), [a_frame()])
    path = spool.path(capture.capture_id, "original.jpg")
    path.unlink()
    path.mkdir()
    with pytest.raises(IntegrityError, match="take the photo again"):
        spool.read(capture.capture_id, "original.jpg")
    spool.close()
