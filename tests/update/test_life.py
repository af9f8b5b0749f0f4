"""One update from the first look to the commit, and every way in which a release can turn out bad."""

from pathlib import Path

import pytest

from packshot.errors import PackshotError
from packshot.update import watch
from packshot.update.deployment import SystemFiles
from packshot.update.install import Wish, only_updater, roll_back_by_hand
from packshot.update.manifest import Rollout
from packshot.update.problems import UpdateBusy, UpdateNoRoom, UpdateRefused, UpdateUnhealthy
from packshot.update.state import Phase
from tests.update.house import Behaviour, House, committed_on
from tests.update.signing import SignedRepository


def events(house: House) -> list[str]:
    return [event["event"] for event in house.box.states.history()]


def test_a_good_release_is_committed_and_the_old_one_stays_to_go_back_to(
    house: House, repository: SignedRepository
) -> None:
    assert house.install(repository.folder).word == "committed"
    assert house.runs == house.points_to == "0.2.0"
    assert committed_on(house, "0.2.0")
    assert house.status()["previous"] == {"version": "0.1.0", "sequence": 0, "slot": "0.1.0"}
    assert (house.layout.releases / "0.1.0/.complete").exists()
    assert not house.layout.pending.exists()


def test_the_history_names_the_system_that_a_release_was_tried_with(house: House, repository: SignedRepository) -> None:
    house.install(repository.folder)
    assert house.box.states.history()[-1]["event"] == "committed"
    assert house.box.states.history()[-1]["detail"] == "kernel 6.12"


def test_a_second_install_has_nothing_to_do(house: House, repository: SignedRepository) -> None:
    house.install(repository.folder)
    assert house.install(repository.folder).word == "up-to-date"
    assert house.built == ["0.2.0"]


def test_the_release_before_the_last_is_collected(house: House, repository: SignedRepository) -> None:
    for number in (2, 3):
        repository.release(f"0.{number}.0", number)
        repository.publish()
        house.install(repository.folder)
    assert sorted(path.name for path in house.layout.releases.iterdir()) == ["0.2.0", "0.3.0"]


def test_only_what_changed_is_fetched(house: House, repository: SignedRepository) -> None:
    house.install(repository.folder)
    numpy = next(path for path in repository.folder.rglob("*.numpy-*"))
    numpy.unlink()
    repository.release("0.3.0", 3, wheels={"packshot-{version}-py3-none-any.whl": b"{version}"})
    manifest = repository.release("0.4.0", 4)
    numpy_file = next(path for path in repository.folder.rglob("*.numpy-*"))
    numpy_file.unlink()
    repository.publish()
    assert manifest.version == "0.4.0"
    assert house.install(repository.folder).word == "committed"


BAD = {
    "model broken": Behaviour(broken=frozenset({"accelerator"})),
    "no frame": Behaviour(broken=frozenset({"camera"})),
    "spool does not open": Behaviour(broken=frozenset({"spool"})),
    "never READY": Behaviour(ready=False),
    "hangs after READY": Behaviour(crashes_after_s=35.0),
    "crashes after a minute": Behaviour(crashes_after_s=60.0),
    "crashes after four minutes": Behaviour(crashes_after_s=240.0),
    "crashes at once": Behaviour(crashes_after_s=1.0),
    "loses the broker": Behaviour(ill=frozenset({"broker"})),
    "loses the button": Behaviour(ill=frozenset({"trigger"})),
    "says nothing of itself": Behaviour(silent=True),
}


@pytest.mark.parametrize("behaviour", BAD.values(), ids=BAD.keys())
def test_a_bad_release_is_taken_back_and_the_old_one_runs(
    house: House, repository: SignedRepository, behaviour: Behaviour
) -> None:
    house.behaviours = {"0.2.0": behaviour}
    try:
        word = house.install(repository.folder).word
    except UpdateUnhealthy:
        word = "rolled-back"
    assert word == "rolled-back"
    assert house.runs == house.points_to == "0.1.0"
    assert committed_on(house, "0.1.0")
    assert house.status()["error"]
    house.live(1000)
    assert house.runs == "0.1.0"


