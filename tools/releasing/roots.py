"""The root: which keys sign what. Two of its three keys must sign it, and of the former root's too when it changes.

A root that lacks signatures waits in ``staged/`` of the repository folder, where no client looks, so that the holders
of the keys can sign one after the other and need not be in one place.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from securesystemslib.signer import Key
from tuf.api.metadata import Metadata, Root, RootVerificationResult
from tuf.api.serialization.json import JSONSerializer

from packshot.errors import UsageError
from tools.releasing.repository import Store, make_public, write_public

THRESHOLD = 2


@dataclass(frozen=True)
class Ceremony:
    """Changes the root of a repository. Each change returns the state of its signatures, true if it is published."""

    store: Store

    def begin(self) -> RootVerificationResult:
        """Version 1, of the public keys at hand; one key signs each role but root."""
        if self.store.newest("root") or self.staged():
            raise UsageError(f"{self.store.folder} has a root already; change it with: tools/release rotate")
        metadata: Metadata[Root] = Metadata(Root(expires=self.store.clock(), consistent_snapshot=True))
        for role in metadata.signed.roles:
            threshold = metadata.signed.roles[role].threshold = THRESHOLD if role == "root" else 1
            keys = self.store.keys.public(role)
            if len(keys) < threshold:
                raise UsageError(f"too few public keys for {role} in {self.store.keys}; see: tools/release keys --help")
            for key in keys:
                metadata.signed.add_key(key, role)
        self.store.next_version("root", metadata)
        for name in ("metadata", "targets"):
            make_public(self.store.folder / name)
        return self._sign(metadata)

    def rotate(self, role: str, old: list[str], new: list[Key]) -> RootVerificationResult:
        """The next root: key ids ``old`` no longer sign ``role``, keys ``new`` do."""
        metadata = self._next()
        for key in new:
            metadata.signed.add_key(key, role)
        for keyid in old:
            if keyid not in metadata.signed.roles[role].keyids:
                raise UsageError(f"{keyid} does not sign {role}; tools/release status shows who does")
            metadata.signed.revoke_key(keyid, role)
        if len(metadata.signed.roles[role].keyids) < metadata.signed.roles[role].threshold:
            raise UsageError(f"{role} would have fewer keys than must sign; add one in the same command")
        return self._sign(metadata)

    def renew(self) -> RootVerificationResult:
        """The next root with the same keys and a new expiry."""
        return self._sign(self._next())

    def sign(self) -> RootVerificationResult:
        """Add the signatures of the keys at hand to the root that waits; publishes it when they are enough."""
        path = self.staged()
        if path is None:
            raise UsageError(f"no root waits for signatures in {self.store.folder / 'staged'}")
        return self._sign(Metadata[Any].from_file(str(path)))

    def staged(self) -> Path | None:
        """The root that still lacks signatures."""
        return next((self.store.folder / "staged").glob("*.root.json"), None)

    def _next(self) -> Metadata[Root]:
        if waiting := self.staged():
            raise UsageError(f"{waiting} waits for signatures; sign it (tools/release sign) or delete it first")
        metadata = self.store.open("root")
        self.store.next_version("root", metadata)
        metadata.signatures.clear()
        return metadata

    def _sign(self, metadata: Metadata[Root]) -> RootVerificationResult:
        previous = self._previous(metadata.signed.version)
        trusted = {*metadata.signed.roles["root"].keyids, *(previous.roles["root"].keyids if previous else [])}
        for signer in self.store.keys.signers(sorted(trusted)):
            metadata.sign(signer, append=True)
        result = metadata.signed.get_root_verification_result(previous, metadata.signed_bytes, metadata.signatures)
        self._store(metadata, complete=bool(result))
        return result

    def _previous(self, version: int) -> Root | None:
        path = self.store.folder / "metadata" / f"{version - 1}.root.json"
        return Metadata[Root].from_file(str(path)).signed if version > 1 else None

    def _store(self, metadata: Metadata[Root], complete: bool) -> None:
        staged = self.store.folder / "staged" / f"{metadata.signed.version}.root.json"
        if complete:
            self.store.write("root", metadata)
            staged.unlink(missing_ok=True)
        else:
            make_public(staged.parent)
            write_public(staged, metadata.to_bytes(JSONSerializer(compact=False)))
