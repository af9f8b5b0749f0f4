"""Threads beside the caller's own, for work that several cores do in a part of the time."""

from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from functools import cache
from typing import TypeVar

S = TypeVar("S")
T = TypeVar("T")


class Beside:
    """Work for ``helpers`` more threads, in the order in which it was given; without any all is done where it is asked.

    The threads begin with the first work and stay until ``close``, or until nobody holds this any more.
    """

    def __init__(self, name: str, helpers: int = 1) -> None:
        self._helpers = max(0, helpers)
        self._pool = ThreadPoolExecutor(self._helpers, name) if self._helpers else None

    @property
    def on(self) -> bool:
        """Whether there is another thread."""
        return self._pool is not None

    @property
    def threads(self) -> int:
        """How many there are with the caller's."""
        return self._helpers + 1

    def close(self) -> None:
        """End the threads after the work that they have."""
        if self._pool:
            self._pool.shutdown()

    def start(self, work: Callable[[], T]) -> Callable[[], T]:
        """Begin; the call that is returned waits for the result, or raises what the work raised.

        It does the work itself where no other thread has come to it yet.
        """
        if self._pool is None:
            done = work()
            return lambda: done
        later = self._pool.submit(work)

        def result() -> T:
            return work() if later.cancel() else later.result()

        return cache(result)

    def share(self, work: Callable[[S], None], parts: Iterable[S]) -> Iterable[None]:
        """Do every part here, and also there as soon as a thread is free; returns when all are done."""
        waiting = deque(parts)

        def take() -> None:
            while waiting:
                try:
                    part = waiting.popleft()
                except IndexError:  # another thread took the last one
                    return
                work(part)

        helping: list[Future[None]] = []
        if self._pool:
            helping = [self._pool.submit(take) for _ in range(min(self._helpers, len(waiting) - 1))]
        try:
            take()
        finally:
            begun = [later for later in helping if not later.cancel()]
            wait(begun)
        for later in begun:
            later.result()
        return ()

    def each(self, work: Callable[[S], T], items: Iterable[S]) -> list[T]:
        """The results of the work on every item, in their order, shared like ``share``."""
        todo = list(items)
        done: dict[int, T] = {}

        def do(number: int) -> None:
            done[number] = work(todo[number])

        self.share(do, range(len(todo)))
        return [done[number] for number in range(len(todo))]


ALONE = Beside("alone", helpers=0)