@pytest.mark.parametrize("behaviour", BAD.values(), ids=BAD.keys())
def test_a_bad_release_is_taken_back_though_the_installer_went_away(
    house: House, repository: SignedRepository, behaviour: Behaviour
) -> None:
    house.behaviours = {"0.2.0": behaviour}
    try:
        house.install(repository.folder, Wish(wait=False))
    except UpdateUnhealthy:
        return
    house.live(2000)
    assert house.runs == house.points_to == "0.1.0"
    assert committed_on(house, "0.1.0")


def test_a_crash_loop_ends_in_the_old_release_though_nobody_watches(house: House, repository: SignedRepository) -> None:
    house.behaviours = {"0.2.0": Behaviour(crashes_after_s=2.0)}
    house.install(repository.folder, Wish(wait=False))
    house.sleep(120)
    assert house.runs == house.points_to == "0.1.0"


def test_a_crash_loop_of_power_cuts_ends_in_the_old_release(house: House, repository: SignedRepository) -> None:
    house.install(repository.folder, Wish(wait=False))
    for _ in range(4):
        house.reboot()
        house.sleep(5)
    assert house.runs == "0.1.0"
    house.live(60)
    assert committed_on(house, "0.1.0")


def test_an_unplugged_camera_is_no_bad_update(house: House, repository: SignedRepository) -> None:
    house.camera_plugged = False
    assert house.install(repository.folder).word == "committed"


def test_a_camera_unplugged_during_the_probation_is_no_bad_update(house: House, repository: SignedRepository) -> None:
    house.install(repository.folder, Wish(wait=False))
    house.camera_plugged = False
    house.live(1000)
    assert committed_on(house, "0.2.0")


def test_a_network_lost_during_the_probation_is_no_bad_update(house: House, repository: SignedRepository) -> None:
    house.install(repository.folder, Wish(wait=False))
    house.broker_up = False
    house.live(1000)
    assert committed_on(house, "0.2.0")


def test_a_box_without_a_network_can_be_updated_from_a_stick(house: House, repository: SignedRepository) -> None:
    house.broker_up = False
    assert house.install(repository.folder).word == "committed"


def test_an_accelerator_that_is_not_used_any_more_is_a_bad_update(house: House, repository: SignedRepository) -> None:
    house.behaviours = {"0.2.0": Behaviour(engine="litert")}
    result = house.install(repository.folder)
    assert result.word == "rolled-back"
    assert "accelerator" in result.text


def test_a_release_that_was_taken_back_is_not_installed_again_by_itself(
    house: House, repository: SignedRepository
) -> None:
    house.behaviours = {"0.2.0": Behaviour(crashes_after_s=1.0)}
    house.install(repository.folder)
    result = house.install(repository.folder)
    assert result.word == "not-allowed"
    assert "--again" in result.text
    house.behaviours = {}
    assert house.install(repository.folder, Wish(again=True)).word == "committed"


def test_nothing_is_switched_while_a_capture_is_in_hand(house: House, repository: SignedRepository) -> None:
    house.capturing = True
    with pytest.raises(UpdateBusy, match="captures were in hand"):
        house.install(repository.folder)
    assert house.runs == "0.1.0"
    assert house.status()["phase"] == "idle"
    house.capturing = False
    assert house.install(repository.folder).word == "committed"
    assert house.built == ["0.2.0"]


def test_a_probation_taken_up_after_a_power_cut_waits_for_the_capture_in_hand(
    house: House, repository: SignedRepository
) -> None:
    house.install(repository.folder, Wish(wait=False))
    house.box.states.set(examined=False)
    house.reboot()
    house.seen.clear()
    house.live(60)
    assert house.seen[0] == "waited for the capture"


