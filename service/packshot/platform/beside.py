"""Threads beside the caller's own, for work that several cores do in a part of the time."""

from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from functools import cache
from threading import Condition
from typing import TypeVar

S = TypeVar("S")
T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class _Offer:
    """Work for whoever waits; it is begun at most once."""

    work: Callable[[], None]
    done: Future[None] = field(default_factory=Future)

    def take(self) -> None:
        """Do it, unless it was taken back."""
        if not self.done.set_running_or_notify_cancel():
            return
        try:
            self.work()
        except BaseException as error:  # noqa: BLE001 - it is raised where the result is waited for
            self.done.set_exception(error)
        else:
            self.done.set_result(None)


class Beside:
    """Work for ``helpers`` more threads, in the order in which it was given; without any all is done where it is asked.

    Who waits for a result helps meanwhile with what is shared. The threads begin with the first work and stay until
    ``close``, or until nobody holds this any more.
    """

    def __init__(self, name: str, helpers: int = 1) -> None:
        self._helpers = max(0, helpers)
        self._offers: deque[_Offer] = deque()
        self._news = Condition()
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
            if later.cancel():
                return work()
            self._help_until(later)
            return later.result()

        return cache(result)

    def share(self, work: Callable[[S], None], parts: Iterable[S]) -> Iterable[None]:
        """Do every part here, and also where a thread is free or waits; returns when all are done."""
        waiting = deque(parts)

        def take() -> None:
            while waiting:
                try:
                    part = waiting.popleft()
                except IndexError:  # another thread took the last one
                    return
                work(part)

        helping: list[Future[None]] = []
        offer = _Offer(take)
        if self._pool and len(waiting) > 1:
            helping = [self._pool.submit(take) for _ in range(min(self._helpers, len(waiting) - 1))]
            helping.append(self._offered(offer))
        try:
            take()
        finally:
            begun = [later for later in helping if not later.cancel()]
            wait(begun)
            self._withdraw(offer)
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

    def _offered(self, offer: _Offer) -> Future[None]:
        with self._news:
            self._offers.append(offer)
            self._news.notify()
        return offer.done

    def _withdraw(self, offer: _Offer) -> None:
        with self._news:
            if offer in self._offers:
                self._offers.remove(offer)

    def _help_until(self, later: Future[T]) -> None:
        """Wait for a result, and take what is offered until then."""
        later.add_done_callback(self._tell)
        while True:
            with self._news:
                self._news.wait_for(lambda: later.done() or self._offers)
                if later.done():
                    return
                offer = self._offers.popleft()
            offer.take()

    def _tell(self, _later: Future[T]) -> None:
        with self._news:
            self._news.notify_all()


ALONE = Beside("alone", helpers=0)
