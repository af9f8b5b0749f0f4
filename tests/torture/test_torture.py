"""The torture loop itself, as ``./tools/torture`` runs it."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

CYCLES = 150 if os.environ.get("CI") else 26
ROUNDS = CYCLES // 26  # each aims at every crash point once
pytestmark = [
    pytest.mark.slow,
    pytest.mark.faults,
    pytest.mark.timeout(900),
    pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed (apt install strace)"),
]


def torture(folder: Path, cycles: int, *arguments: str) -> str:
    """What the loop says at its end; it fails if that is not that all is well."""
    command = [sys.executable, "-m", "tools.torturing", "--cycles", str(cycles), "--seed", "7", "-o", str(folder)]
    done = subprocess.run(
        [*command, *arguments], cwd=Path(__file__).parents[2], capture_output=True, text=True, timeout=850
    )
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 lost, 0 duplicate, 0 otherwise wrong" in done.stdout
    acknowledged = re.search(r"(\d+) acknowledged", done.stdout)
    assert acknowledged is not None
    assert int(acknowledged[1]) > cycles
    return done.stdout


def test_nothing_is_lost_and_nothing_twice(tmp_path: Path) -> None:
    said = torture(tmp_path, CYCLES, "--uploaders", "3")
    hit = {point for point, hits in re.findall(r"^(S\d+) .* (\d+)$", said, re.MULTILINE) if int(hits)}
    assert len(hit) >= (24 if ROUNDS > 2 else 15), f"only {sorted(hit)} were hit"


def test_nothing_is_lost_on_the_way_through_an_object_store_into_a_web_storefront(tmp_path: Path) -> None:
    torture(tmp_path, CYCLES // 3, "--uploaders", "2", "--target", "http", "--delivery", "url")
