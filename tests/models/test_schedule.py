"""Learning rate and picture size over a run."""

import pytest

from models.schedule import phases, rate_at, size_at
from packshot.errors import UsageError


def test_rate_rises_to_the_peak_and_falls_to_a_hundredth() -> None:
    assert rate_at(1.0, 0.0) == 0.01
    assert rate_at(1.0, 0.05) == pytest.approx(1.0)
    assert rate_at(1.0, 1.0) == pytest.approx(0.01)
    falling = [rate_at(1.0, 0.05 + n / 20) for n in range(20)]
    assert falling == sorted(falling, reverse=True)


def test_sizes_change_where_their_shares_end() -> None:
    plan = phases("192:.5,256:.3,320:.2", 64)
    assert [size_at(plan, p) for p in (0.0, 0.49, 0.51, 0.79, 0.81, 1.0)] == [192, 192, 256, 256, 320, 320]


@pytest.mark.parametrize("text", ["192", "192:x", "200:1", "192:.5,256:.3", ""])
def test_fail__sizes_that_do_not_fit(text: str) -> None:
    with pytest.raises(UsageError, match="--sizes"):
        phases(text, 64)
