"""Kits: one archive per platform with all that a bare machine needs for the first installation, no network used.

``deploy/`` as the release's commit has it, the wheels of the signed release, and the trust anchor for what comes later:

    tar xf packshot-1.2.0-aarch64-cp311.tar && sudo packshot-1.2.0/deploy/install.sh \\
        --wheelhouse packshot-1.2.0/wheels --update-root packshot-1.2.0/root.json
"""

import subprocess
import tarfile
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

from packshot.errors import UsageError
from packshot.update.manifest import Manifest
from tools.releasing.repository import Store

INSTALLER = ("deploy", "service/packshot/__init__.py")


def pack_kits(store: Store, checkout: Path, manifests: dict[str, Manifest], folder: Path) -> Iterator[Path]:
    """Write ``packshot-<version>-<platform>.tar`` for each platform; UsageError if the checkout lacks the commit."""
    for platform, manifest in manifests.items():
        name = f"packshot-{manifest.version}"
        archive = folder / f"{name}-{platform}.tar"
        installer = _installer(checkout, manifest.commit, name)
        with tarfile.open(archive, "w") as kit:
            with tarfile.open(fileobj=BytesIO(installer)) as packed:
                for member in packed:
                    kit.addfile(member, packed.extractfile(member) if member.isfile() else None)
            for file in sorted({*manifest.wheels, *manifest.updater.wheels}, key=lambda file: file.name):
                _add(kit, f"{name}/wheels/{file.name}", store.read_listed(file.target))
            _add(kit, f"{name}/root.json", _anchor(store))
        yield archive


def _installer(checkout: Path, commit: str, name: str) -> bytes:
    command = ["git", "-C", str(checkout), "archive", f"--prefix={name}/", commit, *INSTALLER]
    done = subprocess.run(command, capture_output=True, check=False)
    if done.returncode:
        raise UsageError(f"{checkout} does not hold commit {commit[:12]}; name the checkout with --source")
    return done.stdout


def _anchor(store: Store) -> bytes:
    path = store.newest("root")
    if path is None:
        raise UsageError(f"{store.folder} has no root; begin with: tools/release init")
    return path.read_bytes()


def _add(kit: tarfile.TarFile, name: str, data: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mode = len(data), 0o644
    kit.addfile(member, BytesIO(data))
