"""Channels: which releases boxes are offered, and how far each has been rolled out."""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import msgspec

from packshot.errors import UsageError
from packshot.update.manifest import Channel, ChannelRelease, Manifest, Rollout, encode, parse
from tools.releasing.build import Build, manifest_target
from tools.releasing.repository import Store

FORMAT = 1


def target(channel: str) -> str:
    """Where a channel lies in the repository."""
    return f"channels/{channel}.json"


@dataclass(frozen=True)
class Channels:
    """The channels of a repository; every change needs the channels key."""

    store: Store

    def read(self, channel: str) -> Channel:
        """The channel as published, empty if it never was."""
        data = self.store.read_target(target(channel))
        return Channel(FORMAT, channel, ()) if data is None else parse(data, Channel, target(channel))

    def manifests(self, channel: str, version: str) -> dict[str, Manifest]:
        """Platform to manifest of an offered release; UsageError if the channel does not offer it."""
        for release in self.read(channel).releases:
            if release.version == version:
                return {
                    platform: parse(self.store.read_listed(name), Manifest, name)
                    for platform, name in release.manifests.items()
                }
        raise UsageError(f"{channel} offers no {version}; tools/release status lists what it offers")

    def offer(self, channel: str, manifests: dict[str, Manifest], rollout: Rollout) -> None:
        """Offer a release that is in the repository. UsageError if the channel has one that is newer or the same."""
        first = next(iter(manifests.values()))
        old = self.read(channel)
        highest = max((release.sequence for release in old.releases), default=0)
        if first.sequence <= highest:
            raise UsageError(f"{channel} already offers {first.version} or a newer release; make a higher version")
        release = ChannelRelease(
            version=first.version,
            sequence=first.sequence,
            manifests={platform: manifest_target(first.version, platform) for platform in manifests},
            rollout=rollout,
            min_updater=first.min_updater,
            notes=first.notes,
        )
        self._write(msgspec.structs.replace(old, releases=(*old.releases, release)))

    def widen(self, channel: str, version: str, percent: float | None, canaries: tuple[str, ...]) -> Rollout:
        """Change whom a release is for; canaries are added. Returns what now holds. UsageError if it is withdrawn."""
        changed = []

        def rolled_out(release: ChannelRelease) -> ChannelRelease:
            if release.withdrawn:
                raise UsageError(f"{version} is withdrawn from {channel}, no box installs it; make a higher version")
            named = tuple(dict.fromkeys((*release.rollout.canaries, *canaries)))
            changed.append(Rollout(release.rollout.percent if percent is None else percent, named))
            return msgspec.structs.replace(release, rollout=changed[0])

        self._change(channel, version, rolled_out)
        return changed[0]

    def withdraw(self, channel: str, version: str) -> None:
        """No box begins to install it any more."""
        self._change(channel, version, lambda release: msgspec.structs.replace(release, withdrawn=True))

    def _change(self, channel: str, version: str, change: Callable[[ChannelRelease], ChannelRelease]) -> None:
        old = self.read(channel)
        if version not in {release.version for release in old.releases}:
            raise UsageError(f"{channel} offers no {version}; tools/release status lists what it offers")
        releases = tuple(change(one) if one.version == version else one for one in old.releases)
        self._write(msgspec.structs.replace(old, releases=releases))

    def _write(self, channel: Channel) -> None:
        with tempfile.TemporaryDirectory() as work:
            file = Path(work, "channel.json")
            file.write_bytes(encode(channel))
            self.store.replace_channel(target(channel.channel), file)


def publish_build(store: Store, build: Build) -> dict[str, Manifest]:
    """Put a build into the repository; targets key needed. Boxes do not see it before a channel offers it."""
    manifests = build.manifests()
    store.add_targets(build.targets())
    return manifests
