"""Fill a folder with the wheels of a lock for any platform, from a cache or the package index."""

import hashlib
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from packaging.tags import Tag, compatible_tags, cpython_tags
from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename

from packshot.errors import UsageError
from tools.releasing.lock import Pin
from tools.releasing.platforms import Platform


def fetch(pins: list[Pin], platform: Platform, folder: Path, cache: Path) -> list[Path]:
    """Put one wheel per pin into ``folder``; each has a hash of its pin. Raises UsageError where one cannot be had.

    What the cache lacks is downloaded by pip into the cache, which is only ever a shortcut: hashes are checked here.
    """
    cache.mkdir(parents=True, exist_ok=True)
    missing = [pin for pin in pins if _find(pin, platform, cache) is None]
    if missing:
        _download(missing, platform, cache)
    wheels = []
    for pin in pins:
        wheel = _find(pin, platform, cache)
        if wheel is None:
            raise UsageError(f"{pin.name} {pin.version} has no wheel for {platform}; lock a version that has one")
        wheels.append(Path(shutil.copyfile(wheel, folder / wheel.name)))
    return wheels


def requirements(pins: list[Pin], wheels: list[Path]) -> str:
    """Text of a requirements file that allows exactly these wheels."""
    by_name = {canonicalize_name(wheel.name.partition("-")[0]): wheel for wheel in wheels}
    return "".join(pin.line((sha256(by_name[canonicalize_name(pin.name)]),)) + "\n" for pin in pins)


def sha256(file: Path) -> str:
    """Of a file's bytes, in hexadecimal."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _find(pin: Pin, platform: Platform, folder: Path) -> Path | None:
    """The wheel that pip would prefer there, among those with a locked hash."""
    order = {tag: rank for rank, tag in enumerate(_tags(platform))}
    ranked = []
    for wheel in folder.glob("*.whl"):
        try:
            name, version, _, tags = parse_wheel_filename(wheel.name)
        except InvalidWheelFilename:
            continue
        ranks = [order[tag] for tag in tags if tag in order]
        if ranks and name == pin.name and str(version) == pin.version and sha256(wheel) in pin.hashes:
            ranked.append((min(ranks), wheel.name, wheel))
    return min(ranked)[2] if ranked else None


def _tags(platform: Platform) -> list[Tag]:
    native = cpython_tags(platform.python, platforms=platform.wheel_platforms)
    generic = compatible_tags(platform.python, platform.interpreter, platform.wheel_platforms)
    return [*native, *generic]


def _download(pins: list[Pin], platform: Platform, cache: Path) -> None:
    with tempfile.TemporaryDirectory() as work:
        wanted = Path(work, "wanted.txt")
        wanted.write_text("".join(pin.line() + "\n" for pin in pins))
        command = [sys.executable, "-m", "pip", "download", "-q", "--disable-pip-version-check", "--no-deps"]
        command += ["--only-binary=:all:", "--require-hashes", "-r", str(wanted), "-d", str(cache)]
        command += ["--implementation=cp", f"--python-version={platform.python[0]}.{platform.python[1]}"]
        command += [f"--platform={name}" for name in platform.wheel_platforms]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.startswith("ERROR")] or done.stderr.splitlines()[-1:]
        raise UsageError(f"wheels for {platform} cannot be fetched: {' '.join(lines[:2])}; is there a network?")
