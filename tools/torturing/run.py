"""The loop: rounds over all crash points in a seeded order, checkpoints in between, a verdict at the end."""

import argparse
import random
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from math import inf
from pathlib import Path

from packshot.platform.table import table
from tools.torturing.calls import NobodyThere
from tools.torturing.faults import Torturer
from tools.torturing.house import DAEMON, House, Plan, remove
from tools.torturing.judge import Judgement, judge, under_way
from tools.torturing.points import POINTS

QUIET_S = 180.0
COPIES_S = 70.0  # the box looks for copies to remove once a minute
CHECK_EVERY = 100
FEWEST = 6  # points with the fewest hits so far are aimed at twice in a round
TERM_EVERY = 13
BOTH_EVERY = 11
MISHAP_EVERY = 3


@dataclass
class Tally:
    """What has been done so far."""

    cycles: int = 0
    aimed: Counter[str] = field(default_factory=Counter)
    hits: Counter[str] = field(default_factory=Counter)


def run(arguments: list[str]) -> int:
    """Parse, torture, report; 0 only if nothing was lost, twice or wrong."""
    args = _parse(arguments)
    folder = args.output or Path(tempfile.mkdtemp(prefix="torture-", dir=_memory()))
    folder.mkdir(parents=True, exist_ok=True)
    plan = Plan(args.uploaders, args.target, args.delivery)
    print(f"seed {args.seed}, {args.cycles} cycles, {plan}, folder {folder}", flush=True)
    tally, began = Tally(), time.monotonic()
    with House(folder / "house", plan, random.Random(args.seed)) as house:
        torturer = Torturer(house)
        try:
            result = _torture(torturer, tally, args.cycles, began + args.minutes * 60)
        except BaseException:
            print(f"ended in cycle {tally.cycles}; seed {args.seed}, folder {folder}", flush=True)
            raise
        _report(result, tally, house, time.monotonic() - began)
    if result.clean and args.output is None:
        remove(folder)
    else:
        print(f"seed {args.seed}; all logs are in {folder}")
    return 0 if result.clean else 1


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="torture", description=__doc__)
    parser.add_argument("--cycles", type=int, default=150, help="orders with at most one fault each")
    parser.add_argument("--minutes", type=float, default=inf, help="end after so long, with fewer cycles")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--uploaders", type=int, default=2)
    parser.add_argument("--target", choices=["folder", "http"], default="folder", help="what kind of storefront")
    parser.add_argument("--delivery", choices=["mqtt", "url"], default="mqtt", help="the way of the bytes")
    parser.add_argument("-o", "--output", type=Path, help="folder for everything; kept in any case")
    return parser.parse_args(arguments)


def _memory() -> Path | None:
    """Memory is the fastest disk, and kill -9 does not know the difference."""
    shared = Path("/dev/shm")
    return shared if shared.is_dir() else None


def _torture(torturer: Torturer, tally: Tally, cycles: int, end_at: float) -> Judgement:
    torturer.rehearse()
    result = Judgement()
    for point in _schedule(torturer.house.chance, cycles, tally.hits):
        _cycle(torturer, tally, point)
        last = tally.cycles == cycles or time.monotonic() > end_at
        if tally.cycles % CHECK_EVERY == 0 or last:
            result = checkpoint(torturer)
            if last or not result.clean:
                break
    return result


def _cycle(torturer: Torturer, tally: Tally, point: str) -> None:
    """Orders, at most one fault aimed at this point, and everything up again; a line in the diary."""
    began = time.monotonic()
    tally.cycles += 1
    tally.aimed[point] += 1
    try:
        hits = torturer.hit(point)
    except NobodyThere:
        hits = []
    tally.hits.update(hits)
    _now_and_then(torturer, tally.cycles)
    torturer.house.mend()
    torturer.house.till.repeat_unanswered()
    with (torturer.house.logs / "cycles.log").open("a") as diary:
        diary.write(f"{tally.cycles:5} {point:4} {' '.join(hits) or '-':9} {time.monotonic() - began:5.1f} s\n")


