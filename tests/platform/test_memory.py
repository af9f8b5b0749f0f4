"""Memory that was freed is there for the next picture, without new pages from the kernel."""

import subprocess
import sys

import pytest

SECOND_PICTURE = """
import resource, sys
from packshot.platform.memory import keep_freed_memory
kept = keep_freed_memory() if sys.argv[1] == "keep" else False
def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    picture = b"x" * 37_000_000
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
faults()
print(kept, faults())
"""


def second_picture(mode: str) -> tuple[str, int]:
    """What ``keep_freed_memory`` answered, and the page faults of the second of two pictures."""
    command = [sys.executable, "-c", SECOND_PICTURE, mode]
    kept, faults = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    return kept, int(faults)


def test_the_second_picture_costs_no_page_faults() -> None:
    kept, faults = second_picture("keep")
    if kept == "False":
        pytest.skip("another C library than glibc")

    assert faults < 200
    assert second_picture("plain")[1] > 4000
