"""An install is killed, or refused room, at every call that changes the disk; afterwards the box runs old or new, says
so truly, and the next install brings it to where it was going.

``tools/test-update`` goes through every call; without it, every ninth is taken.
"""

import mmap
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from packshot.errors import EXIT_SPOOL, PackshotError
from packshot.update.install import Wish, only_updater, roll_back_by_hand
from tests.power_cut.trace import Ended, Moment, moments, needs_strace, run
from tests.update.house import GOOD, Behaviour, House, Process, committed_on
from tests.update.signing import SignedRepository

pytestmark = [needs_strace, pytest.mark.faults]

NAMES = ("rename", "renameat2", "symlink", "mkdir", "unlink", "unlinkat", "rmdir")
FLUSHES = ("fsync", "syncfs")
WRITES = ("write", "ftruncate")
CALLS = (*FLUSHES, *NAMES, *WRITES)
TAKEN_BACK = {"0.2.0": Behaviour(broken=frozenset({"camera"}))}
CRASHING = {"0.2.0": Behaviour(crashes_after_s=2.0)}
FEW = 9
each_call = pytest.mark.skipif("UPDATE_EVERY_CALL" not in os.environ, reason="every call: tools/test-update")


@dataclass(frozen=True)
class Story:
    """What is done, with how the new release behaves, and the version that must run in the end."""

    name: str
    behaviours: dict[str, Behaviour]
    end: str


STORIES = [
    Story("install", {}, "0.2.0"),
    Story("taken back", TAKEN_BACK, "0.1.0"),
    Story("crashing", CRASHING, "0.1.0"),
]
each_story = pytest.mark.parametrize("story", STORIES, ids=lambda story: story.name)


@pytest.fixture(scope="module")
def memory() -> Iterator[Path]:
    base = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=base if base.is_dir() else None) as folder:
        yield Path(folder)


@pytest.fixture(scope="module")
def repository(memory: Path) -> SignedRepository:
    repository = SignedRepository(memory / "repository")
    repository.release("0.2.0", 2, deploy={"systemd/packshotd.service": b"[Service]\n"})
    repository.publish()
    return repository


@pytest.fixture(scope="module")
def prepared(memory: Path, repository: SignedRepository) -> Path:
    house = House(memory / "prepared")
    house.lay("0.1.0")
    house.trust(repository.anchor)
    return house.root


def say(word: str) -> None:
    os.write(1, word.encode() + b"\n")


SYSTEMD = mmap.mmap(-1, 256)
"""What systemd knows of the daemon: shared with the process that is killed, without a call on the disk."""


def tell_systemd(process: Process) -> None:
    alive = process.slot if process.started is not None else ""
    SYSTEMD[:] = f"{alive} {process.starts_at is not None}".encode().ljust(len(SYSTEMD))


def what_systemd_knows(house: House) -> None:
    """Let a new house have the daemon that the old one had."""
    slot, restarts = SYSTEMD[:].decode().rstrip().split(" ")
    house.daemon = Process(slot, 1, house.now if slot else None, house.now if restarts == "True" else None)


def do(root: Path, repository: Path, story: Story) -> int:
    """The whole story in a process of its own; ends as the command would."""
    house = House(root, story.behaviours, tell=tell_systemd)
    house.start()
    say("begin")
    try:
        house.install(repository, Wish(wait=story.name != "crashing"))
        house.live(200)
        say("ack")
    except PackshotError as error:
        os.write(2, f"{type(error).__name__}: {error}\n".encode())
        house.live(60)
        say("serving" if house.runs else "down")
        return error.exit_code
    return 0


@dataclass(frozen=True)
class Scene:
    """A prepared box and every moment at which the story can be hit."""

    prepared: Path
    repository: Path
    story: Story
    moments: list[Moment]

    def fresh(self) -> Path:
        root = self.prepared.with_name("run")
        shutil.rmtree(root, ignore_errors=True)
        shutil.copytree(self.prepared, root, symlinks=True)
        return root

    def hit(self, moment: Moment, fault: str) -> tuple[Path, Ended]:
        root, log = self.fresh(), self.prepared.with_name("injected.log")
        inject = f"inject={moment.call}:{fault}:when={moment.number}"
        act = partial(do, root, self.repository, self.story)
        done = run(act, "-o", str(log), "-e", f"trace={moment.call}", "-e", inject)
        assert any(mark in log.read_text() for mark in ("INJECTED", "killed by SIGKILL")), f"{moment} was not reached"
        return root, done

    def of(self, calls: Sequence[str], step: int = 1) -> list[Moment]:
        return [moment for moment in self.moments if moment.call in calls][::step]


def scene_of(memory: Path, prepared: Path, repository: SignedRepository, story: Story) -> Scene:
    scene = Scene(prepared, repository.folder, story, [])
    log = memory / "clean.log"
    done = run(
        partial(do, scene.fresh(), repository.folder, story),
        *("-y", "-xx", "-s", "4096", "-o", str(log), "-e", f"trace={','.join(CALLS)}"),
    )
    assert done.code == 0, done.stderr.decode()
    return Scene(prepared, repository.folder, story, moments(log.read_text())[:-1])


