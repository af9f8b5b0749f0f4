"""ARM, SWITCH, COMMIT and ROLLBACK: the few steps in which the box changes over, each safe to repeat."""

import msgspec

from packshot.platform.clock import rfc3339
from packshot.update import gate
from packshot.update.box import Box
from packshot.update.problems import UpdateBusy, disk_errors
from packshot.update.repository import forget_downloads
from packshot.update.state import ARMED, Before, Failure, Phase, Release, State, with_failure

GENTLY_S = 60.0
INTERRUPTED = "interrupted before the switch"


def arm(box: Box, target: Release) -> None:
    """From here on every start of the daemon under the new release counts, and the watch looks after it."""
    before = gate.remember(box.service.running(), box.service.daemon_state())

    def armed(state: State) -> State:
        return msgspec.structs.replace(
            state,
            phase=Phase.ARM,
            committed=box.running(),
            target=target,
            tries_left=box.settings.update.tries,
            before=before,
            examined=False,
            armed_boot=box.boot_id,
            committed_boot=state.armed_boot,
        )

    with disk_errors("the updater's state"):
        box.mark(guarded=True, pending=True)
        box.states.change(armed)


def switch(box: Box, target: Release) -> None:
    """Stop the daemon between two captures and let ``current`` point to the new slot. It is not started yet."""
    old = box.running()
    with disk_errors("the switch"):
        if old:
            box.files.remember(box.slots.path(old.slot), box.slots.path(target.slot))
        box.say("waiting for the capture in hand")
        with box.service.between_captures(box.settings.update.capture_wait_s):
            box.states.set(phase=Phase.SWITCH)
            box.service.stop()
        _point_to(box, target)
        box.states.set(phase=Phase.PROBATION)
    box.states.note("switched", target.version, box.service.system())


def abandon(box: Box, reason: str = INTERRUPTED) -> State:
    """Go back to rest where the switch has not happened: the old release runs, and goes on running."""
    box.service.start()

    def abandoned(state: State) -> State:
        return msgspec.structs.replace(_disarmed(state), error=reason)

    with disk_errors("the updater's state"):
        state = box.states.change(abandoned)
        box.mark(guarded=bool(state.armed_boot), pending=False)
    return state


def commit(box: Box) -> State:
    """The new release has proved itself. It stays guarded until it has also survived a boot."""

    def committed(state: State) -> State:
        return msgspec.structs.replace(
            state,
            phase=Phase.COMMIT,
            committed=state.target,
            previous=state.committed,
            target=None,
            tries_left=0,
            armed_boot=state.armed_boot if state.armed_boot == box.boot_id else "",
            committed_boot="",
            error="",
        )

    with disk_errors("the updater's state"):
        state = box.states.change(committed)
    version = state.committed.version if state.committed else ""
    box.states.note("committed", version, box.service.system())
    box.say(f"{version} is committed")
    return state


def tidy(box: Box) -> State:
    """After a commit: let go of slots and downloads that nobody can go back to."""
    state = box.states.load()
    kept = [release.slot for release in (state.committed, state.previous) if release]
    box.slots.collect(frozenset(kept))
    manifest = box.slots.manifest(kept[0]) if kept else None
    wheels = (*manifest.wheels, *manifest.updater.wheels) if manifest else ()
    forget_downloads(box.layout, frozenset(file.sha256 for file in wheels))  # the next release shares most of them
    with disk_errors("the updater's state"):
        state = box.states.set(phase=Phase.IDLE)
        box.mark(guarded=bool(state.armed_boot), pending=False)
    return state


def roll_back(box: Box, reason: str) -> State:
    """Back to the release that last proved itself; the one that failed is remembered, and not taken again by itself."""
    box.say(f"rolling back: {reason}")
    try:
        state = _begin_rollback(box, reason)
    except OSError:  # a full disk must not keep a bad release
        forget_downloads(box.layout, frozenset())
        with disk_errors("the updater's state"):
            state = _begin_rollback(box, reason)
    return finish_rollback(box, state)


def _begin_rollback(box: Box, reason: str) -> State:
    """One write after which the way back is taken whatever happens; a release at rest goes back to the one before."""
    running = box.running()

    def back(state: State) -> State:
        if state.phase is Phase.IDLE and running != state.committed:  # laid by ``install.sh`` since then
            state = msgspec.structs.replace(state, target=running, committed_boot=state.armed_boot, before=Before())
        elif state.phase is Phase.IDLE:
            state = msgspec.structs.replace(
                state, target=state.committed, committed=state.previous, previous=None, before=Before()
            )
        return msgspec.structs.replace(state, phase=Phase.ROLLBACK, error=reason)

    box.mark(guarded=True, pending=True)
    return box.states.change(back)


def finish_rollback(box: Box, state: State) -> State:
    """Whatever of the way back is not done yet."""
    failed = state.target
    try:
        with disk_errors("the rollback"):
            stop_gently(box)
            if state.committed:
                _point_to(box, state.committed)
    finally:
        box.service.start()
    box.service.follow()

    def rested(state: State) -> State:
        state = msgspec.structs.replace(_disarmed(state), before=Before(), latest=_version(state))
        if failed is None:
            return state
        now = rfc3339(box.clock.now_ms())
        return with_failure(state, Failure(failed.version, failed.sequence, state.error, now))

    with disk_errors("the updater's state"):
        new = box.states.change(rested)
        box.mark(guarded=bool(new.armed_boot), pending=False)
    box.states.note("rolled back", failed.version if failed else "", state.error)
    return new


def stop_gently(box: Box) -> None:
    """Stop the daemon between two captures; if none ends, systemd gives it the time to finish the one in hand."""
    try:
        with box.service.between_captures(GENTLY_S):
            box.service.stop()
    except UpdateBusy:
        box.service.stop()


def point_back(box: Box, release: Release) -> None:
    """Only the files of the way back, for the guard: systemd starts the daemon right after it."""
    _point_to(box, release)


def take_files(box: Box, release: Release) -> None:
    """Files outside the slot follow ``current``, also where a power cut or a full disk came between the two.

    All are taken up once more: whoever was interrupted may have written them and no more.
    """
    slot = box.slots.path(release.slot)
    with disk_errors("the switch"):
        box.files.apply(slot)
    if folders := box.files.folders(slot):
        box.service.reload(folders)


def _point_to(box: Box, release: Release) -> None:
    if box.slots.points_to("current") != release.slot:
        box.slots.switch(release.slot)
    changed = box.files.apply(box.slots.path(release.slot))
    if changed:
        box.service.reload(changed)


def _disarmed(state: State) -> State:
    """At rest under the committed release, which stays guarded if its own first boot is still to come."""
    boot = state.committed_boot if state.phase in ARMED else state.armed_boot
    return msgspec.structs.replace(
        state, phase=Phase.IDLE, target=None, tries_left=0, armed_boot=boot, committed_boot=""
    )


def _version(state: State) -> str:
    return state.committed.version if state.committed else ""
