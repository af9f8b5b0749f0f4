"""The grid on which the timer beats."""

import pytest

from packshot.errors import ConfigError
from packshot.trigger.timer import TimerTrigger, _next_beat


@pytest.mark.parametrize(
    ("last", "elapsed_s", "beat"),
    [(0, 0.0, 1), (1, 10.0, 2), (1, 9.999, 2), (1, 13.0, 2), (1, 47.0, 5)],
    ids=["start", "on time", "woken early", "late", "beats were missed"],
)
def test_the_next_beat_lies_on_the_grid(last: int, elapsed_s: float, beat: int) -> None:
    assert _next_beat(last, elapsed_s, 10.0) == beat


@pytest.mark.parametrize("interval_s", [0.0, -1.0, float("nan")])
def test_an_interval_must_be_positive(interval_s: float) -> None:
    with pytest.raises(ConfigError, match="interval_s"):
        TimerTrigger(interval_s)
