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


def test_nothing_is_lost_and_nothing_twice(tmp_path: Path) -> None:
    arguments = ["--cycles", str(CYCLES), "--seed", "7", "--uploaders", "3", "-o", str(tmp_path)]
    done = subprocess.run(
        [sys.executable, "-m", "tools.torturing", *arguments],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=850,
    )
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 lost, 0 duplicate, 0 otherwise wrong" in done.stdout
    acknowledged = re.search(r"(\d+) acknowledged", done.stdout)
    assert acknowledged is not None
    assert int(acknowledged[1]) > CYCLES
    hit = {point for point, hits in re.findall(r"^(S\d+) .* (\d+)$", done.stdout, re.MULTILINE) if int(hits)}
    assert len(hit) >= (24 if ROUNDS > 2 else 15), f"only {sorted(hit)} were hit"
