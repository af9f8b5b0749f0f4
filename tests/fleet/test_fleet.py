"""The life of a fleet, from bare machines over good and bad releases, in order."""

import threading
from collections.abc import Iterable
from contextlib import nullcontext

import pytest

from tests.fleet.box import UPDATER, Box
from tests.fleet.fleet import BATCHES, Fleet
from tests.fleet.headquarters import OPERATOR, TILL
from tests.fleet.operator_desk import UpdateDesk
from tests.fleet.stick import WHERE, Stick, asked_for, contents, forget_downloads, plain_name
from tests.fleet.till import BusyTill
from tests.fleet.workshop import FAULTS
from tests.support.waiting import eventually

PHASES = ("fetch", "verify", "stage", "selftest", "arm", "switch", "probation", "commit", "rollback")
UNDER_WAY = PHASES[:4]
BEFORE_THE_SWITCH = ("idle", "fetch", "verify", "stage", "selftest")
INSTALL = ("install", "--any-ring", "--again")
SLOW_S = 600.0
PATIENT = {"probation_s": 90.0, "tries": 1}
"""For what crashes after a minute: a probation that is longer than that."""
PROLOGUE = """\
Each line: the time, who, and what happened. The boxes are {boxes}, each a Debian with systemd; "release" is
tools/release, "gate" the playbook's count after each batch, "ansible" what the playbook says when it stops.
Releases 3.x are bad on purpose: they must reach the first canary alone, and the box must run the old one again.
"""


def test_bare_machines_become_boxes(fleet: Fleet) -> None:
    fleet.story.open(PROLOGUE.format(boxes=", ".join(fleet.boxes)))
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


@pytest.mark.slow
def test_the_same_rollout_again_changes_nothing(fleet: Fleet) -> None:
    fleet.story.chapter("2.0.0 is rolled out once more")
    pids = {name: box.property("packshotd", "MainPID") for name, box in fleet.boxes.items()}
    play = fleet.roll_out("2.0.0")
    assert play.code == 0, play.output[-4000:]
    assert {name: box.property("packshotd", "MainPID") for name, box in fleet.boxes.items()} == pids


