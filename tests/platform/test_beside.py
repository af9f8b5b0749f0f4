"""Work on more threads than one: all of it done, in order, errors where they are waited for."""

import threading

import pytest

from packshot.platform.beside import Beside

PARTS = [slice(n, n + 1) for n in range(50)]


@pytest.mark.parametrize("helpers", [-1, 0, 1, 3, 60])
def test_every_part_is_done_once(helpers: int) -> None:
    beside, done = Beside("test", helpers), [0] * len(PARTS)

    def mark(part: slice) -> None:
        done[part.start] += 1

    beside.share(mark, PARTS)
    beside.close()

    assert done == [1] * len(PARTS)


@pytest.mark.parametrize("helpers", [1, 3])
def test_parts_are_shared_between_all_threads(helpers: int) -> None:
    beside, seen, all_of_them = Beside("test", helpers), set(), threading.Barrier(helpers + 1, timeout=20)

    def meet(_part: slice) -> None:
        seen.add(threading.current_thread().name)
        all_of_them.wait()

    beside.share(meet, PARTS[: helpers + 1])
    beside.close()

    assert len(seen) == beside.threads == helpers + 1


def test_parts_are_all_done_here_while_the_other_thread_is_busy() -> None:
    beside, free = Beside("test"), threading.Event()
    busy = beside.start(free.wait)
    done: list[int] = []

    beside.share(lambda part: done.append(part.start), PARTS)

    assert done == list(range(len(PARTS)))
    free.set()
    assert busy()
    beside.close()


@pytest.mark.parametrize("helpers", [0, 1, 3])
def test_results_come_in_the_order_of_the_items(helpers: int) -> None:
    beside = Beside("test", helpers)

    squares = beside.each(lambda number: number * number, range(40))

    assert squares == [number * number for number in range(40)]
    assert beside.each(str, []) == []
    beside.close()


def test_what_another_thread_raises_comes_here_once_all_is_done() -> None:
    beside, both, here = Beside("test"), threading.Barrier(2, timeout=20), threading.get_ident()

    def work(_part: slice) -> None:
        both.wait()
        if threading.get_ident() != here:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        beside.share(work, PARTS[:2])
    beside.close()


@pytest.mark.parametrize("helpers", [0, 1])
def test_what_work_raises_comes_to_who_asked_for_it(helpers: int) -> None:
    beside = Beside("test", helpers)

    with pytest.raises(ZeroDivisionError):
        beside.start(lambda: 1 / 0)()
    with pytest.raises(ZeroDivisionError):
        beside.share(lambda _part: 1 // 0, PARTS)
    beside.close()


def test_work_that_the_other_thread_has_not_come_to_is_done_here_and_once() -> None:
    beside, free = Beside("test"), threading.Event()
    busy = beside.start(free.wait)
    done: list[str] = []
    name = beside.start(lambda: done.append(threading.current_thread().name))

    name()
    name()

    free.set()
    assert busy()
    beside.close()
    assert done == [threading.current_thread().name]


def test_what_was_begun_is_done_when_the_thread_is_ended() -> None:
    beside = Beside("test")
    later = beside.start(lambda: 5)

    beside.close()

    assert later() == 5
