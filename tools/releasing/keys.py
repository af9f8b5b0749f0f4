"""Signing keys: made, kept and read as files in folders that no repository and no web server ever sees.

A key is two files named ``<role>[-<who>]``: ``.pem`` is the private half (PKCS #8, mode 0600, with a passphrase if
one was given), ``.pub`` the public half as TUF writes it. Offline keys live on sticks of their own, so commands take
several folders; where only the ``.pub`` lies, that key can be trusted but not used.
"""

import getpass
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from securesystemslib.signer import CryptoSigner, Key, SSlibKey

from packshot.errors import UsageError

ROLES = ("root", "targets", "channels", "snapshot", "timestamp")
ALL_KEYS = ("root-1", "root-2", "root-3", "targets", "channels", "snapshot", "timestamp")


def check_folder(folder: Path) -> Path:
    """The folder resolved; UsageError inside a Git work tree or a repository folder, where keys would be published."""
    resolved = folder.resolve()
    for parent in (resolved, *resolved.parents):
        if (parent / ".git").exists():
            raise UsageError(f"{folder} is inside the work tree {parent}; keep keys on a medium of their own")
        if (parent / "metadata").is_dir() and (parent / "targets").is_dir():
            raise UsageError(f"{folder} is inside the repository folder {parent}, which is served to everybody")
    return resolved


def role_of(name: str) -> str:
    """The role a key of this name is for: "root-2" signs root. UsageError for another name."""
    role = name.partition("-")[0]
    if role not in ROLES:
        raise UsageError(f"{name!r} names no role; call a key after its role, for example {', '.join(ALL_KEYS)}")
    return role


def make_key(folder: Path, name: str, passphrase: str = "") -> Key:
    """Create ``name.pem`` and ``name.pub``; UsageError rather than overwrite a key."""
    role_of(name)
    folder = check_folder(folder)
    private, public = folder / f"{name}.pem", folder / f"{name}.pub"
    if private.exists() or public.exists():
        raise UsageError(f"{private} exists; a key is never overwritten, choose another name")
    signer = CryptoSigner.generate_ed25519()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    _write_private(private, _encrypted(signer.private_bytes, passphrase))
    public.write_text(json.dumps({"keyid": signer.public_key.keyid, **signer.public_key.to_dict()}, indent=1) + "\n")
    return signer.public_key


def _encrypted(pem: bytes, passphrase: str) -> bytes:
    key = load_pem_private_key(pem, None)
    protection = BestAvailableEncryption(passphrase.encode()) if passphrase else NoEncryption()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, protection)


def _write_private(path: Path, pem: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(pem)
        os.fsync(file.fileno())


@dataclass(frozen=True)
class Keyring:
    """The keys of some folders. ``ask`` gives the passphrase of an encrypted key, by its path."""

    folders: tuple[Path, ...]
    ask: Callable[[Path], str] = lambda path: getpass.getpass(f"passphrase of {path}: ")

    def __post_init__(self) -> None:
        for folder in self.folders:
            if not check_folder(folder).is_dir():
                raise UsageError(f"there is no folder {folder}; make keys with: tools/release keys {folder}")

    def __str__(self) -> str:
        return ", ".join(map(str, self.folders)) or "no folder"

    def public(self, role: str) -> list[Key]:
        """Every key whose name says this role, in the order of names."""
        return [_read_public(path) for path in self._files(".pub") if role_of(path.stem) == role]

    def named(self, name: str) -> Key:
        """The public key of this name; UsageError if no folder has it."""
        for path in self._files(".pub"):
            if path.stem == name:
                return _read_public(path)
        raise UsageError(f"no {name}.pub in {self}")

    def signers(self, trusted: list[str]) -> Iterator[CryptoSigner]:
        """Signers for those of the trusted key ids whose private half is at hand."""
        for path in self._files(".pub"):
            key, private = _read_public(path), path.with_suffix(".pem")
            if key.keyid in trusted and private.exists():
                yield CryptoSigner(self._open(private), key)

    def _open(self, path: Path) -> Ed25519PrivateKey:
        pem = path.read_bytes()
        passphrase = self.ask(path).encode() if b"ENCRYPTED" in pem else None
        try:
            key = load_pem_private_key(pem, passphrase)
        except ValueError as error:
            raise UsageError(f"{path} cannot be opened: wrong passphrase or damaged file") from error
        if not isinstance(key, Ed25519PrivateKey):
            raise UsageError(f"{path} is no Ed25519 key; make keys with: tools/release keys")
        return key

    def _files(self, suffix: str) -> list[Path]:
        files = [file for folder in self.folders for file in folder.glob(f"*{suffix}")]
        return sorted(files, key=lambda path: path.name)


def _read_public(path: Path) -> SSlibKey:
    try:
        fields = json.loads(path.read_text("utf-8"))
        key = Key.from_dict(fields.pop("keyid"), fields)
    except (ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{path} is no public key as tools/release writes it") from error
    if not isinstance(key, SSlibKey):
        raise UsageError(f"{path} is no key that packshot signs with")
    return key
