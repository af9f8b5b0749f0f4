"""The life of a fleet, from bare machines over good and bad releases, in order."""

import threading

import pytest

from tests.fleet.box import UPDATER, Box
from tests.fleet.fleet import Fleet
from tests.fleet.till import BusyTill
from tests.fleet.workshop import FAULTS
from tests.support.waiting import eventually

PHASES = ("fetch", "verify", "stage", "selftest", "arm", "switch", "probation", "commit", "rollback")
BEFORE_THE_SWITCH = ("idle", "fetch", "verify", "stage", "selftest")
INSTALL = ("install", "--any-ring", "--again")
SLOW_S = 400.0


def test_bare_machines_become_boxes(fleet: Fleet) -> None:
    fleet.story.chapter("1.0.0 is installed on bare machines by the roles provision and install")
    fleet.story.tell("release", fleet.workshop.make("1.0.0"))
    play = fleet.play(
        "install", install_version="1.0.0", install_batches="100%", install_kits=str(fleet.workshop.kits("1.0.0"))
    )
    assert play.code == 0, play.output[-4000:]
    for box in fleet.boxes.values():
        box.wait_serving()
        said = box.update("status")
        assert (said["installed"]["version"], said["phase"]) == ("1.0.0", "idle")
        fleet.story.tell(box.id, f"serves {said['installed']['version']}")


def test_a_good_release_reaches_every_box_and_no_capture_is_lost(fleet: Fleet) -> None:
    fleet.story.chapter("2.0.0 is rolled out while the lab's till orders captures")
    fleet.story.tell("release", fleet.workshop.make("2.0.0"))
    with BusyTill(fleet, "lab") as till:
        play = fleet.roll_out("2.0.0")
        assert play.code == 0, play.output[-4000:]
        delivered, held = till.finish()
    fleet.story.tell(
        "till", f"{delivered + held} captures accepted, {delivered} in the storefront, {held} held, 0 lost"
    )
    assert set(fleet.versions().values()) == {"2.0.0"}
    for box in fleet.boxes.values():
        assert box.update("status")["committed"]
        assert (fleet.folder / "receipts" / "2.0.0" / f"{box.id}.json").exists()


def test_the_same_rollout_again_changes_nothing(fleet: Fleet) -> None:
    fleet.story.chapter("2.0.0 is rolled out once more")
    pids = {name: box.property("packshotd", "MainPID") for name, box in fleet.boxes.items()}
    play = fleet.roll_out("2.0.0")
    assert play.code == 0, play.output[-4000:]
    assert {name: box.property("packshotd", "MainPID") for name, box in fleet.boxes.items()} == pids


@pytest.mark.parametrize(
    ("version", "fault"),
    [
        pytest.param(f"3.{number}.0", fault, marks=[pytest.mark.slow] if number else [], id=fault.replace(" ", "-"))
        for number, fault in enumerate(FAULTS)
    ],
)
def test_the_canary_stops_a_bad_release(fleet: Fleet, version: str, fault: str) -> None:
    fleet.story.chapter(f"{version} is bad: {fault}")
    fleet.story.tell("release", fleet.workshop.make(version, fault))
    pids = {name: box.property("packshotd", "MainPID") for name, box in fleet.boxes.items() if name != "lab"}
    play = fleet.roll_out(version)
    assert play.code != 0, play.output[-4000:]
    fleet.story.tell("ansible", play.line(f"lab is not committed on {version}"))
    lab = fleet.boxes["lab"]
    lab.wait_serving()
    assert lab.version == "2.0.0"
    assert not lab.update("status")["installed"]["version"].startswith("3")
    assert {name: box.version for name, box in fleet.boxes.items()} == dict.fromkeys(fleet.boxes, "2.0.0")
    assert {name: fleet.boxes[name].property("packshotd", "MainPID") for name in pids} == pids
    fleet.workshop.release("withdraw", version, *fleet.workshop.signing)


