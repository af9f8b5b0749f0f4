"""The sources of a release: exactly what a tag of a clean checkout holds, and nothing that lies beside it."""

import re
import subprocess
import tarfile
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

from packaging.version import InvalidVersion, Version

from packshot.errors import UsageError

PRE_RELEASE_RANK = {"a": 0, "b": 300, "rc": 600}
RELEASE_RANK = 999
PART_LIMIT = 1000


@dataclass(frozen=True)
class Source:
    """A release's sources, unpacked in ``folder``."""

    version: str
    commit: str
    built_at: datetime  # the commit's time: the same tag gives the same bytes
    folder: Path

    @property
    def sequence(self) -> int:
        """Grows with the version, whatever order releases are built in; boxes only go up."""
        return sequence(self.version)

    @property
    def notes(self) -> str:
        """The first paragraph of the version's section in the changelog."""
        return first_paragraph((self.folder / "CHANGELOG.md").read_text("utf-8"), self.version)


def sequence(version: str) -> int:
    """The number that orders releases as their versions do: 1.2.3 is 1002003999, 1.2.3rc1 is 1002003601.

    Raises UsageError for versions that have no such number (local, post, dev, more than three parts, parts over 999).
    """
    try:
        parsed = Version(version)
    except InvalidVersion as error:
        raise UsageError(f"{version} is no version; use MAJOR.MINOR.PATCH, or that with aN, bN or rcN") from error
    numbers = parsed.release
    pre = (PRE_RELEASE_RANK[parsed.pre[0]] + parsed.pre[1]) if parsed.pre else RELEASE_RANK
    plain = not (parsed.epoch or parsed.local or parsed.is_postrelease or parsed.is_devrelease)
    if not plain or len(numbers) != 3 or max(numbers) >= PART_LIMIT or (parsed.pre and parsed.pre[1] >= 300):
        raise UsageError(f"{version} cannot be ordered; use MAJOR.MINOR.PATCH, or that with aN, bN or rcN, below 1000")
    major, minor, patch = numbers
    return ((major * PART_LIMIT + minor) * PART_LIMIT + patch) * PART_LIMIT + pre


def first_paragraph(changelog: str, version: str) -> str:
    """What the changelog says first of a version; UsageError where it has no such section."""
    section = re.search(rf"^## {re.escape(version)}\b[^\n]*\n(.*?)(?=^## |\Z)", changelog, re.MULTILINE | re.DOTALL)
    if section is None or "unreleased" in section.group().partition("\n")[0]:
        raise UsageError(f"CHANGELOG.md has no section '## {version} - DATE'; write it before tagging")
    return " ".join(section.group(1).strip().partition("\n\n")[0].split())


def export(checkout: Path, tag: str, folder: Path) -> Source:
    """Unpack a tag. UsageError unless the checkout is clean, stands at the tag and names the tag's version."""
    commit = _git(checkout, "rev-parse", "--verify", "--quiet", f"refs/tags/{tag}^{{commit}}", what=f"no tag {tag}")
    if _git(checkout, "rev-parse", "HEAD") != commit:
        raise UsageError(
            f"{checkout} does not stand at {tag}; its own tools build a release: git switch --detach {tag}"
        )
    if changed := _git(checkout, "status", "--porcelain"):
        raise UsageError(f"{checkout} is not clean ({changed.splitlines()[0].strip()}); commit or remove that")
    archive = subprocess.run(["git", "-C", str(checkout), "archive", commit], capture_output=True, check=True).stdout
    with tarfile.open(fileobj=BytesIO(archive)) as packed:
        packed.extractall(folder, filter="data")
    seconds = int(_git(checkout, "show", "-s", "--format=%ct", commit))
    source = Source(tag.removeprefix("v"), commit, datetime.fromtimestamp(seconds, UTC), folder)
    named = re.search(r'^__version__ = "(.*)"', (folder / "service/packshot/__init__.py").read_text(), re.MULTILINE)
    if named is None or named.group(1) != source.version:
        raise UsageError(f"tag {tag} holds version {named.group(1) if named else 'none'}; tag what it names")
    return source


def _git(checkout: Path, *arguments: str, what: str = "") -> str:
    done = subprocess.run(["git", "-C", str(checkout), *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise UsageError(f"{checkout}: {what or done.stderr.strip()}; name a checkout and one of its tags")
    return done.stdout.strip()
