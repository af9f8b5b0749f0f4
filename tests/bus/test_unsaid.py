"""Notices that a broker does not take are left out, so that they cannot end the connection for ever."""

import pytest

from packshot.bus.unsaid import ENDINGS, QUIET_S, TOLD, Unsaid
from packshot.errors import BrokerError


class HandClock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def unsaid(clock: HandClock) -> Unsaid:
    return Unsaid(clock)


def end(unsaid: Unsaid, topic: str = "box/info", size: int = 2000, times: int = ENDINGS) -> None:
    for _ in range(times):
        unsaid.check(topic, size)
        unsaid.ended([(topic, size)])


def test_fail__among_the_largest_at_every_ending(unsaid: Unsaid) -> None:
    end(unsaid)
    with pytest.raises(BrokerError, match="box/info of 2000 bytes ended the connection 3 times in a row"):
        unsaid.check("box/info", 2000)
    assert str(unsaid) == "box/info left out: the broker does not take them; check its size limits and access list"


def test_ok__not_so_often(unsaid: Unsaid) -> None:
    end(unsaid, times=ENDINGS - 1)
    unsaid.check("box/info", 2000)
    assert str(unsaid) == ""


def test_ok__the_broker_took_it_in_between(unsaid: Unsaid) -> None:
    end(unsaid, times=ENDINGS - 1)
    unsaid.taken("box/info")
    end(unsaid, times=1)
    unsaid.check("box/info", 2000)


def test_ok__something_larger_was_under_way_in_between(unsaid: Unsaid) -> None:
    end(unsaid, times=ENDINGS - 1)
    unsaid.ended([])
    end(unsaid, times=1)
    unsaid.check("box/info", 2000)


def test_ok__smaller_than_what_ended_the_connection(unsaid: Unsaid) -> None:
    end(unsaid)
    unsaid.check("box/info", 1999)
    assert str(unsaid) == "", "and it is said again"


def test_ok__tried_again_after_an_hour(unsaid: Unsaid, clock: HandClock) -> None:
    end(unsaid)
    clock.now = QUIET_S
    unsaid.check("box/info", 2000)
    assert str(unsaid) == ""


def test_a_limit_that_the_broker_named_is_told_of_until_the_notice_fits(unsaid: Unsaid) -> None:
    unsaid.over_limit("box/info", 2000, 1500)
    assert "box/info left out" in str(unsaid)
    unsaid.check("box/info", 2000)  # asked only where the size is within the limit: another broker, another limit
    assert str(unsaid) == ""


def test_memory_does_not_grow_with_the_topics(unsaid: Unsaid) -> None:
    for number in range(100):
        end(unsaid, f"box/job/{number}")
    assert str(unsaid).count("box/job/") == TOLD
