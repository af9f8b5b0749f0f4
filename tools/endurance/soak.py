"""Many captures through the real daemon and uploader, one after the other, and what their memory does meanwhile."""

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from packshot.platform.resources import package_path
from packshot.platform.table import table
from tests.support.appliance import Appliance
from tools.endurance.shop import Till, open_shop

WARM_UP = 0.5  # of all captures: until then caches and heaps fill, in steps
SAMPLES = 50
ALLOWED_MB = 8.0
"""Growth from the warm-up to the end that is no leak: the allocator's and the index's own breathing."""
PROCESSES = ("run", "uploader")


def main() -> int:
    """0 when memory stayed, 1 when it grew."""
    args = parse_arguments()
    with (
        tempfile.TemporaryDirectory(prefix="packshot-soak-") as folder,
        open_shop(Path(folder), args.photos) as (box, till),
    ):
        rows = soak(box, till, args.captures)
    grown = {process: growth(rows, process) for process in PROCESSES}
    print(
        table(["captures", "daemon MB", "uploader MB", "s each"], [[f"{value:.1f}" for value in row] for row in rows])
    )
    for process, mb in grown.items():
        print(f"{process}: {mb:+.1f} MB from capture {rows[0][0]:.0f} on, allowed {ALLOWED_MB:.0f}")
    return int(max(grown.values()) > ALLOWED_MB)


def parse_arguments() -> argparse.Namespace:
    """The photos are taken in turn."""
    parser = argparse.ArgumentParser(prog="tools/soak", description=__doc__)
    parser.add_argument("--captures", type=int, default=1000)
    parser.add_argument("--photos", type=Path, default=package_path("samples"), help="folder; default: the samples")
    return parser.parse_args()


def soak(box: Appliance, till: Till, captures: int) -> list[tuple[float, ...]]:
    """Order them all; rows of captures so far, resident MB of daemon and uploader, seconds of a capture (median)."""
    rows, took = list[tuple[float, ...]](), list[float]()
    every = max(1, captures // SAMPLES)
    for number in range(1, captures + 1):
        took.append(till.order().ended_s)
        if number % every == 0 and number >= captures * WARM_UP:
            rows.append((number, *(resident_mb(box.pid(name)) for name in PROCESSES), statistics.median(took)))
            took.clear()
            print(f"\r{number} captures, daemon {rows[-1][1]:.0f} MB", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return rows


def growth(rows: list[tuple[float, ...]], process: str) -> float:
    """MB along the straight line that fits the samples best, from the first to the last: one peak is no leak."""
    captures, memory = np.array([row[0] for row in rows]), np.array([row[1 + PROCESSES.index(process)] for row in rows])
    if len(rows) < 2:
        return 0.0
    slope = float(np.polyfit(captures, memory, 1)[0])
    return slope * float(captures[-1] - captures[0])


def resident_mb(pid: int) -> float:
    """VmRSS of a process and of its children."""
    pids = [pid, *map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())]
    return sum(_rss_kb(one) for one in pids) / 1024


def _rss_kb(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    return 0


if __name__ == "__main__":
    began = time.monotonic()
    code = main()
    print(f"{time.monotonic() - began:.0f} s in all")
    sys.exit(code)