@pytest.mark.slow
def test_installing_again_leaves_a_box_that_has_a_release_alone(fleet: Fleet) -> None:
    fleet.story.chapter("somebody gives the command for new machines, with 1.0.0, by mistake")
    pids = {name: box.property("packshotd", "MainPID") for name, box in fleet.boxes.items()}
    kits = str(fleet.workshop.folder / "kits-1.0.0")
    play = fleet.play("install", install_version="1.0.0", install_batches="100%", install_kits=kits)
    assert play.code == 0, play.output[-4000:]
    assert {name: box.property("packshotd", "MainPID") for name, box in fleet.boxes.items()} == pids
    assert set(fleet.versions().values()) == {"2.0.0"}
    fleet.story.tell("ansible", "left every box on 2.0.0, without a restart")


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
    lab = fleet.boxes["lab"]
    with lab.probation(**PATIENT) if "minute" in fault else nullcontext():
        play = fleet.roll_out(version)
    assert play.code != 0, play.output[-4000:]
    fleet.story.tell("ansible", "stopped: " + play.line(f"lab is not committed on {version}"))
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
    met: list[str] = []
    threads = [
        threading.Thread(target=_cut, args=(fleet, name, phases, met, failures)) for name, phases in shares.items()
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures, failures
    assert set(met) == set(PHASES), "a state was over before the power could be cut in it"
    assert set(fleet.versions().values()) == {"4.0.0"}


def _cut(fleet: Fleet, name: str, phases: Iterable[str], met: list[str], failures: list[str]) -> None:
    try:
        met += [_cut_in(fleet, fleet.boxes[name], phase) for phase in phases]
    except Exception as error:
        failures.append(f"{name}: {error!r}")


def _cut_in(fleet: Fleet, box: Box, phase: str) -> str:
    """Bring the box into a state, pull the plug there, and look what it boots into and where it ends.

    The state in which the plug was pulled.
    """
    wanted = "4.0.0" if phase == "rollback" else "2.0.0"
    if box.version != wanted:
        box.update(*(INSTALL if phase == "rollback" else ("rollback",)))
        box.wait_at_rest()
        box.wait_serving()
        assert box.version == wanted
    box.run("systemd-run", "--collect", *UPDATER, *(("rollback",) if phase == "rollback" else INSTALL))
    with box.capture_in_hand() if phase == "arm" else nullcontext():
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
    return seen


def _wait_for(box: Box, phase: str) -> str:
    """Until the state file names the phase, or a later one where it was too short to be met."""
    later, seen = PHASES[PHASES.index(phase) :], [""]

    def reached() -> bool:
        seen[0] = str(box.state.get("phase"))
        return seen[0] in later

    eventually(reached, f"{box.id} in {phase}", SLOW_S)
    return seen[0]


@pytest.mark.slow
def test_a_control_machine_that_dies_mid_wave_leaves_nothing_half_done(fleet: Fleet) -> None:
    fleet.story.chapter("5.0.0: the control machine dies in the second wave, and is started again")
    fleet.story.tell("release", fleet.workshop.make("5.0.0"))
    second = [fleet.boxes[name] for name in ("berlin", "hamburg")]
    process, _ = fleet.start_play("update", update_version="5.0.0", update_batches=BATCHES)
    eventually(lambda: all(box.state.get("phase") in UNDER_WAY for box in second), "the second wave", SLOW_S)
    fleet.kill_play(process)
    phases = " and ".join(f"{box.id} was in {box.state.get('phase')}" for box in second)
    fleet.story.tell("ansible", f"killed -9 while {phases}")
    for box in second:
        box.wait_at_rest_on("5.0.0")
        fleet.story.tell(box.id, "went on by itself and committed 5.0.0")
    assert fleet.boxes["kiel"].version == "4.0.0"
    play = fleet.roll_out("5.0.0")
    assert play.code == 0, play.output[-4000:]
    assert set(fleet.versions().values()) == {"5.0.0"}


@pytest.mark.slow
def test_an_unreachable_box_stops_the_wave(fleet: Fleet) -> None:
    fleet.story.chapter("6.0.0 is rolled out, but berlin's network cable is out")
    fleet.story.tell("release", fleet.workshop.make("6.0.0"))
    fleet.boxes["berlin"].unplug()
    play = fleet.roll_out("6.0.0")
    fleet.boxes["berlin"].plug_in()
    assert play.code != 0
    assert "STOP" in play.output
    assert fleet.versions() == {"lab": "6.0.0", "berlin": "5.0.0", "hamburg": "6.0.0", "kiel": "5.0.0"}


@pytest.mark.slow
def test_a_silent_box_stops_the_wave_and_the_next_try_finishes_it(fleet: Fleet) -> None:
    fleet.story.chapter("6.0.0 goes on, but berlin is frozen: it accepts connections and says nothing")
    berlin = fleet.boxes["berlin"]
    berlin.freeze(True)
    fleet.silent = frozenset({"berlin"})
    try:
        play = fleet.roll_out("6.0.0")
    finally:
        berlin.freeze(False)
        fleet.silent = frozenset()
    assert play.code != 0
    assert "STOP" in play.output
    assert fleet.versions()["kiel"] == "5.0.0"
    fleet.story.chapter("6.0.0 goes on; everybody answers")
    play = fleet.roll_out("6.0.0")
    assert play.code == 0, play.output[-4000:]
    assert set(fleet.versions().values()) == {"6.0.0"}


@pytest.mark.slow
def test_a_release_is_taken_back_everywhere_and_what_boxes_say_is_collected(fleet: Fleet) -> None:
    fleet.story.chapter("6.0.0 is taken back")
    fleet.workshop.release("withdraw", "6.0.0", *fleet.workshop.signing)
    play = fleet.play("rollback", rollback_version="6.0.0", rollback_batches="50%")
    assert play.code == 0, play.output[-4000:]
    assert set(fleet.versions().values()) == {"5.0.0"}
    folder = fleet.folder / "collected"
    play = fleet.play("collect", collect_folder=str(folder))
    assert play.code == 0, play.output[-4000:]
    for box in fleet.boxes.values():
        box.wait_serving()
        assert '"5.0.0"' in (folder / box.id / "status.json").read_text()
        assert "rolled back" in (folder / box.id / "history.jsonl").read_text()
        assert (folder / box.id / "support.tar.gz").stat().st_size > 0
        fleet.story.tell(box.id, f"runs {box.version} again; its state, history and logs are collected")


@pytest.mark.slow
def test_an_operator_orders_an_update_by_mqtt_and_the_box_takes_what_is_signed_for_it(fleet: Fleet) -> None:
    fleet.story.chapter("7.0.0 is ordered of kiel by MQTT")
    fleet.story.tell("release", fleet.workshop.make("7.0.0"))
    kiel = fleet.boxes["kiel"]
    with UpdateDesk(fleet, "kiel") as desk:
        desk.order(TILL)
        desk.order(OPERATOR)
        eventually(kiel.has_answered_a_wish, "the wish reaching the updater", SLOW_S)
        assert desk.orders == 1, "the broker lets no till order updates"
        fleet.story.tell("till", "ordered it, and the broker did not pass it on")
        assert kiel.version == "5.0.0"
        fleet.story.tell("kiel", "was asked by the operator; nothing newer is signed for it yet, it runs 5.0.0")
        fleet.workshop.release("rollout", "7.0.0", "--canary", "kiel", *fleet.workshop.signing)
        desk.order(OPERATOR)
        eventually(lambda: desk.says("installed_version") == "7.0.0", "7.0.0 on the topic", SLOW_S)
        eventually(lambda: desk.says("phase") == "idle", "the end of the probation on the topic", SLOW_S)
        fleet.story.tell("kiel", f"said on packshot/kiel/update/state: {', '.join(desk.phases)}; it runs 7.0.0")
    assert kiel.update("status")["committed"]
    assert {"stage", "probation"} <= set(desk.phases), "the others may be over between two looks of the daemon"
    assert {box.version for name, box in fleet.boxes.items() if name != "kiel"} == {"5.0.0"}


@pytest.mark.slow
def test_a_stick_with_a_damaged_file_is_refused_by_its_name_and_damage_elsewhere_alters_nothing(fleet: Fleet) -> None:
    fleet.story.chapter("8.0.0 comes to the lab on a stick, and its files are damaged, one after the other")
    fleet.story.tell("release", fleet.workshop.make("8.0.0"))
    lab, berlin, repository = fleet.boxes["lab"], fleet.boxes["berlin"], fleet.workshop.repository
    for box in (lab, berlin):
        forget_downloads(box)
    before = len(fleet.web.asked)
    assert berlin.update(*INSTALL)["result"] == "committed"
    needed = asked_for(fleet.web.asked[before:], repository)
    fleet.story.tell("berlin", f"installed it from the web server, and read {len(needed)} files for that")
    pid, stick_install = lab.property("packshotd", "MainPID"), (*INSTALL, "--from", f"/{WHERE}")
    with Stick(lab, repository) as stick:
        for name in needed:
            with stick.damaged(name):
                said = lab.update(*stick_install)
            assert said.get("reason") == "refused", (name, said)
            assert name.rpartition("/")[2].partition(".")[2] in said["error"], (name, said)
            assert (lab.version, lab.property("packshotd", "MainPID")) == ("5.0.0", pid), name
            fleet.story.tell("lab", f"runs 5.0.0 and refused it for {plain_name(name)}")
        fleet.story.tell("lab", f"for example: {said['error']}")
        others = stick.overwrite_all_but(needed)
        assert lab.update(*stick_install)["result"] == "committed"
    fleet.story.tell("lab", f"took it though {others} other files of the stick were something else")
    assert contents(lab, "8.0.0") == contents(berlin, "8.0.0")