def _schedule(chance: random.Random, cycles: int, hits: Counter[str]) -> Iterator[str]:
    """Every point once per round, the hard ones twice, each round in another order."""
    points: list[str] = []
    for _ in range(cycles):
        if not points:
            hard = sorted(POINTS, key=lambda point: hits[point])[:FEWEST] if hits else []
            points = [*POINTS, *hard]
            chance.shuffle(points)
        yield points.pop()


def _now_and_then(torturer: Torturer, cycle: int) -> None:
    """What needs no aim: a clean restart, and the power of both ends gone at once."""
    house = torturer.house
    if cycle % MISHAP_EVERY == 0:
        for server in house.web:
            server.mishap(house.chance)
    if cycle % BOTH_EVERY == 0:
        house.till.order(2)
        time.sleep(house.chance.uniform(0, 0.3))
        house.kill(DAEMON, house.chance.choice(house.uploaders))
    elif cycle % TERM_EVERY == 0:
        name = house.chance.choice(house.names)
        house.till.order()
        if house.alive(name):
            house.stop(name)


def checkpoint(torturer: Torturer) -> Judgement:
    """What has become of everything: no more faults, wait until all is quiet, judge, and let the spool check itself."""
    house = torturer.house
    for server in house.web:
        server.answers.clear()
    _wait_quiet(torturer)
    if house.plan.delivery == "url":
        house.till.wait(lambda: not house.blobs.objects, COPIES_S)
    house.stop(DAEMON)
    result = judge(house.till.orders.values(), house.shop, house.spool)
    result.wrong += result.without_cause(house.flipped) + _spool_findings(house) + house.web_shop.problems()
    result.wrong += [f"{key} was left in the object store" for key in house.blobs.objects]
    if house.till.unanswered:
        result.wrong.append(f"{house.till.unanswered} orders were never acknowledged")
    house.mend()
    return result


def _spool_findings(house: House) -> list[str]:
    """What ``packshot spool check`` finds, apart from the bits that were turned; ``--fix`` has to mend all of it."""
    _, words = house.call("spool", "check")
    findings = [line for line in words.splitlines() if line.startswith(("captures/", "index"))]
    unexpected = [line for line in findings if not any(capture in line for capture in house.flipped)]
    house.call("spool", "check", "--fix")
    code, words = house.call("spool", "check")
    return unexpected + ([f"left after packshot spool check --fix: {words.strip()}"] if code else [])


def _wait_quiet(torturer: Torturer) -> None:
    house = torturer.house
    give_up_at = time.monotonic() + QUIET_S
    while time.monotonic() < give_up_at:
        house.mend()
        house.till.repeat_unanswered()
        answered = house.till.wait(lambda: house.till.unanswered == 0, 1.0)
        # A second uploader may still be at a delivery that the box has its receipt for.
        if answered and under_way(house.spool) == 0 and not house.web_shop.unfinished():
            return
        time.sleep(0.2)


def _report(result: Judgement, tally: Tally, house: House, seconds: float) -> None:
    rows = [[point, text, str(tally.aimed[point]), str(tally.hits[point])] for point, text in POINTS.items()]
    print(table(["point", "what happens there", "aimed", "hit"], rows))
    lives = ", ".join(f"{name} {count}" for name, count in house.lives.items())
    print(f"\n{tally.cycles} cycles in {seconds:.0f} s; lives: {lives}")
    print(
        f"{result.acknowledged} acknowledged, {result.delivered} in the storefront"
        f" ({result.superseded} superseded), {len(result.visible)} held, refused, failed or empty"
    )
    for reason, count in sorted(result.reasons().items()):
        print(f"  {count} {reason}")
    print(f"{len(result.lost)} lost, {len(result.duplicate)} duplicate, {len(result.wrong)} otherwise wrong")
    for line in [*result.lost, *result.duplicate, *result.wrong][:50]:
        print(f"  {line}")
