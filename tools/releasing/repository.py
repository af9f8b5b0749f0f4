"""The repository folder: TUF metadata and targets as any static web server serves them.

``metadata/`` holds ``<n>.root.json``, ``<n>.targets.json``, ``<n>.channels.json``, ``<n>.snapshot.json`` and
``timestamp.json``; ``targets/`` holds each file under its hash (consistent snapshots). Files are replaced whole and
``timestamp.json`` comes last, so that a client sees the old or the new state. The role ``channels`` is delegated by
``targets`` and may list ``channels/*`` alone: who rolls out need not be able to release. The root is ``roots.py``'s.
TUF specification 1.0.34, sections 4 and 6.
"""

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from securesystemslib.signer import Key
from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import (
    DelegatedRole,
    Delegations,
    Metadata,
    MetaFile,
    Role,
    Root,
    Snapshot,
    TargetFile,
    Targets,
    Timestamp,
)
from tuf.api.serialization.json import JSONSerializer
from tuf.repository import Repository

from packshot.errors import UsageError
from packshot.platform.durable import TEMPORARY_SUFFIX, make_folder, sync_folder, write_file
from tools.releasing.keys import Keyring

LIFE_DAYS = {"root": 365, "targets": 180, "channels": 90, "snapshot": 30, "timestamp": 7}
LISTS = ("targets", "channels")
"""The roles that list files."""
KINDS: dict[str, type[Root | Targets | Snapshot | Timestamp]] = {
    "root": Root,
    "targets": Targets,
    "channels": Targets,
    "snapshot": Snapshot,
    "timestamp": Timestamp,
}
PUBLIC_FILE, PUBLIC_FOLDER = 0o644, 0o755


def now() -> datetime:
    """UTC, whole seconds, as TUF writes times."""
    return datetime.now(UTC).replace(microsecond=0)