def test_a_daemon_that_nobody_starts_ends_the_waiting_and_not_the_probation(
    house: House, repository: SignedRepository
) -> None:
    house.masked = True
    with pytest.raises(UpdateBusy, match="systemctl status packshotd"):
        house.install(repository.folder)
    assert house.status()["phase"] == "probation"
    house.live(1000)
    assert house.points_to == "0.2.0"
    house.masked = False
    house.live(1000)
    assert committed_on(house, "0.2.0")


def test_two_updaters_at_once_the_second_is_told(house: House, repository: SignedRepository) -> None:
    with only_updater(house.box), pytest.raises(UpdateBusy, match="another updater is at work"):
        house.install(repository.folder)


def test_rollback_by_hand_goes_back_and_stays_there(house: House, repository: SignedRepository) -> None:
    house.install(repository.folder)
    with only_updater(house.box):
        assert roll_back_by_hand(house.box).word == "rolled-back"
    assert house.runs == "0.1.0"
    assert house.install(repository.folder).word == "not-allowed"


def test_rollback_in_probation_takes_the_new_release_back(house: House, repository: SignedRepository) -> None:
    house.install(repository.folder, Wish(wait=False))
    with only_updater(house.box):
        roll_back_by_hand(house.box)
    assert house.runs == "0.1.0"
    assert house.status()["phase"] == "idle"


def test_rollback_without_an_earlier_release_is_refused(house: House) -> None:
    with only_updater(house.box), pytest.raises(UpdateRefused, match="no earlier release"):
        roll_back_by_hand(house.box)


def test_a_release_for_few_boxes_waits_for_its_ring(house: House, repository: SignedRepository) -> None:
    repository.release("0.2.0", 2, rollout=Rollout(percent=0, canaries=("shop-2",)))
    repository.publish()
    assert house.install(repository.folder).word == "not-allowed"
    assert house.install(repository.folder, Wish(any_ring=True)).word == "committed"


def test_a_canary_goes_first(house: House, repository: SignedRepository) -> None:
    repository.release("0.2.0", 2, rollout=Rollout(canaries=("shop-1",)))
    repository.publish()
    assert house.install(repository.folder).word == "committed"


def test_units_come_and_go_with_their_release(house: House, repository: SignedRepository) -> None:
    unit = house.layout.system_file("systemd", "packshotd.service")
    unit.parent.mkdir(parents=True)
    unit.write_text("old")
    repository.release("0.2.0", 2, deploy={"systemd/packshotd.service": b"new"})
    repository.publish()
    house.install(repository.folder)
    assert unit.read_text() == "new"
    assert "reload systemd" in house.seen
    with only_updater(house.box):
        roll_back_by_hand(house.box)
    assert unit.read_text() == "old"


class PowerCut(BaseException):
    """Nothing after it happens."""


@pytest.mark.parametrize("rebooted", [False, True])
@pytest.mark.parametrize("fault", [PowerCut(), OSError(28, "No space left on device")], ids=["power", "room"])
def test_units_follow_a_switch_that_ended_behind_the_rename(
    house: House,
    repository: SignedRepository,
    monkeypatch: pytest.MonkeyPatch,
    fault: BaseException,
    rebooted: bool,
) -> None:
    unit = house.layout.system_file("systemd", "packshotd.service")
    unit.parent.mkdir(parents=True)
    unit.write_text("old")
    repository.release("0.2.0", 2, deploy={"systemd/packshotd.service": b"new"})
    repository.publish()

    def ends(*_: object) -> set[str]:
        raise fault

    with monkeypatch.context() as patched, pytest.raises((PowerCut, PackshotError)):
        patched.setattr(SystemFiles, "apply", ends)
        house.install(repository.folder)
    assert (house.points_to, unit.read_text()) == ("0.2.0", "old")
    house.seen.clear()
    if rebooted:
        house.reboot()
    house.live(900)
    assert committed_on(house, "0.2.0")
    assert unit.read_text() == "new"
    assert "reload systemd" in house.seen


