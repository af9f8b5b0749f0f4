"""Run fuzz targets for as long as asked; the smallest failing input is printed and the exit code is 1."""

import argparse
import os
import signal
import sys
import time
import traceback
import warnings
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from threading import Event

from hypothesis import HealthCheck, settings

from tools.fuzzing.targets import TARGETS

BATCH = 300


def fuzz(target: Callable[[], None], seconds: float, stop: Event | None = None) -> int:
    """Run batches of examples for so much time of a processor, or until ``stop``; returns how many examples that were.

    Raises what the target raises.
    """
    batch = settings(
        max_examples=BATCH,
        deadline=None,
        database=None,
        derandomize=False,
        suppress_health_check=list(HealthCheck),
    )(target)
    deadline, examples = time.process_time() + seconds, 0
    while examples == 0 or (time.process_time() < deadline and not (stop and stop.is_set())):
        batch()
        examples += BATCH
    return examples


def main() -> int:
    """Parse, run, report."""
    parser = argparse.ArgumentParser(prog="tools/fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"default all: {', '.join(TARGETS)}")
    parser.add_argument("--seconds", type=float, default=60.0, help="of processor time for each target; default 60")
    parser.add_argument("--behind", action="store_true", help="let all other processes go first")
    args = parser.parse_args()
    unknown = set(args.targets) - set(TARGETS)
    if unknown:
        parser.error(f"no target {sorted(unknown)[0]!r}; known: {', '.join(TARGETS)}")
    warnings.simplefilter("ignore")  # Pillow warns of every damaged file it meets
    if args.behind:
        _stand_back()
    stop = Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())  # enough: report what was found so far
    failed = 0
    for name in args.targets or TARGETS:
        failed += not _run(name, args.seconds, stop)
    return 1 if failed else 0


def _stand_back() -> None:
    """Give way to everybody, also where the kernel shares processors among sessions first."""
    os.nice(19)
    with suppress(OSError):
        Path("/proc/self/autogroup").write_text("19")


def _run(name: str, seconds: float, stop: Event) -> bool:
    began = time.process_time()
    try:
        examples = fuzz(TARGETS[name], seconds, stop)
    except Exception:
        traceback.print_exc()
        print(f"{name:14} FAILED", flush=True)
        return False
    print(f"{name:14} {examples} inputs in {time.process_time() - began:.0f} s, nothing found", flush=True)
    return True


if __name__ == "__main__":
    sys.exit(main())
