"""From a tag to a build folder: wheels, manifests, bills of materials and all other files of one release.

``manifests/<platform>.json`` and ``files/<12 of sha256>/<name>`` are named as they will be in the repository. Nothing
here is signed; the same tag gives the same bytes.
"""

import importlib.metadata
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from packshot.errors import UsageError
from packshot.update.manifest import (
    DEPLOY_FOLDERS,
    INTERFACE,
    DeployFile,
    File,
    Manifest,
    UpdaterPart,
    encode,
    is_deploy_name,
    parse,
)
from tools.releasing.lock import pins
from tools.releasing.platforms import Platform
from tools.releasing.sbom import bill_of_materials
from tools.releasing.source import Source, export
from tools.releasing.wheels import fetch, sha256

FORMAT = 1
HASH_PREFIX = 12
UPDATER_LOCK = "updater"
UPDATER_UNITS = "update"


@dataclass(frozen=True)
class Build:
    """A build folder, whole."""

    folder: Path

    def manifests(self) -> dict[str, Manifest]:
        """Platform to manifest; UsageError if this is no build folder or a file is not as the manifests say."""
        found = {path.stem: _read(path) for path in sorted((self.folder / "manifests").glob("*.json"))}
        if not found:
            raise UsageError(f"{self.folder} holds no build; make one with: tools/release build")
        for file in {file for manifest in found.values() for file in _all_files(manifest)}:
            path = self.folder / file.target
            if not path.is_file() or path.stat().st_size != file.bytes or sha256(path) != file.sha256:
                raise UsageError(f"{path} is not what the manifest says; build again")
        return found

    def targets(self) -> dict[str, Path]:
        """Target path in the repository to file, manifests included."""
        targets = {}
        for platform, manifest in self.manifests().items():
            targets[manifest_target(manifest.version, platform)] = self.folder / "manifests" / f"{platform}.json"
            targets |= {file.target: self.folder / file.target for file in _all_files(manifest)}
        return targets


def manifest_target(version: str, platform: str) -> str:
    """Where a manifest lies in the repository."""
    return f"releases/{version}/{platform}.json"


def build(checkout: Path, tag: str, folder: Path, platforms: Sequence[Platform], cache: Path) -> Build:
    """Build ``tag`` into ``folder``, which must not exist yet. ``cache`` keeps wheels of the package index."""
    if folder.exists():
        raise UsageError(f"{folder} exists; name a new folder for the build")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="packshot-build-", dir=folder.parent) as work:
        source = export(checkout, tag, Path(work, "source"))
        out = Path(work, "out")
        (out / "manifests").mkdir(parents=True)
        wheel = _own_wheel(source, Path(work, "wheel"))
        for platform in platforms:
            manifest = _Builder(source, platform, wheel, cache, out).manifest()
            (out / "manifests" / f"{platform}.json").write_bytes(encode(manifest))
        out.rename(folder)
    return Build(folder)


@dataclass(frozen=True)
class _Builder:
    source: Source
    platform: Platform
    wheel: Path
    cache: Path
    out: Path

    def manifest(self) -> Manifest:
        wheels, updater = self._wheels(self.platform.lock), self._wheels(UPDATER_LOCK)
        return Manifest(
            v=FORMAT,
            version=self.source.version,
            sequence=self.source.sequence,
            platform=str(self.platform),
            built_at=self.source.built_at.isoformat().replace("+00:00", "Z"),
            commit=self.source.commit,
            wheels=tuple(self._file(wheel) for wheel in wheels),
            updater=UpdaterPart(self.source.version, tuple(self._file(wheel) for wheel in updater)),
            min_updater=INTERFACE,
            deploy=tuple(self._deploy()),
            documents=tuple(self._documents({*wheels, *updater})),
            notes=self.source.notes,
        )

    def _wheels(self, lock: str) -> list[Path]:
        path = self.source.folder / "deploy" / "locks" / f"{lock}.txt"
        folder = self.source.folder.parent / "wheels" / f"{self.platform}-{lock}"
        folder.mkdir(parents=True)
        return [self.wheel, *fetch(pins(path, self.platform), self.platform, folder, self.cache)]

    def _deploy(self) -> Iterator[DeployFile]:
        deploy = self.source.folder / "deploy"
        for folder in DEPLOY_FOLDERS:
            for file in sorted((deploy / folder).glob("*")):
                if not is_deploy_name(folder, file.name):
                    raise UsageError(f"deploy/{folder}/{file.name} is no name that a box accepts; rename it")
                yield DeployFile(folder, self._file(file))
        for file in sorted((deploy / UPDATER_UNITS).glob("packshot*")):
            yield DeployFile("systemd", self._file(file))

    def _documents(self, wheels: set[Path]) -> Iterator[File]:
        bill = self.source.folder.parent / f"sbom-{self.platform}.cdx.json"
        one_each = {wheel.name: wheel for wheel in wheels}
        in_order = [one_each[name] for name in sorted(one_each)]
        bill.write_bytes(bill_of_materials(self.source, str(self.platform), in_order))
        yield self._file(bill)
        for name in ("CHANGELOG.md", "LICENSE"):
            yield self._file(self.source.folder / name)

    def _file(self, path: Path) -> File:
        digest = sha256(path)
        target = f"files/{digest[:HASH_PREFIX]}/{path.name}"
        kept = self.out / target
        if not kept.exists():
            kept.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, kept)
        return File(target, path.name, digest, path.stat().st_size)


def _own_wheel(source: Source, folder: Path) -> Path:
    _check_backend(source)
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    environment = {**os.environ, "SOURCE_DATE_EPOCH": str(int(source.built_at.timestamp())), "PYTHONHASHSEED": "0"}
    done = subprocess.run(command, cwd=source.folder, capture_output=True, text=True, env=environment, check=False)
    if done.returncode:
        raise UsageError(f"the wheel of {source.version} cannot be built: {done.stderr.strip().splitlines()[-1]}")
    return next(folder.glob("packshot-*.whl"))


def _check_backend(source: Source) -> None:
    """The build backend is the locked one, else two machines build different bytes."""
    here = Platform("x86_64", (sys.version_info[0], sys.version_info[1]))
    for pin in pins(source.folder / "deploy" / "locks" / "build.txt", here):
        if importlib.metadata.version(pin.name) != pin.version:
            raise UsageError(f"{pin.name} is not {pin.version} as deploy/locks/build.txt says; run tools/setup")


def _all_files(manifest: Manifest) -> tuple[File, ...]:
    return (*manifest.files(), *manifest.updater.wheels)


def _read(path: Path) -> Manifest:
    try:
        return parse(path.read_bytes(), Manifest, path.name)
    except ValueError as error:
        raise UsageError(f"{error}; build again") from error
