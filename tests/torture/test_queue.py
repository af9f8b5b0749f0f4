"""The queue grows while nobody takes anything; the box's memory does not."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.memory import memory_folder
from tools.torturing.house import DAEMON, House, Plan
from tools.torturing.judge import judge, under_way

SHORT, LONG = 50, 500
AT_ONCE = 10
CUT_S = 120.0
DELIVERED_S = 200.0
GROWTH_KB = 6144  # SQLite caches 2 MB; a queue kept in memory would take 450 pictures of 30 KB

pytestmark = [pytest.mark.slow, pytest.mark.faults, pytest.mark.timeout(500)]


@pytest.fixture
def folder() -> Iterator[Path]:
    with memory_folder() as made:
        yield made


def order_until(house: House, captures: int) -> None:
    """Order until so many captures wait, all of them cut."""
    while len(house.till.orders) < captures:
        assert house.till.wait_answered(house.till.order(AT_ONCE), CUT_S)
    assert house.till.wait(
        lambda: all(order.stage in ("cut", "offered") for order in house.till.orders.values()), CUT_S
    )


def own_memory_kb(pid: int) -> int:
    """Anonymous resident memory: what the process itself has written, without files that it looks at."""
    (line,) = [line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("RssAnon:")]
    return int(line.split()[1])


def test_memory_at_a_queue_of_500_is_that_of_a_queue_of_50_and_all_arrive_afterwards(folder: Path) -> None:
    with House(folder / "house", Plan(uploaders=1), random.Random(1)) as house:
        (uploader,) = house.uploaders
        house.stop(uploader)
        figures = []
        for captures in (SHORT, LONG):
            order_until(house, captures)
            figures.append(own_memory_kb(house.pid(DAEMON)))
        print(f"RssAnon {figures[0]} kB with {SHORT} captures waiting, {figures[1]} kB with {LONG}")
        assert under_way(house.spool) == LONG
        house.start(uploader)
        assert house.till.wait_delivered(list(house.till.orders.values()), DELIVERED_S)
        house.stop(DAEMON)
        result = judge(house.till.orders.values(), house.shop, house.spool)
    assert result.clean, [*result.lost, *result.duplicate, *result.wrong]
    assert result.delivered == LONG
    assert figures[1] - figures[0] < GROWTH_KB
