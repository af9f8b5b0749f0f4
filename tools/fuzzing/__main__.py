"""Run fuzz targets for as long as asked; the smallest failing input is printed and the exit code is 1."""

import argparse
import sys
import time
import traceback
import warnings
from collections.abc import Callable

from hypothesis import HealthCheck, settings

from tools.fuzzing.targets import TARGETS

BATCH = 300


def fuzz(target: Callable[[], None], seconds: float) -> int:
    """Run batches of examples until the time is up; returns how many were run. Raises what the target raises."""
    batch = settings(
        max_examples=BATCH,
        deadline=None,
        database=None,
        derandomize=False,
        suppress_health_check=list(HealthCheck),
    )(target)
    deadline, examples = time.monotonic() + seconds, 0
    while time.monotonic() < deadline:
        batch()
        examples += BATCH
    return examples


def main() -> int:
    """Parse, run, report."""
    parser = argparse.ArgumentParser(prog="tools/fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"default all: {', '.join(TARGETS)}")
    parser.add_argument("--seconds", type=float, default=60.0, help="for each target; default 60")
    args = parser.parse_args()
    unknown = set(args.targets) - set(TARGETS)
    if unknown:
        parser.error(f"no target {sorted(unknown)[0]!r}; known: {', '.join(TARGETS)}")
    warnings.simplefilter("ignore")  # Pillow warns of every damaged file it meets
    failed = 0
    for name in args.targets or TARGETS:
        failed += not _run(name, args.seconds)
    return 1 if failed else 0


def _run(name: str, seconds: float) -> bool:
    try:
        examples = fuzz(TARGETS[name], seconds)
    except Exception:
        traceback.print_exc()
        print(f"{name:14} FAILED", flush=True)
        return False
    print(f"{name:14} {examples} inputs in {seconds:.0f} s, nothing found", flush=True)
    return True


if __name__ == "__main__":
    sys.exit(main())
