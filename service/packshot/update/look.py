"""What is there for this box: the newest release of its channel, and whether it may have it."""

from dataclasses import dataclass

from packshot.platform.clock import parse_rfc3339
from packshot.update.box import Box
from packshot.update.manifest import (
    INTERFACE,
    Channel,
    ChannelRelease,
    Manifest,
    choose,
    is_allowed,
    is_deploy_name,
    parse,
)
from packshot.update.problems import UpdateClockWrong, UpdateRefused, disk_errors
from packshot.update.repository import DAY_MS, Repository, check_clock
from packshot.update.state import Release, State


@dataclass(frozen=True)
class Offer:
    """The newest release for this kind of machine: whether it is newer, and allowed here, or ``reason`` why not."""

    release: ChannelRelease | None
    newer: bool
    allowed: bool
    reason: str = ""


def look(box: Box, repository: Repository, any_ring: bool = False, again: bool = False) -> Offer:
    """Ask the repository; remembers what there is. Raises the errors of ``Repository``, and UpdateClockWrong."""
    check_clock(box.clock, box.states.load().clock_floor_ms)
    repository.refresh()
    name = f"channels/{box.settings.update.channel}.json"
    try:
        channel = parse(repository.document(name), Channel, name)
    except ValueError as error:
        raise UpdateRefused(str(error)) from error
    offer = _offer(box, channel, box.states.load(), any_ring, again)
    wanted = offer.release if offer.newer and offer.allowed else None
    running = box.running()
    latest = wanted.version if wanted else running.version if running else ""
    known: dict[str, object] = {"clock_floor_ms": box.clock.now_ms()} if box.clock.synchronised() else {}
    with disk_errors("the updater's state"):
        box.states.set(latest=latest, notes=wanted.notes if wanted else "", **known)
    return offer


def read_manifest(box: Box, repository: Repository, release: ChannelRelease) -> tuple[Manifest, bytes]:
    """The release's manifest and its bytes, held against the channel and this box; raises UpdateRefused."""
    name = release.manifests[box.platform]
    data = repository.document(name)
    try:
        manifest = parse(data, Manifest, name)
    except ValueError as error:
        raise UpdateRefused(str(error)) from error
    for what, said, wanted in (
        ("platform", manifest.platform, box.platform),
        ("version", manifest.version, release.version),
        ("sequence", manifest.sequence, release.sequence),
    ):
        if said != wanted:
            raise UpdateRefused(f"{name}: its {what} is {said}, this box needs {wanted}")
    _check_names(name, manifest)
    _check_age(box, name, manifest)
    return manifest, data


def is_newer(release: ChannelRelease, running: Release | None) -> bool:
    """Only upwards. A slot that ``install.sh`` laid has no sequence: there another version counts as newer."""
    if running is None:
        return True
    return release.version != running.version if running.sequence == 0 else release.sequence > running.sequence


def needs_newer_updater(release: ChannelRelease) -> bool:
    """Whether this updater cannot understand the release."""
    return release.min_updater > INTERFACE


def _offer(box: Box, channel: Channel, state: State, any_ring: bool, again: bool) -> Offer:
    release = choose(channel, box.platform)
    if release is None:
        built = sorted({name for entry in channel.releases for name in entry.manifests})
        if built and box.platform not in built:
            raise UpdateRefused(f"channel {channel.channel}: nothing for {box.platform}, only for {', '.join(built)}")
        return Offer(None, False, False, "the channel is empty")
    if not is_newer(release, box.running()):
        return Offer(release, False, True, "up to date")
    if state.has_failed(release.sequence) and not again:
        failure = next(one for one in state.failed if one.sequence == release.sequence)
        return Offer(
            release, True, False, f"{release.version} was taken back here ({failure.reason}); --again tries it"
        )
    if not (any_ring or is_allowed(release.rollout, box.settings.device_id, box.settings.place)):
        place, percent = box.settings.place, release.rollout.percent
        return Offer(
            release, True, False, f"{release.version} is for {percent:g} % of the boxes, this is at {place:.1f}"
        )
    return Offer(release, True, True)


def _check_names(name: str, manifest: Manifest) -> None:
    for entry in manifest.deploy:
        if not is_deploy_name(entry.folder, entry.file.name):
            raise UpdateRefused(f"{name}: {entry.folder}/{entry.file.name} is no file that a release may install")
    for file in (*manifest.wheels, *manifest.updater.wheels):
        if not file.name.endswith(".whl"):
            raise UpdateRefused(f"{name}: {file.name} is no wheel")


def _check_age(box: Box, name: str, manifest: Manifest) -> None:
    try:
        built_ms = parse_rfc3339(manifest.built_at)
    except ValueError as error:
        raise UpdateRefused(f"{name}: built_at: {error}") from error
    if built_ms > box.clock.now_ms() + DAY_MS:
        raise UpdateClockWrong(f"{name} was built at {manifest.built_at}, the clock here is before that; set it")
