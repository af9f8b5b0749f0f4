"""PROBATION: one look at how the new release does, repeated until it is committed or taken back."""

from packshot.update import gate, renewal, switch
from packshot.update.box import Box
from packshot.update.problems import UpdateBusy, UpdateNoRoom, disk_errors
from packshot.update.state import Phase, State

LOOK_EVERY_S = 5.0
LIFELESS_S = 120.0  # far longer than systemd and the guard need between two starts
EXAMINED = ("accelerator", "camera", "spool")


def conclude(box: Box) -> State:
    """Look until the probation is over, either way; raises UpdateBusy where the daemon is not started at all.

    A unit that is masked, say, is no fault of the release: the watch takes the probation up once the daemon starts.
    """
    lifeless_s = 0.0
    while (state := tick(box)).phase is not Phase.IDLE:
        running = box.service.running()
        lifeless_s = 0.0 if running.active or running.starting else lifeless_s + LOOK_EVERY_S
        if lifeless_s > LIFELESS_S:
            raise UpdateBusy(
                "packshotd is not started, though it was asked to; see systemctl status packshotd. "
                "The probation goes on by itself once it runs"
            )
        box.sleep(LOOK_EVERY_S)
    return state


def tick(box: Box) -> State:
    """Do what is due now, whatever was interrupted; returns the state afterwards."""
    state = box.states.load()
    if state.phase in (Phase.ARM, Phase.SWITCH):
        return _after_interruption(box, state)
    if state.phase is Phase.PROBATION:
        return _probation(box, state)
    if state.phase is Phase.ROLLBACK:
        return switch.finish_rollback(box, state)
    if state.phase is Phase.COMMIT:
        return _finish_commit(box)
    return _at_rest(box, state)


def _after_interruption(box: Box, state: State) -> State:
    if state.target is None or box.slots.points_to("current") != state.target.slot:
        return switch.abandon(box)
    with disk_errors("the updater's state"):
        return box.states.set(phase=Phase.PROBATION)


def _at_rest(box: Box, state: State) -> State:
    """An attempt that ended before the switch has changed nothing; the next install begins anew."""
    if state.phase is not Phase.IDLE:
        with disk_errors("the updater's state"):
            state = box.states.set(phase=Phase.IDLE, target=None, error=state.error or switch.INTERRUPTED)
    box.mark(guarded=bool(state.armed_boot), pending=False)
    return state


def _probation(box: Box, state: State) -> State:
    if not state.examined:
        return _examine(box, state)
    running = box.service.running()
    if not running.active and not running.starting:
        box.service.start()  # nobody else does; the guard counts this start
        return box.states.load()
    verdict = gate.judge(state.before, running, box.service.daemon_state(), box.settings.update.probation_s)
    box.say(verdict.text)
    if not verdict.over:
        return box.states.load()
    fault = _fault(box, state, verdict.suspects)
    if fault:
        return switch.roll_back(box, fault)
    switch.commit(box)
    return _finish_commit(box)


def _examine(box: Box, state: State) -> State:
    """Golden photo, frame and spool by the new release, with the devices to itself; then the daemon is started."""
    assert state.target is not None  # noqa: S101 - there is no probation without a release
    box.say(f"examining {state.target.version}")
    try:
        switch.take_files(box, state.target)
    except UpdateNoRoom as error:  # the box must not stay without a daemon for it
        return switch.roll_back(box, str(error))
    switch.stop_gently(box)
    tried = box.builder.selftest(box.slots.path(state.target.slot), EXAMINED, calm=False)
    failed = gate.failed_parts(state.before, tried)
    fault = _compare(box, state, failed)
    if fault:
        texts = "; ".join(f"{part.part}: {part.text}" for part in tried if part.part in failed)
        return switch.roll_back(box, f"the selftest failed and the old release passes it: {texts}")
    with disk_errors("the updater's state"):
        state = box.states.set(examined=True)
    box.service.start()
    box.service.follow()
    return state


def _fault(box: Box, state: State, suspects: tuple[str, ...]) -> str:
    """Why the release is to blame for what does not work any more, "" if something else is."""
    if "broker" in suspects and box.service.reaches(*box.settings.broker):
        return "the broker answers, but the new release is not connected"
    untriable = [part for part in suspects if part not in gate.TRIED and part != "broker"]
    if untriable:
        return f"{', '.join(untriable)}: worked before"
    parts = [gate.TRIED[part] for part in suspects if part in gate.TRIED]
    if not parts:
        return ""
    switch.stop_gently(box)
    fault = _compare(box, state, parts)
    if not fault:
        box.service.start()
    return fault


def _compare(box: Box, state: State, parts: list[str]) -> str:
    """Let the old release try the same parts: an unplugged camera fails there, too, and is no bad update."""
    if not parts or state.committed is None:
        return ""
    old = box.builder.selftest(box.slots.path(state.committed.slot), parts, calm=False)
    guilty = gate.guilty(parts, old)
    return f"{', '.join(guilty)}: works under the old release only" if guilty else ""


def _finish_commit(box: Box) -> State:
    """Collect, and let the updater renew itself from the committed release; its failure takes nothing back."""
    renewal.renew_from_committed(box)
    return switch.tidy(box)
