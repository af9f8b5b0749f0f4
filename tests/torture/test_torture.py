"""The torture loop itself, as ``./tools/torture`` runs it."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support.memory import memory_folder

CYCLES = 150 if os.environ.get("CI") else 26
ROUNDS = CYCLES // 26  # each aims at every crash point once
pytestmark = [
    pytest.mark.slow,
    pytest.mark.faults,
    pytest.mark.timeout(900),
    pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed (apt install strace)"),
]


RUNS = {
    "folder": ["--cycles", str(CYCLES), "--uploaders", "3"],
    "web": ["--cycles", str(CYCLES // 3), "--uploaders", "2", "--target", "http", "--delivery", "url"],
}


@pytest.fixture(scope="module")
def runs() -> Iterator[dict[str, subprocess.Popen[str]]]:
    """Both at once: they wait more than they work."""
    with memory_folder() as folder, ExitStack() as stack:
        started = {}
        for name, arguments in RUNS.items():
            command = [sys.executable, "-m", "tools.torturing", "--seed", "7", *arguments]
            started[name] = stack.enter_context(
                subprocess.Popen(
                    [*command, "-o", str(folder / name)],
                    cwd=Path(__file__).parents[2],
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    text=True,
                )
            )
            stack.callback(started[name].terminate)
        yield started


def outcome(run: subprocess.Popen[str], cycles: int) -> str:
    """What the loop says at its end; it fails if that is not that all is well."""
    said, complaints = run.communicate(timeout=850)
    print(said)
    assert run.returncode == 0, said + complaints
    assert "0 lost, 0 duplicate, 0 otherwise wrong" in said
    acknowledged = re.search(r"(\d+) acknowledged", said)
    assert acknowledged is not None
    assert int(acknowledged[1]) > cycles
    return said


def test_nothing_is_lost_and_nothing_twice(runs: dict[str, subprocess.Popen[str]]) -> None:
    said = outcome(runs["folder"], CYCLES)
    hit = {point for point, hits in re.findall(r"^(S\d+) .* (\d+)$", said, re.MULTILINE) if int(hits)}
    assert len(hit) >= (24 if ROUNDS > 2 else 15), f"only {sorted(hit)} were hit"


def test_nothing_is_lost_on_the_way_through_an_object_store_into_a_web_storefront(
    runs: dict[str, subprocess.Popen[str]],
) -> None:
    outcome(runs["web"], CYCLES // 3)
