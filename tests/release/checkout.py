"""A checkout in miniature: a package, locks, units, a network and tags; its wheels lie in a cache."""

import base64
import hashlib
import json
import os
import subprocess
import zipfile
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
FILES = {
    "pyproject.toml": """\
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"
[project]
name = "packshot"
requires-python = ">=3.11"
dynamic = ["version"]
[tool.hatch.version]
path = "service/packshot/__init__.py"
[tool.hatch.build.targets.wheel]
packages = ["service/packshot"]
""",
    "LICENSE": "Apache-2.0\n",
    "deploy/systemd/packshotd.service": "[Service]\nExecStart=/opt/packshot/current/bin/packshotd\n",
    "deploy/update/packshot-update.timer": "[Timer]\nOnCalendar=daily\n",
    "deploy/update/run": "#!/bin/sh\n",
    "deploy/udev/70-packshot.rules": "# none\n",
    "models/released/released.json": '{"default": "tiny-1.0.json"}\n',
    "models/released/tiny-1.0.json": '{"name": "tiny", "version": "1.0"}\n',
    "models/released/tiny-1.0.int8.tflite": "network",
}


@dataclass(frozen=True)
class Checkout:
    """A Git repository in ``folder`` and the wheels its locks name in ``cache``."""

    folder: Path
    cache: Path

    def tag(self, version: str, **files: str) -> str:
        """Commit this version with its changelog and tag it; returns the tag."""
        self.write("service/packshot/__init__.py", f'"""Tiny."""\n\n__version__ = "{version}"\n')
        self.write("CHANGELOG.md", f"# Changelog\n\n## {version} - 2026-01-01\n\nBetter than\nbefore.\n\n- Much.\n")
        for name, text in files.items():
            self.write(name, text)
        self.git("add", "-A")
        self.git("commit", "-q", "-m", version)
        self.git("tag", f"v{version}")
        return f"v{version}"

    def write(self, name: str, text: str) -> None:
        """A file of the working tree."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def git(self, *arguments: str) -> str:
        """Git in the checkout, as somebody, at a fixed time."""
        who = {f"GIT_{role}_{what}": "t@example.com" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
        when = {"GIT_COMMITTER_DATE": "2026-01-01T12:00:00Z", "GIT_AUTHOR_DATE": "2026-01-01T12:00:00Z"}
        command = ["git", "-C", str(self.folder), *arguments]
        done = subprocess.run(command, check=True, capture_output=True, text=True, env={**os.environ, **who, **when})
        return done.stdout.strip()


def make_checkout(folder: Path) -> Checkout:
    """A new one, with nothing tagged yet."""
    checkout = Checkout(folder / "checkout", folder / "cache")
    checkout.folder.mkdir(parents=True)
    checkout.git("init", "-q")
    for name, text in FILES.items():
        checkout.write(name, text)
    checkout.write("deploy/locks/build.txt", (REPOSITORY / "deploy/locks/build.txt").read_text())
    native = [(f"cp3{minor}", machine) for minor in (11, 12, 13) for machine in ("x86_64", "aarch64")]
    tags = [f"{python}-{python}-manylinux_2_28_{machine}" for python, machine in native]
    camera, checks = (
        _lock(checkout.cache, "camera", ["py3-none-any"]),
        _lock(checkout.cache, "tufish", ["py3-none-any"]),
    )
    checkout.write("deploy/locks/runtime.txt", _lock(checkout.cache, "native", tags) + camera)
    checkout.write("deploy/locks/bookworm-camera.txt", camera)
    checkout.write("deploy/locks/updater.txt", checks)
    return checkout


def _lock(cache: Path, name: str, tags: list[str]) -> str:
    """Make the wheels; returns their line of the lock."""
    cache.mkdir(parents=True, exist_ok=True)
    hashes = [_wheel(cache / f"{name}-1.0-{tag}.whl", name, tag) for tag in tags]
    return f"{name}==1.0 \\\n" + " \\\n".join(f"    --hash=sha256:{one}" for one in hashes) + "\n"


def _wheel(path: Path, name: str, tag: str) -> str:
    info = f"{name}-1.0.dist-info"
    about = f"Name: {name}\nVersion: 1.0\nLicense-Expression: MIT\nSummary: Tiny.\n"
    files = {
        f"{name}.py": f"TAG = {tag!r}\n",
        f"{info}/METADATA": f"Metadata-Version: 2.4\n{about}",
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: {tag}\n",
    }
    record = "".join(f"{file},sha256={_digest(text)},{len(text)}\n" for file, text in files.items())
    with zipfile.ZipFile(path, "w") as archive:
        for file, text in {**files, f"{info}/RECORD": f"{record}{info}/RECORD,,\n"}.items():
            archive.writestr(zipfile.ZipInfo(file), text)
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _digest(text: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()


def read_json(path: Path) -> dict[str, object]:
    """A JSON object."""
    return dict(json.loads(path.read_text()))