def test_a_disk_that_stays_full_behind_the_rename_leaves_the_old_release_running(
    house: House, repository: SignedRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository.release("0.2.0", 2, deploy={"systemd/packshotd.service": b"new"})
    repository.publish()
    apply = SystemFiles.apply

    def full(files: SystemFiles, slot: Path) -> set[str]:
        if slot.name.startswith("0.2.0"):
            raise OSError(28, "No space left on device")
        return apply(files, slot)

    monkeypatch.setattr(SystemFiles, "apply", full)
    with pytest.raises(PackshotError):
        house.install(repository.folder)
    house.live(900)
    assert house.runs == house.points_to == "0.1.0"
    assert "No space left" in str(house.status()["error"])


def test_a_release_may_not_install_what_is_not_ours(house: House, repository: SignedRepository) -> None:
    repository.release("0.2.0", 2, deploy={"systemd/sshd.service": b"mine now"})
    repository.publish()
    with pytest.raises(UpdateRefused, match=r"sshd\.service is no file that a release may install"):
        house.install(repository.folder)


def test_system_packages_are_seen_where_they_were_seen_before(house: House, repository: SignedRepository) -> None:
    (house.layout.releases / "0.1.0/pyvenv.cfg").write_text("include-system-site-packages = true\n")
    house.install(repository.folder)
    assert "= true" in (house.layout.releases / "0.2.0/pyvenv.cfg").read_text()


def test_the_updater_renews_itself_with_the_release(house: House, repository: SignedRepository) -> None:
    home = house.box.environments
    (home.releases / "0.1.0").mkdir(parents=True)
    home.seal("0.1.0", "laid")
    home.switch("0.1.0")
    house.install(repository.folder)
    assert (home.points_to("current"), home.points_to("previous")) == ("0.2.0", "0.1.0")
    assert "updater renewed" in events(house)


def test_an_updater_that_does_not_work_is_not_taken(house: House, repository: SignedRepository) -> None:
    home = house.box.environments
    (home.releases / "0.1.0").mkdir(parents=True)
    home.seal("0.1.0", "laid")
    home.switch("0.1.0")
    house.behaviours = {"0.2.0": Behaviour(broken=frozenset({"updater"}))}
    assert house.install(repository.folder).word == "committed"
    assert home.points_to("current") == "0.1.0"
    assert "updater not renewed" in events(house)


def test_a_slot_of_the_same_name_with_other_contents_is_not_built_over(
    house: House, repository: SignedRepository
) -> None:
    house.lay("0.2.0")
    house.box.slots.switch("0.1.0")
    house.install(repository.folder)
    assert house.points_to == "0.2.0"
    assert house.box.slots.points_to("current").startswith("0.2.0+")


def test_a_box_without_room_says_how_much_is_missing(
    house: House, repository: SignedRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("packshot.update.staging.SPARE_BYTES", 1 << 60)
    with pytest.raises(UpdateNoRoom, match="MiB are free"):
        house.install(repository.folder)
    assert house.status()["phase"] == "idle"


def test_status_tells_the_truth_at_every_phase(house: House) -> None:
    house.box.states.prepare()
    for phase in Phase:
        house.box.states.set(phase=phase)
        said = house.status()
        assert said["installed"] == {"version": "0.1.0", "sequence": 0, "slot": "0.1.0"}
        assert said["committed"] is (phase not in (Phase.ARM, Phase.SWITCH, Phase.PROBATION, Phase.ROLLBACK))
    house.box.states.set(phase=Phase.FETCH)
    assert house.status()["phase"] == "idle"
    assert house.status()["error"] == "interrupted at fetch; the next install goes on"
    with only_updater(house.box):
        assert house.status()["phase"] == "fetch"


def test_a_damaged_state_file_stops_neither_the_box_nor_the_next_update(
    house: House, repository: SignedRepository, tmp_path: Path
) -> None:
    house.install(repository.folder)
    house.layout.state.write_bytes(b"\0" * 100)
    house.reboot()
    assert house.runs == "0.2.0"
    repository.release("0.3.0", 3)
    repository.publish()
    assert house.install(repository.folder).word == "committed"
    assert watch.tick(house.box).phase is Phase.IDLE
