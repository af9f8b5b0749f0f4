"""How much one caller may ask."""

from packshot.kiosk.limits import Buckets, Tries


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_burst_passes_and_then_the_rate_holds() -> None:
    clock = Clock()
    buckets = Buckets(per_s=2, burst=3, now=clock)
    assert [buckets.take("a") for _ in range(3)] == [0, 0, 0]
    wait_s = buckets.take("a")
    assert 0 < wait_s <= 0.5
    clock.now += wait_s
    assert buckets.take("a") == 0
    assert buckets.take("a") > 0


def test_one_caller_does_not_cost_another() -> None:
    buckets = Buckets(per_s=1, burst=1, now=Clock())
    assert buckets.take("a") == 0
    assert buckets.take("a") > 0
    assert buckets.take("b") == 0


def test_an_unlucky_caller_may_try_again_after_the_window() -> None:
    clock = Clock()
    tries = Tries(each=3, together=10, window_s=60, now=clock)
    for _ in range(3):
        assert tries.wait_s("a") == 0
        tries.failed("a")
    assert tries.wait_s("a") == 60
    assert tries.wait_s("b") == 0
    clock.now += 60
    assert tries.wait_s("a") == 0


def test_many_callers_together_are_slowed_too() -> None:
    tries = Tries(each=3, together=4, window_s=60, now=Clock())
    for number in range(4):
        tries.failed(f"caller {number}")
    assert tries.wait_s("somebody new") == 60
