"""A lock with hashes, as ``uv pip compile --generate-hashes`` writes it, and what of it one platform needs."""

import re
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from packshot.errors import UsageError
from tools.releasing.platforms import Platform

MEND = "write the lock anew with deploy/locks/write"
HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")


@dataclass(frozen=True)
class Pin:
    """One locked distribution; ``hashes`` are sha256 of every file of that version."""

    name: str
    version: str
    hashes: tuple[str, ...]

    def line(self, hashes: tuple[str, ...] | None = None) -> str:
        """A line for pip's ``--require-hashes``."""
        return " ".join([f"{self.name}=={self.version}", *(f"--hash=sha256:{one}" for one in hashes or self.hashes)])


def pins(lock: Path, platform: Platform) -> list[Pin]:
    """The pins whose markers hold there. UsageError where a line is not pinned or has no hash."""
    text = lock.read_text("utf-8").replace("\\\n", " ")
    found = []
    for line in text.splitlines():
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        pin = _pin(line, platform, lock)
        if pin is not None:
            found.append(pin)
    return found


def _pin(line: str, platform: Platform, lock: Path) -> Pin | None:
    text = line.partition(" --hash")[0]
    try:
        requirement = Requirement(text)
    except InvalidRequirement as error:
        raise UsageError(
            f"{lock}: {text.strip()!r} is no requirement; write the lock with deploy/locks/write"
        ) from error
    hashes, specifiers = HASH.findall(line), list(requirement.specifier)
    if not hashes or len(specifiers) != 1 or specifiers[0].operator != "==":
        raise UsageError(
            f"{lock}: {requirement.name} is not pinned with a hash; write the lock with deploy/locks/write"
        )
    if requirement.marker is not None and not requirement.marker.evaluate(dict(platform.markers)):
        return None
    return Pin(canonicalize_name(requirement.name), specifiers[0].version, tuple(hashes))
