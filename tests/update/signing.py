"""A signed repository in a folder, small enough to be made in a blink and to be attacked in every way.

repository = SignedRepository(tmp_path / "repository")
repository.release("0.2.0", 2)
repository.publish()
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import (
    DelegatedRole,
    Delegations,
    Metadata,
    MetaFile,
    Root,
    Snapshot,
    TargetFile,
    Targets,
    Timestamp,
)

from packshot.update.manifest import Channel, ChannelRelease, DeployFile, File, Manifest, Rollout, UpdaterPart, encode

PLATFORM = "x86_64-cp311"
WHEELS = {
    "packshot-{version}-py3-none-any.whl": b"the wheel of {version}",
    "numpy-2-py3-none-any.whl": b"numbers " * 4000,
}
BUILT_AT = "2026-11-01T00:00:00Z"
EVERYBODY = Rollout(percent=100)
ROLES = (Timestamp.type, Snapshot.type, Targets.type)
CHANNELS = "channels"


class SignedRepository:
    """Root 2 of 3, one key for each other role, channels delegated, consistent snapshots.

    ``folder`` is what a web server would serve.
    """

    def __init__(self, folder: Path, days: int = 30) -> None:
        self.folder = folder
        self.expires = datetime.now(UTC).replace(microsecond=0) + timedelta(days=days)
        self.keys = {role: [CryptoSigner.generate_ed25519()] for role in ROLES}
        self.keys[Root.type] = [CryptoSigner.generate_ed25519() for _ in range(3)]
        self.releases: list[ChannelRelease] = []
        self.targets, self.channels = Targets(expires=self.expires), Targets(expires=self.expires)
        self._delegate_channels(CryptoSigner.generate_ed25519())
        self.versions = {Timestamp.type: 0, Snapshot.type: 0, Targets.type: 0}
        (folder / "metadata").mkdir(parents=True)
        self.root = Root(expires=self.expires, consistent_snapshot=True)
        for role, signers in self.keys.items():
            for signer in signers:
                self.root.add_key(signer.public_key, role)
        self.root.roles[Root.type].threshold = 2
        self.publish_root()

    def _delegate_channels(self, signer: CryptoSigner) -> None:
        self._channels_signer = signer
        key = signer.public_key
        role = DelegatedRole(CHANNELS, [key.keyid], 1, terminating=True, paths=[f"{CHANNELS}/*"])
        self.targets.delegations = Delegations({key.keyid: key}, {CHANNELS: role})

    @property
    def anchor(self) -> bytes:
        """What a box is given at its installation."""
        return (self.folder / "metadata/1.root.json").read_bytes()

    def release(
        self,
        version: str,
        sequence: int,
        rollout: Rollout = EVERYBODY,
        platform: str = PLATFORM,
        wheels: Mapping[str, bytes] | None = None,
        deploy: Mapping[str, bytes] | None = None,
        **changes: Any,
    ) -> Manifest:
        """Put a release's files, its manifest and its line in the channel; ``changes`` go into the manifest."""
        contents = WHEELS if wheels is None else wheels
        files = tuple(
            self.put(name.format(version=version), data.replace(b"{version}", version.encode()))
            for name, data in contents.items()
        )
        system = tuple(
            DeployFile(folder=name.partition("/")[0], file=self.put(name.partition("/")[2], data))
            for name, data in (deploy or {}).items()
        )
        documents = (self.put("sbom.json", b'{"of": "%s"}' % version.encode()),)
        part = UpdaterPart(version, files[:1])
        manifest = Manifest(1, version, sequence, platform, BUILT_AT, "0" * 40, files, part, 1, system, documents)
        manifest = msgspec.structs.replace(manifest, **changes)
        path = f"releases/{version}/{platform}.json"
        self.add(path, encode(manifest))
        known = next((entry for entry in self.releases if entry.sequence == sequence), None)
        others = {} if known is None else known.manifests
        self.releases = [entry for entry in self.releases if entry is not known]
        self.releases.append(ChannelRelease(version, sequence, {**others, platform: path}, rollout))
        return manifest

    def put(self, name: str, data: bytes) -> File:
        """A file of a release, as the manifest names it."""
        digest = hashlib.sha256(data).hexdigest()
        target = f"files/{digest[:12]}/{name}"
        self.add(target, data)
        return File(target, name, digest, len(data))

    def add(self, target: str, data: bytes) -> None:
        """A target, in the folder and in the metadata to be signed."""
        info = TargetFile.from_data(target, data, ["sha256"])
        path = self.stored(target, info.hashes["sha256"])
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        self._listed(target).targets[target] = info

    def _listed(self, target: str) -> Targets:
        return self.channels if target.startswith(f"{CHANNELS}/") else self.targets

    def stored(self, target: str, digest: str = "") -> Path:
        """Where a target lies in the folder."""
        digest = digest or self._listed(target).targets[target].hashes["sha256"]
        folder, _, name = target.rpartition("/")
        return self.folder / "targets" / folder / f"{digest}.{name}"

    def publish(self, channel: str = "stable", roles: Iterable[str] = ROLES) -> None:
        """Sign everything anew, with the next version numbers."""
        self.add(f"channels/{channel}.json", encode(Channel(1, channel, tuple(self.releases))))
        for role in roles:
            self.versions[role] += 1
        self.targets.version = self.channels.version = self.versions[Targets.type]
        self.targets.expires = self.channels.expires = self.expires
        meta = {f"{name}.json": MetaFile(self.targets.version) for name in (Targets.type, CHANNELS)}
        snapshot = Snapshot(self.versions[Snapshot.type], expires=self.expires, meta=meta)
        timestamp = Timestamp(self.versions[Timestamp.type], expires=self.expires)
        timestamp.snapshot_meta = MetaFile(self.versions[Snapshot.type])
        self.write(f"{self.targets.version}.targets.json", self.targets)
        self.write(f"{self.targets.version}.{CHANNELS}.json", self.channels, [self._channels_signer])
        self.write(f"{snapshot.version}.snapshot.json", snapshot)
        self.write("timestamp.json", timestamp)

    def publish_root(self, signers: Iterable[CryptoSigner] | None = None) -> None:
        """Sign the root as it is now."""
        self.write(f"{self.root.version}.root.json", self.root, list(signers or self.keys[Root.type][:2]))

    def write(
        self, name: str, signed: Root | Targets | Snapshot | Timestamp, signers: list[CryptoSigner] | None = None
    ) -> None:
        """Sign one role's metadata and write it, with whatever keys and values an attacker likes."""
        metadata: Metadata[Any] = Metadata(signed)
        for signer in signers if signers is not None else self.keys[signed.type]:
            metadata.sign(signer, append=True)
        metadata.to_file(str(self.folder / "metadata" / name))

    def edit(self, name: str, change: dict[str, Any]) -> None:
        """Change signed values without signing them again."""
        path = self.folder / "metadata" / name
        document = json.loads(path.read_bytes())
        document["signed"].update(change)
        path.write_text(json.dumps(document))
