"""One thread beside the caller's own, for work that two cores do in half the time."""

from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TypeVar

T = TypeVar("T")


class Beside:
    """Work for a second thread, in the order in which it was given; without one all is done where it is asked for."""

    def __init__(self, name: str, *, on: bool = True) -> None:
        self._pool = ThreadPoolExecutor(1, name) if on else None

    @property
    def on(self) -> bool:
        """Whether there is a second thread."""
        return self._pool is not None

    def close(self) -> None:
        """End the thread after the work that it has."""
        if self._pool:
            self._pool.shutdown()

    def start(self, work: Callable[[], T]) -> Callable[[], T]:
        """Begin; the call that is returned waits for the result, or raises what the work raised.

        It does the work itself where the other thread has not come to it yet.
        """
        if self._pool is None:
            done = work()
            return lambda: done
        later = self._pool.submit(work)

        def result() -> T:
            return work() if later.cancel() else later.result()

        return cache(result)

    def share(self, work: Callable[[slice], None], parts: Iterable[slice]) -> Iterable[None]:
        """Do every part here, and also there as soon as that thread is free; returns when all are done."""
        waiting = deque(parts)

        def take() -> None:
            while waiting:
                try:
                    part = waiting.popleft()
                except IndexError:  # the other thread took the last one
                    return
                work(part)

        later = self._pool.submit(take) if self._pool else None
        try:
            take()
        finally:
            if later and not later.cancel():
                later.result()
        return ()
