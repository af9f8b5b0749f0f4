"""What a signed repository says to a box: channels, and one manifest per release and kind of machine. Pure values.

Both are JSON files that are TUF targets, so length and sha256 of each are signed; see the README for the paths.
Unknown fields are ignored, so that a newer builder can say more to an older updater.
"""

import hashlib
import re
from typing import Annotated, TypeVar

import msgspec
from msgspec import Meta, Struct

INTERFACE = 1
"""What this updater understands; a release that needs more names it in ``min_updater``."""

Version = Annotated[str, Meta(pattern=r"^[0-9][0-9A-Za-z.+]{0,63}\Z")]
"""Also the name of a folder: no slash, no leading dot."""
Platform = Annotated[str, Meta(pattern=r"^[a-z0-9_]+-cp[0-9]{3,4}(-[a-z0-9]+)?\Z")]
"""``<machine>-cp<python>[-<flavour>]``: "x86_64-cp311", "aarch64-cp313", "aarch64-cp311-camera"."""
Sha256 = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]
FileName = Annotated[str, Meta(pattern=r"^[0-9A-Za-z_][0-9A-Za-z_.+@-]{0,199}\Z")]
TargetPath = Annotated[str, Meta(pattern=r"^[0-9A-Za-z_][0-9A-Za-z_.+@/-]{0,299}\Z")]
Count = Annotated[int, Meta(ge=0, le=2**53)]

DEPLOY_FOLDERS = ("systemd", "udev", "sysusers.d", "tmpfiles.d")
"""Where in ``deploy/`` a file that belongs outside the slot may lie, see ``system_files``."""

T = TypeVar("T")


class Rollout(Struct, frozen=True):
    """Whom a release is for: the boxes named, and every box whose place in the ring is below ``percent``."""

    percent: Annotated[float, Meta(ge=0, le=100)] = 0.0
    canaries: tuple[str, ...] = ()  # device ids


class ChannelRelease(Struct, frozen=True):
    """One line of a channel. ``sequence`` grows with every release ever built; boxes only go up."""

    version: Version
    sequence: Annotated[int, Meta(ge=1, le=2**53)]
    manifests: dict[Platform, TargetPath]
    rollout: Rollout = Rollout()
    min_updater: Count = INTERFACE
    withdrawn: bool = False  # no box begins to install it; those that run it stay until there is a newer one
    notes: str = ""  # a line or two for people


class Channel(Struct, frozen=True):
    """``channels/<channel>.json``."""

    v: Count
    channel: str
    releases: tuple[ChannelRelease, ...]


class File(Struct, frozen=True):
    """A file of a release: its target path in the repository, its name on the box, what it must be."""

    target: TargetPath
    name: FileName
    sha256: Sha256
    bytes: Count


class DeployFile(Struct, frozen=True):
    """A file of ``deploy/<folder>/``: unit, udev rule, sysusers or tmpfiles entry; its name begins with packshot
    (udev: two digits and a dash before it).
    """

    folder: str
    file: File


class UpdaterPart(Struct, frozen=True):
    """The wheels of the updater's own environment, which comes with each release."""

    version: Version
    wheels: tuple[File, ...]


class Manifest(Struct, frozen=True):
    """``releases/<version>/<platform>.json``: everything that one kind of machine needs for one release."""

    v: Count
    version: Version
    sequence: Annotated[int, Meta(ge=1, le=2**53)]
    platform: Platform
    built_at: str  # RFC 3339, UTC
    commit: str
    wheels: tuple[File, ...]  # complete: pip resolves nothing beyond them
    updater: UpdaterPart
    min_updater: Count = INTERFACE
    deploy: tuple[DeployFile, ...] = ()
    documents: tuple[File, ...] = ()  # SBOM, changelog; kept in the slot
    notes: str = ""

    def files(self) -> tuple[File, ...]:
        """All that has to be fetched for the slot."""
        return (*self.wheels, *(entry.file for entry in self.deploy), *self.documents)


class SlotRelease(Struct, frozen=True):
    """``release.json`` in a slot: what lies there. Sequence 0: laid by ``deploy/install.sh``, not by the updater."""

    v: Count
    version: Version
    sequence: Count
    platform: str = ""
    manifest_sha256: str = ""


def parse(data: bytes, kind: type[T], name: str) -> T:
    """A channel or manifest from its bytes; ValueError that names the file and the field."""
    try:
        return msgspec.json.decode(data, type=kind)
    except msgspec.DecodeError as error:  # ValidationError is one of them
        raise ValueError(f"{name}: {error}") from error


def encode(value: Struct) -> bytes:
    """Indented JSON, so that people can read what they sign."""
    return msgspec.json.format(msgspec.json.encode(value), indent=2) + b"\n"


def ring_place(device_id: str) -> float:
    """A box's fixed place in the ring, 0 <= place < 100, spread evenly over ids.

    >>> 0 <= ring_place("shop-17") < 100
    True
    """
    digest = hashlib.sha256(f"packshot ring {device_id}".encode()).digest()
    return int.from_bytes(digest[:4]) / 2**32 * 100


def is_allowed(rollout: Rollout, device_id: str, place: float) -> bool:
    """Whether a release is for this box already."""
    return device_id in rollout.canaries or place < rollout.percent


def choose(channel: Channel, platform: str) -> ChannelRelease | None:
    """The newest release of the channel that was built for this kind of machine and is not withdrawn."""
    built = [release for release in channel.releases if platform in release.manifests and not release.withdrawn]
    return max(built, key=lambda release: release.sequence, default=None)


def is_deploy_name(folder: str, name: str) -> bool:
    """Whether a release may install this name outside its slot."""
    pattern = r"[0-9]{2}-packshot[0-9a-z.-]*" if folder == "udev" else r"packshot[0-9a-z@.-]*"
    return folder in DEPLOY_FOLDERS and re.fullmatch(pattern, name) is not None