@pytest.mark.slow
def test_a_power_cut_in_any_state_ends_in_the_old_or_the_new_release(fleet: Fleet) -> None:
    fleet.story.chapter("4.0.0 is installed under power cuts, one in each state")
    fleet.story.tell("release", fleet.workshop.make("4.0.0"))
    names = list(fleet.boxes)
    shares = {
        name: [phase for number, phase in enumerate(PHASES) if number % len(names) == place]
        for place, name in enumerate(names)
    }
    failures: list[str] = []
    threads = [threading.Thread(target=_cut, args=(fleet, name, phases, failures)) for name, phases in shares.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures, failures
    assert set(fleet.versions().values()) == {"4.0.0"}


def _cut(fleet: Fleet, name: str, phases: tuple[str, ...], failures: list[str]) -> None:
    try:
        for phase in phases:
            _cut_in(fleet, fleet.boxes[name], phase)
    except Exception as error:
        failures.append(f"{name}: {error!r}")


def _cut_in(fleet: Fleet, box: Box, phase: str) -> None:
    """Bring the box into a state, pull the plug there, and look what it boots into and where it ends."""
    wanted = "4.0.0" if phase == "rollback" else "2.0.0"
    if box.version != wanted:
        box.update(*(INSTALL if phase == "rollback" else ("rollback",)))
        box.wait_at_rest()
        assert box.version == wanted
    box.run("systemd-run", "--collect", *UPDATER, *(("rollback",) if phase == "rollback" else INSTALL))
    seen = _wait_for(box, phase)
    box.cut_power()
    box.boot()
    box.wait_serving()
    booted = box.version
    assert booted in ("2.0.0", "4.0.0")
    eventually(lambda: box.state["phase"] in BEFORE_THE_SWITCH, f"{box.id} done with what was interrupted", SLOW_S)
    said = box.update(*INSTALL)
    assert said["result"] in ("committed", "up-to-date"), said
    assert box.update("status")["committed"]
    box.wait_serving()
    fleet.story.tell(box.id, f"lost power in {seen}, booted into {booted}, is committed on {box.version}")


def _wait_for(box: Box, phase: str) -> str:
    """Until the state file names the phase, or a later one where it was too short to be met."""
    later = PHASES[PHASES.index(phase) :]
    eventually(lambda: box.state.get("phase") in later, f"{box.id} in {phase}", SLOW_S)
    return str(box.state.get("phase"))


@pytest.mark.slow
def test_a_control_machine_that_dies_mid_wave_leaves_nothing_half_done(fleet: Fleet) -> None:
    fleet.story.chapter("5.0.0: the control machine dies in the first wave, and is started again")
    fleet.story.tell("release", fleet.workshop.make("5.0.0"))
    lab = fleet.boxes["lab"]
    process, _ = fleet.start_play("update", update_version="5.0.0", update_batches=[1, 2, "100%"])
    eventually(lambda: lab.state.get("phase") in ("fetch", "verify", "stage"), "the lab's update under way", SLOW_S)
    fleet.kill_play(process)
    fleet.story.tell("ansible", f"killed -9 while the lab was in {lab.state.get('phase')}")
    eventually(lambda: lab.version == "5.0.0" and lab.state.get("phase") == "idle", "the lab's update", SLOW_S)
    fleet.story.tell("lab", "went on by itself and committed 5.0.0")
    assert {fleet.boxes[name].version for name in fleet.boxes if name != "lab"} == {"4.0.0"}


@pytest.mark.slow
def test_an_unreachable_box_stops_the_wave(fleet: Fleet) -> None:
    fleet.story.chapter("5.0.0 goes on, but berlin's network cable is out")
    fleet.boxes["berlin"].unplug()
    play = fleet.roll_out("5.0.0")
    fleet.boxes["berlin"].plug_in()
    assert play.code != 0
    assert "STOP" in play.output
    assert fleet.versions() == {"lab": "5.0.0", "berlin": "4.0.0", "hamburg": "5.0.0", "kiel": "4.0.0"}


@pytest.mark.slow
def test_a_silent_box_stops_the_wave_and_the_next_try_finishes_it(fleet: Fleet) -> None:
    fleet.story.chapter("5.0.0 goes on, but berlin is frozen: it accepts connections and says nothing")
    berlin = fleet.boxes["berlin"]
    berlin.freeze(True)
    fleet.silent = frozenset({"berlin"})
    try:
        play = fleet.roll_out("5.0.0")
    finally:
        berlin.freeze(False)
        fleet.silent = frozenset()
    assert play.code != 0
    assert "STOP" in play.output
    assert fleet.versions()["kiel"] == "4.0.0"
    fleet.story.chapter("5.0.0 goes on; everybody answers")
    play = fleet.roll_out("5.0.0")
    assert play.code == 0, play.output[-4000:]
    assert set(fleet.versions().values()) == {"5.0.0"}


@pytest.mark.slow
def test_a_release_is_taken_back_everywhere_and_what_boxes_say_is_collected(fleet: Fleet) -> None:
    fleet.story.chapter("5.0.0 is taken back")
    fleet.workshop.release("withdraw", "5.0.0", *fleet.workshop.signing)
    play = fleet.play("rollback", rollback_version="5.0.0", rollback_batches="50%")
    assert play.code == 0, play.output[-4000:]
    assert set(fleet.versions().values()) == {"4.0.0"}
    folder = fleet.folder / "collected"
    play = fleet.play("collect", collect_folder=str(folder))
    assert play.code == 0, play.output[-4000:]
    for box in fleet.boxes.values():
        box.wait_serving()
        assert '"4.0.0"' in (folder / box.id / "status.json").read_text()
        assert "rolled back" in (folder / box.id / "history.jsonl").read_text()
        assert (folder / box.id / "support.tar.gz").stat().st_size > 0
        fleet.story.tell(box.id, f"runs {box.version} again; its state, history and logs are collected")
