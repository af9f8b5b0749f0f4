"""Before each start of the daemon: a release in probation has so many tries, then the box goes back by itself."""

import msgspec

from packshot.update.box import Box
from packshot.update.repository import forget_downloads
from packshot.update.state import SWITCHED, Phase, Release, State, at_rest_if_idle
from packshot.update.switch import point_back


def guard(box: Box) -> State:
    """Count this start; at the end of the tries, and in an unfinished rollback, point back to the old release.

    Needs no lock of the updater, which may be waiting for this very start. OSError only if pointing back fails.
    """
    try:
        state = _count(box)
    except OSError:
        forget_downloads(box.layout, frozenset())  # a full disk must not make a box count for ever
        state = _count_or_give_up(box)
    if state.phase is Phase.ROLLBACK and state.committed:
        point_back(box, state.committed)
    return state


def counted(state: State, running: str, boot_id: str, tries: int) -> State:
    """The state after one more start of the daemon, from the slot ``running``."""
    unproven = state.armed_boot not in ("", boot_id) and _lies_in(running, state.committed)
    if state.phase is Phase.IDLE and unproven and state.previous:
        state = first_boot(state, tries)
    if state.phase not in SWITCHED or not _lies_in(running, state.target):
        return state
    if state.tries_left <= 0:
        reason = "it was started too often without being healthy for long enough"
        return msgspec.structs.replace(state, phase=Phase.ROLLBACK, error=reason)
    return msgspec.structs.replace(state, phase=Phase.PROBATION, tries_left=state.tries_left - 1)


def first_boot(state: State, tries: int) -> State:
    """Some releases fail only after a reboot: a committed one goes through a second probation at its first boot."""
    return msgspec.structs.replace(
        state,
        phase=Phase.PROBATION,
        target=state.committed,
        committed=state.previous,
        previous=None,
        tries_left=tries,
        examined=True,
    )


def _count(box: Box) -> State:
    before = at_rest_if_idle(box.layout, box.states.load())

    def count(state: State) -> State:
        state = at_rest_if_idle(box.layout, state)
        return counted(state, box.slots.points_to("current"), box.boot_id, box.settings.update.tries)

    state = box.states.change(count)
    if state.phase is not before.phase:
        box.mark(guarded=True, pending=True)
        box.states.note(str(state.phase), state.target.version if state.target else "", state.error)
    return state


def _lies_in(slot: str, release: Release | None) -> bool:
    """Whether it is this release that runs: one laid by ``install.sh`` since then has nothing to prove."""
    return release is not None and release.slot == slot


def _count_or_give_up(box: Box) -> State:
    try:
        return _count(box)
    except OSError:
        state = box.states.load()
        switched = state.phase in SWITCHED
        return msgspec.structs.replace(state, phase=Phase.ROLLBACK) if switched else state
