"""A clock that a test sets by hand."""

DAY_MS = 24 * 3600 * 1000


class HandClock:
    """Stands still until told; implements ``packshot.platform.clock.Clock``."""

    def __init__(self, now_ms: int = 1_790_000_000_000, in_step: bool = True) -> None:
        self.ms = now_ms
        self.in_step = in_step

    def now_ms(self) -> int:
        """What the test has set."""
        return self.ms

    def synchronised(self) -> bool:
        """What the test has set."""
        return self.in_step

    def monotonic_ms(self) -> int:
        """The same number; tests that set the clock back must not use it."""
        return self.ms

    def pass_days(self, days: float) -> None:
        """Let time go by."""
        self.ms += round(days * DAY_MS)