@dataclass
class Store(Repository):
    """One repository folder, edited with the keys at hand. Every method leaves the folder consistent for clients."""

    folder: Path
    keys: Keyring
    clock: Callable[[], datetime] = now
    life_days: dict[str, int] = field(default_factory=lambda: dict(LIFE_DAYS))

    # --- tuf.repository: how metadata is read and written -----------------------------------------------------------

    def open(self, role: str) -> Metadata[Any]:
        """The newest metadata of a role; the first version, unsaved, if there is none."""
        path = self.newest(role)
        if path is None:
            return Metadata(KINDS[role](expires=self.clock()))
        return Metadata[Any].from_file(str(path))

    def close(self, role: str, md: Metadata[Any]) -> None:
        """Give metadata its next version and expiry, sign it with the keys at hand and store it."""
        self.require(role)
        self.next_version(role, md)
        md.signatures.clear()
        for signer in self.keys.signers(self.trusted(role).keyids):
            md.sign(signer, append=True)
        self.write(role, md)

    @property
    def targets_infos(self) -> dict[str, MetaFile]:
        """What a snapshot says of the lists: version, length and hash."""
        return {f"{role}.json": self._info(role) for role in LISTS}

    @property
    def snapshot_info(self) -> MetaFile:
        """What a timestamp says of the snapshot."""
        return self._info("snapshot")

    def next_version(self, role: str, metadata: Metadata[Any]) -> None:
        """Count up, from 1 for the first, and set the expiry."""
        if self.newest(role) is not None:
            metadata.signed.version += 1
        metadata.signed.expires = self.clock() + timedelta(days=self.life_days[role])

    def write(self, role: str, metadata: Metadata[Any]) -> None:
        """Make signed metadata visible."""
        name = "timestamp.json" if role == "timestamp" else f"{metadata.signed.version}.{role}.json"
        write_public(self.folder / "metadata" / name, metadata.to_bytes(JSONSerializer(compact=False)))

    def newest(self, role: str) -> Path | None:
        """The file of a role's highest version."""
        folder = self.folder / "metadata"
        if role == "timestamp":
            path = folder / "timestamp.json"
            return path if path.exists() else None
        versions = folder.glob(f"*.{role}.json")
        return max(versions, key=lambda path: int(path.name.partition(".")[0]), default=None)

    # --- who may sign -----------------------------------------------------------------------------------------------

    def trusted(self, role: str) -> Role:
        """The key ids and the threshold of a role; UsageError before ``tools/release init``."""
        if self.newest("root") is None:
            raise UsageError(f"{self.folder} has no root; begin with: tools/release init")
        if role != "channels":
            return self.root().roles[role]
        delegations = self.targets().delegations
        if delegations is None or delegations.roles is None:
            raise UsageError(f"{self.folder} delegates no channels; it was not made by tools/release init")
        return delegations.roles[role]

    def can_sign(self, role: str) -> bool:
        """Whether enough private keys of this role are at hand."""
        trusted = self.trusted(role)
        return len(list(self.keys.signers(trusted.keyids))) >= trusted.threshold

    def require(self, role: str) -> None:
        """UsageError where ``can_sign`` is false."""
        if not self.can_sign(role):
            raise UsageError(f"no trusted {role} key in {self.keys}; add its folder with --keys")

    def begin(self) -> None:
        """The first, empty lists, snapshot and timestamp; nothing for those that are there."""
        keys = {key.keyid: key for key in self.keys.public("channels")}
        if not keys:
            raise UsageError(f"no public key for channels in {self.keys}; see: tools/release keys --help")
        if self.newest("targets") is None:
            with self.edit_targets() as targets:
                role = DelegatedRole("channels", list(keys), 1, True, paths=["channels/*"])
                targets.delegations = Delegations(keys, {"channels": role})
        if self.newest("channels") is None:
            self.close("channels", self.open("channels"))
        self.refresh()

    def rotate_channels(self, old: list[str], new: list[Key]) -> None:
        """Keys ``new`` sign channels from now on, key ids ``old`` no longer; targets key and a new key needed."""
        with self.edit_targets() as targets:
            for key in new:
                targets.add_key(key, "channels")
            for keyid in old:
                targets.revoke_key(keyid, "channels")
            self._check_channels_signer(targets)
        self.close("channels", self.open("channels"))

    def _check_channels_signer(self, targets: Targets) -> None:
        """UsageError where nobody, or nobody at hand, could sign channels once ``targets`` is published."""
        delegations = targets.delegations
        role = (delegations.roles or {}).get("channels") if delegations else None
        if role is None or len(role.keyids) < role.threshold:
            raise UsageError("channels would have fewer keys than must sign; add one in the same command")
        if len(list(self.keys.signers(role.keyids))) < role.threshold:
            raise UsageError(f"no key that would sign channels in {self.keys}; add its folder with --keys")

    # --- what is listed ---------------------------------------------------------------------------------------------

    def add_targets(self, files: dict[str, Path]) -> None:
        """Copy files in and list them under their target names; targets key needed.

        Raises UsageError where a listed target would get other bytes: what is published stays what it is.
        """
        self.require("targets")
        with self.edit_targets() as targets:
            for name, file in files.items():
                target = TargetFile.from_file(name, str(file), ["sha256"])
                known = targets.targets.get(name)
                if known is not None and known.hashes != target.hashes:
                    raise UsageError(f"{name} is published with other bytes; make a new version")
                self._copy(file, target)
                targets.targets[name] = target

    def replace_channel(self, name: str, file: Path) -> None:
        """List ``file`` as the channel of that target name; channels key needed."""
        self.require("channels")
        target = TargetFile.from_file(name, str(file), ["sha256"])
        self._copy(file, target)
        with self.edit_targets("channels") as channels:
            channels.targets[name] = target

    def read_target(self, name: str) -> bytes | None:
        """The bytes of a listed file, checked; None if it is not listed."""
        for role in LISTS:
            target = self.targets(role).targets.get(name)
            if target is not None:
                file = self._file(target)
                self._check_bytes(target, file)
                return file.read_bytes()
        return None

    def read_listed(self, name: str) -> bytes:
        """As ``read_target``; UsageError if it is not listed."""
        data = self.read_target(name)
        if data is None:
            raise UsageError(f"{self.folder} lists no {name}; publish it again")
        return data

    def remove_targets(self, names: list[str]) -> None:
        """Take files off the list and out of the folder; targets key needed."""
        with self.edit_targets() as targets:
            removed = [targets.targets.pop(name) for name in names]
        for target in removed:
            self._file(target).unlink(missing_ok=True)

    def refresh(self, force: bool = False) -> list[str]:
        """Bring snapshot and timestamp up to the lists; with ``force`` renew both. The roles that changed."""
        return [role for role, do in (("snapshot", self._snapshot), ("timestamp", self._timestamp)) if do(force)]

    def _snapshot(self, force: bool) -> bool:
        return self.do_snapshot(force or self.newest("snapshot") is None)[0]

    def _timestamp(self, force: bool) -> bool:
        return self.do_timestamp(force or self.newest("timestamp") is None)[0]

    def expiries(self) -> dict[str, tuple[int, datetime]]:
        """Role to (version, expiry) of what is published."""
        found = {role: self.open(role).signed for role in KINDS if self.newest(role)}
        return {role: (signed.version, signed.expires) for role, signed in found.items()}

    def distrusted(self) -> list[str]:
        """The roles whose newest metadata the keys of the newest root do not vouch for."""
        return [role for role in ("targets", "snapshot", "timestamp") if not self._is_vouched_for(role)]

    def _is_vouched_for(self, role: str) -> bool:
        try:
            self._verify(role)
        except RepositoryError:
            return False
        return True

    def _verify(self, role: str) -> None:
        metadata = self.open(role)
        delegator = self.targets() if role == "channels" else self.root()
        delegator.verify_delegate(role, metadata.signed_bytes, metadata.signatures)

    def check(self) -> None:
        """Verify signatures and every file's bytes, as a client would; UsageError names what is wrong."""
        for role in ("targets", "channels", "snapshot", "timestamp"):
            try:
                self._verify(role)
            except RepositoryError as error:
                raise UsageError(f"{self.folder}: {error}; renew it with a trusted key") from error
        for role in LISTS:
            for target in self.targets(role).targets.values():
                self._check_bytes(target, self._file(target))

    # --- files --------------------------------------------------------------------------------------------------------

    def _info(self, role: str) -> MetaFile:
        path = self.newest(role)
        if path is None:
            raise UsageError(f"{self.folder} has no {role} metadata; begin with: tools/release init")
        version = Metadata[Any].from_file(str(path)).signed.version
        return MetaFile.from_data(version, path.read_bytes(), ["sha256"])

    def _file(self, target: TargetFile) -> Path:
        return self.folder / "targets" / target.get_prefixed_paths()[0]

    def _check_bytes(self, target: TargetFile, file: Path) -> None:
        try:
            with file.open("rb") as opened:
                target.verify_length_and_hashes(opened)
        except (RepositoryError, OSError) as error:
            raise UsageError(f"{file} is not what was published as {target.path}; restore it from the build") from error

    def _copy(self, file: Path, target: TargetFile) -> None:
        destination = self._file(target)
        if self._holds(target, destination):
            return
        make_public(destination.parent)
        temporary = destination.with_name(destination.name + TEMPORARY_SUFFIX)
        with file.open("rb") as source, temporary.open("wb") as copy:
            shutil.copyfileobj(source, copy)
            copy.flush()
            os.fchmod(copy.fileno(), PUBLIC_FILE)
            os.fsync(copy.fileno())
        temporary.rename(destination)
        sync_folder(destination.parent)

    def _holds(self, target: TargetFile, file: Path) -> bool:
        try:
            self._check_bytes(target, file)
        except UsageError:
            return False
        return True


def make_public(folder: Path) -> None:
    """Create a folder that a web server's user can read."""
    make_folder(folder, PUBLIC_FOLDER)


def write_public(path: Path, data: bytes) -> None:
    """Write a file whole, for a web server's user to read."""
    write_file(path, data)
    path.chmod(PUBLIC_FILE)