@pytest.fixture(scope="module", params=STORIES, ids=lambda story: story.name)
def scene(request: pytest.FixtureRequest, memory: Path, prepared: Path, repository: SignedRepository) -> Scene:
    return scene_of(memory, prepared, repository, request.param)


def units_are_those_of(house: House, slot: str) -> bool:
    units = (house.box.slots.path(slot) / "deploy/systemd").glob("*")
    return all(unit.read_bytes() == house.layout.system_file("systemd", unit.name).read_bytes() for unit in units)


def look(root: Path, scene: Scene, moment: Moment, rebooted: bool) -> None:
    """The box afterwards: it serves, says the truth, and the next install converges."""
    house = House(root, scene.story.behaviours, boot_number=2 if rebooted else 1)
    if rebooted:
        house.start()
    else:
        what_systemd_knows(house)
    house.live(900)
    assert house.runs == house.points_to, (moment, rebooted)
    assert house.runs in ("0.1.0", "0.2.0")
    assert committed_on(house, house.runs), (moment, rebooted, house.status())
    slot = house.box.slots.points_to("current")
    assert house.box.slots.stamp(slot), f"{moment}: an incomplete slot runs"
    assert units_are_those_of(house, slot), f"{moment}: another release's units"
    try:
        house.install(scene.repository)
    except PackshotError as error:
        pytest.fail(f"{moment}: the next install failed: {error}")
    house.live(900)
    assert house.runs == house.points_to == scene.story.end, (moment, rebooted)
    assert committed_on(house, scene.story.end)


def both_ways(root: Path, scene: Scene, moment: Moment) -> None:
    """Once with only the updater gone, once with the power."""
    copy = root.with_name("copy")
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(root, copy, symlinks=True)
    look(root, scene, moment, rebooted=False)
    look(copy, scene, moment, rebooted=True)


def kill(scene: Scene, found: Sequence[Moment]) -> None:
    assert found
    for moment in found:
        root, done = scene.hit(moment, "signal=KILL")
        assert done.code == -signal.SIGKILL
        both_ways(root, scene, moment)


def test_killed_at_some_calls_the_box_runs_old_or_new_and_converges(scene: Scene) -> None:
    kill(scene, scene.of((*FLUSHES, *NAMES), FEW))


@each_call
def test_killed_at_every_flush_and_every_change_of_a_name_it_converges(scene: Scene) -> None:
    kill(scene, scene.of((*FLUSHES, *NAMES)))


def no_room(scene: Scene, found: Sequence[Moment]) -> None:
    assert found
    for moment in found:
        root, done = scene.hit(moment, "error=ENOSPC")
        said = done.stderr.decode()
        assert done.code in (0, EXIT_SPOOL), (moment, said)
        assert said.count("\n") == (done.code != 0), (moment, said)
        assert b"down" not in done.stdout, (moment, said)
        both_ways(root, scene, moment)


def test_no_room_at_some_calls_is_said_in_one_line_and_the_box_serves(scene: Scene) -> None:
    no_room(scene, scene.of(CALLS, 2 * FEW))


@each_call
def test_no_room_at_any_call_is_said_in_one_line_and_the_box_serves(scene: Scene) -> None:
    no_room(scene, scene.of(CALLS))


@pytest.mark.slow
def test_killed_while_rolling_back_by_hand_it_converges(
    memory: Path, prepared: Path, repository: SignedRepository
) -> None:
    """Only the symlink counts here: whatever runs is complete and the command can be given again."""
    base = memory / "installed"
    shutil.copytree(prepared, base, symlinks=True)
    house = House(base)
    house.start()
    house.install(repository.folder)

    def back(root: Path) -> int:
        again = House(root)
        again.start()
        say("begin")
        with only_updater(again.box):
            roll_back_by_hand(again.box)
        say("ack")
        return 0

    log = memory / "back.log"
    root = memory / "back"
    shutil.copytree(base, root, symlinks=True)
    run(partial(back, root), "-y", "-xx", "-o", str(log), "-e", f"trace={','.join((*FLUSHES, *NAMES))},write")
    for moment in moments(log.read_text())[:-1]:
        shutil.rmtree(root)
        shutil.copytree(base, root, symlinks=True)
        run(partial(back, root), "-o", str(log), "-e", f"inject={moment.call}:signal=KILL:when={moment.number}")
        after = House(root, {"0.1.0": GOOD}, boot_number=2)
        after.start()
        after.live(900)
        assert committed_on(after, after.runs), moment
        if after.runs == "0.2.0":
            with only_updater(after.box):
                roll_back_by_hand(after.box)
        assert after.runs == after.points_to == "0.1.0", moment
