"""Some releases fail only after a reboot: the first boot of a committed one is guarded, whatever came in between."""

import errno
from collections.abc import Callable

import pytest

from packshot.update import switch
from packshot.update.install import only_updater, roll_back_by_hand
from packshot.update.problems import UpdateBusy, UpdateNoRoom
from packshot.update.state import Phase, Release, State, StateFile
from tests.update.house import Behaviour, House, committed_on
from tests.update.signing import SignedRepository

FAILS_AFTER_A_REBOOT = {"0.2.0": Behaviour(bad_boot=True)}


def commit_what_fails_after_a_reboot(house: House, repository: SignedRepository) -> None:
    """0.2.0 is committed and has not been booted yet; 0.3.0 is published."""
    house.behaviours = FAILS_AFTER_A_REBOOT
    assert house.install(repository.folder).word == "committed"
    repository.release("0.3.0", 3)
    repository.publish()


def assert_the_first_boot_ends_in_the_old_release(house: House) -> None:
    house.reboot()
    house.live(300)
    assert house.runs == house.points_to == "0.1.0"
    assert committed_on(house, "0.1.0")


def test_a_release_that_fails_only_after_a_reboot_is_taken_back_then(
    house: House, repository: SignedRepository
) -> None:
    house.behaviours = {"0.2.0": Behaviour(bad_boot=True)}
    assert house.install(repository.folder).word == "committed"
    house.reboot()
    house.sleep(60)
    assert house.runs == house.points_to == "0.1.0"
    house.live(60)
    assert committed_on(house, "0.1.0")


def test_a_release_that_survives_its_first_boot_is_no_longer_guarded(
    house: House, repository: SignedRepository
) -> None:
    house.install(repository.folder)
    assert house.layout.guarded.exists()
    house.reboot()
    assert not committed_on(house, "0.2.0")
    house.live(400)
    assert committed_on(house, "0.2.0")
    assert not house.layout.guarded.exists()
    assert house.status()["previous"] == {"version": "0.1.0", "sequence": 0, "slot": "0.1.0"}


def test_the_first_boot_is_guarded_though_a_later_attempt_was_given_up_before_the_switch(
    house: House, repository: SignedRepository
) -> None:
    commit_what_fails_after_a_reboot(house, repository)
    house.capturing = True
    with pytest.raises(UpdateBusy):
        house.install(repository.folder)
    house.capturing = False
    assert house.layout.guarded.exists()
    assert_the_first_boot_ends_in_the_old_release(house)


def test_the_first_boot_is_guarded_though_the_disk_was_full_when_a_later_attempt_was_to_be_armed(
    house: House, repository: SignedRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit_what_fails_after_a_reboot(house, repository)
    change = StateFile.change

    def full_at_arm(states: StateFile, edit: Callable[[State], State]) -> State:
        if edit(states.load()).phase is Phase.ARM:
            raise OSError(errno.ENOSPC, "No space left on device")
        return change(states, edit)

    monkeypatch.setattr(StateFile, "change", full_at_arm)
    with pytest.raises(UpdateNoRoom, match="make room"):
        house.install(repository.folder)
    assert_the_first_boot_ends_in_the_old_release(house)


@pytest.mark.parametrize("phase", [Phase.FETCH, Phase.VERIFY, Phase.STAGE, Phase.SELFTEST])
def test_the_first_boot_is_guarded_though_a_later_attempt_was_cut_short_before_it_was_armed(
    house: House, repository: SignedRepository, phase: Phase
) -> None:
    commit_what_fails_after_a_reboot(house, repository)
    house.box.states.set(phase=phase)
    house.reboot()
    house.sleep(60)
    assert house.runs == house.points_to == "0.1.0", "the guard alone sees to it, no watch is due"
    house.live(60)
    assert committed_on(house, "0.1.0")


@pytest.mark.parametrize("phase", [Phase.ARM, Phase.SWITCH])
def test_the_first_boot_is_guarded_though_a_later_attempt_was_cut_short_when_armed(
    house: House, repository: SignedRepository, phase: Phase
) -> None:
    commit_what_fails_after_a_reboot(house, repository)
    switch.arm(house.box, Release("0.3.0", 3, "0.3.0"))
    house.box.states.set(phase=phase)
    assert_the_first_boot_ends_in_the_old_release(house)


def test_the_first_boot_is_guarded_though_a_later_release_was_taken_back(
    house: House, repository: SignedRepository
) -> None:
    commit_what_fails_after_a_reboot(house, repository)
    house.behaviours = {**FAILS_AFTER_A_REBOOT, "0.3.0": Behaviour(crashes_after_s=5.0)}
    assert house.install(repository.folder).word == "rolled-back"
    assert house.runs == "0.2.0"
    assert_the_first_boot_ends_in_the_old_release(house)


def test_what_was_taken_back_by_hand_leaves_nothing_to_guard(house: House, repository: SignedRepository) -> None:
    house.install(repository.folder)
    with only_updater(house.box):
        roll_back_by_hand(house.box)
    assert not house.layout.guarded.exists()
    house.reboot()
    assert committed_on(house, "0.1.0")


def lay_by_hand(house: House, version: str) -> None:
    """An operator runs ``deploy/install.sh``, which restarts the daemon."""
    house.stop()
    house.lay(version)


def test_a_release_laid_by_hand_before_the_first_boot_is_not_taken_back_for_the_one_before(
    house: House, repository: SignedRepository
) -> None:
    assert house.install(repository.folder).word == "committed"
    house.behaviours = {"0.3.0": Behaviour(ill=frozenset({"lamp"}))}
    lay_by_hand(house, "0.3.0")
    house.reboot()
    house.live(600)

    assert house.runs == house.points_to == "0.3.0"
    assert committed_on(house, "0.3.0")


def test_from_a_release_laid_by_hand_the_way_back_leads_where_the_status_says(
    house: House, repository: SignedRepository
) -> None:
    assert house.install(repository.folder).word == "committed"
    lay_by_hand(house, "0.3.0")
    previous = house.status()["previous"]
    with only_updater(house.box):
        assert roll_back_by_hand(house.box).word == "rolled-back"

    assert isinstance(previous, dict)
    assert house.runs == house.points_to == previous["version"] == "0.2.0"
    assert committed_on(house, "0.2.0")
    assert [one.version for one in house.box.states.load().failed] == ["0.3.0"]


def test_the_way_back_from_a_release_laid_by_hand_leads_to_one_whose_first_boot_is_still_guarded(
    house: House, repository: SignedRepository
) -> None:
    commit_what_fails_after_a_reboot(house, repository)
    lay_by_hand(house, "0.2.5")
    with only_updater(house.box):
        roll_back_by_hand(house.box)
    assert house.runs == "0.2.0"
    assert_the_first_boot_ends_in_the_old_release(house)
