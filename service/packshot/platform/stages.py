"""How long each stage of a piece of work took, on whichever thread it ran."""

from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter


class StageClock:
    """Milliseconds of each stage, and of all of them together as the wall saw it.

    Stages may run on threads side by side; one stage runs on one thread at a time.
    """

    def __init__(self) -> None:
        self._began = perf_counter()
        self._seconds: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Count the block towards a stage."""
        began = perf_counter()
        yield
        self._seconds[name] = self._seconds.get(name, 0.0) + perf_counter() - began

    def stop(self) -> None:
        """Set the stage "total" to what has passed."""
        self._seconds["total"] = perf_counter() - self._began

    def stages(self) -> dict[str, float]:
        """Milliseconds by stage so far."""
        return {name: round(value * 1000, 2) for name, value in self._seconds.items()}
