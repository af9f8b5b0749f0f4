"""Every crash point S1 to S26 by its name: reached in a running appliance, and every acknowledged capture is there."""

import random
import shutil
from collections.abc import Iterator

import pytest

from tests.support.memory import memory_folder
from tools.torturing.faults import Torturer
from tools.torturing.house import House, Plan
from tools.torturing.points import POINTS
from tools.torturing.run import checkpoint

ATTEMPTS = 15  # a shot may hit the call before or after the one it was aimed at
ids = [f"{point} {text}" for point, text in POINTS.items()]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.faults,
    pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed (apt install strace)"),
]


@pytest.fixture(scope="module")
def torturer() -> Iterator[Torturer]:
    """One appliance for all points, as its owner has one."""
    with memory_folder() as folder, House(folder / "house", Plan(uploaders=2), random.Random(3)) as house:
        made = Torturer(house)
        made.rehearse()
        yield made


@pytest.mark.parametrize("point", POINTS, ids=ids)
def test_nothing_acknowledged_is_lost_or_twice_after(torturer: Torturer, point: str) -> None:
    before = len(torturer.house.till.orders)
    assert any(_hits(torturer, point) for _ in range(ATTEMPTS)), f"{point} was not reached"
    result = checkpoint(torturer)
    assert result.clean, [*result.lost, *result.duplicate, *result.wrong]
    assert result.acknowledged >= len(torturer.house.till.orders) > before


def _hits(torturer: Torturer, point: str) -> bool:
    hits = torturer.hit(point)
    torturer.house.mend()
    torturer.house.till.repeat_unanswered()
    return point in hits
