"""The conductor: one install from the first look to the commit, and the way back by hand."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from msgspec import Struct

from packshot.errors import PackshotError
from packshot.platform.durable import FileLock
from packshot.update import look, renewal, staging, switch, watch
from packshot.update.box import Box
from packshot.update.manifest import ChannelRelease, UpdaterPart, parse
from packshot.update.problems import UpdateBusy, UpdateRefused, disk_errors
from packshot.update.repository import Repository
from packshot.update.state import Phase, Progress, Release, way_back


@dataclass(frozen=True)
class Wish:
    """What was asked for. ``again``: also a release that was taken back here before."""

    version: str = ""
    any_ring: bool = False
    again: bool = False
    wait: bool = True


@dataclass(frozen=True)
class Result:
    """``word`` is one of committed, up-to-date, not-allowed, probation, rolled-back, renewed."""

    word: str
    text: str = ""


class _Head(Struct, frozen=True):
    """All that an old updater has to understand of a manifest that is too new for it."""

    updater: UpdaterPart


@contextmanager
def only_updater(box: Box, wait_s: float = 1.0) -> Iterator[None]:
    """One updater at a time; raises UpdateBusy where another is at work for longer than ``wait_s``."""
    with disk_errors("the updater's folder"):
        box.states.prepare()
        lock = FileLock(box.layout.lock)
    try:
        if not lock.acquire(wait_s):
            raise UpdateBusy("another updater is at work here; `packshot update status` shows what it does")
        yield
    finally:
        lock.close()


def install(box: Box, open_repository: Callable[[], Repository], wish: Wish) -> Result:
    """Bring the newest allowed release in and keep it if it is well. Call it inside ``only_updater``.

    What an interrupted run left is brought to its end first. Raises the errors of each step; what runs is then what
    ran before, and ``status`` says why.
    """
    if watch.tick(box).phase is not Phase.IDLE:
        return conclude(box, wish.wait)
    try:
        repository = open_repository()
        offer = look.look(box, repository, wish.any_ring, wish.again)
        release = offer.release
        if release is None or not offer.newer:
            return _no_newer(box, offer.reason, wish)
        if wish.version and release.version != wish.version:
            raise UpdateRefused(f"the channel offers {release.version}, not {wish.version}")
        if not offer.allowed:
            return Result("not-allowed", offer.reason)
        if look.needs_newer_updater(release):
            return _renew_first(box, repository, release)
        target = prepare(box, repository, release)
    except PackshotError as error:
        _give_up(box, error)
        raise
    change_over(box, target)
    return conclude(box, wish.wait)


def prepare(box: Box, repository: Repository, release: ChannelRelease) -> Release:
    """FETCH to SELFTEST; the slot is complete and has passed when this returns."""
    _enter(box, Phase.FETCH, release.version)
    manifest, data = look.read_manifest(box, repository, release)
    staging.fetch(box, repository, manifest)
    _enter(box, Phase.VERIFY, release.version)
    staging.verify(repository, staging.all_files(manifest))
    _enter(box, Phase.STAGE, release.version)
    slot = staging.stage(box, repository, manifest, data)
    _enter(box, Phase.SELFTEST, release.version)
    staging.selftest(box, slot)
    return Release(release.version, release.sequence, slot)


def change_over(box: Box, target: Release) -> None:
    """ARM and SWITCH; where the switch fails, the daemon runs again before the error rises."""
    try:
        switch.arm(box, target)
        switch.switch(box, target)
    except PackshotError as error:
        if box.slots.points_to("current") != target.slot:
            switch.abandon(box, str(error))
        raise


def conclude(box: Box, wait: bool) -> Result:
    """See the probation through, or leave it to the watch."""
    target = box.states.load().target
    state = watch.conclude(box) if wait else watch.tick(box)
    if state.phase is not Phase.IDLE:
        return Result("probation")
    running = box.running()
    if target and running and running.slot != target.slot:
        return Result("rolled-back", state.error)
    return Result("committed")


def roll_back_by_hand(box: Box) -> Result:
    """Back to the release before, or out of a probation; the one left is not installed again by itself."""
    state = watch.tick(box)
    earlier = way_back(state, box.running()) if state.phase is Phase.IDLE else state.committed
    if earlier is None or not box.slots.stamp(earlier.slot):
        raise UpdateRefused("there is no earlier release on this box to go back to")
    switch.roll_back(box, "taken back by hand")
    return Result("rolled-back", "taken back by hand")


def _no_newer(box: Box, reason: str, wish: Wish) -> Result:
    running = box.running()
    if wish.version and running and wish.version != running.version:
        raise UpdateRefused(f"{wish.version} is not newer than {running.version}; `packshot update rollback` goes back")
    return Result("up-to-date", reason)


def _renew_first(box: Box, repository: Repository, release: ChannelRelease) -> Result:
    """The release needs a newer updater: fetch and start that; it then installs the release."""
    name = release.manifests[box.platform]
    try:
        part = parse(repository.document(name), _Head, name).updater
    except ValueError as error:
        raise UpdateRefused(str(error)) from error
    if not renewal.needs(box, part):
        raise UpdateRefused(
            f"{release.version} needs an updater that understands {release.min_updater}; this is the newest"
        )
    for file in part.wheels:
        repository.fetch(file)
    staging.verify(repository, part.wheels)
    renewal.renew(box, part)
    return Result("renewed")


def _enter(box: Box, phase: Phase, version: str) -> None:
    with disk_errors("the updater's state"):
        box.states.set(phase=phase, error="", progress=Progress())
    box.states.note(str(phase), version)


def _give_up(box: Box, error: PackshotError) -> None:
    """Note why; where even that cannot be written, the next look at the box finds the attempt interrupted."""
    try:
        box.states.set(phase=Phase.IDLE, target=None, error=str(error), progress=Progress())
    except OSError:
        box.say("the reason cannot be written to disk")
    box.states.note("failed", "", str(error))
