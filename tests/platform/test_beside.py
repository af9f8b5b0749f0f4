"""Work on a second thread: all of it done, in order, errors where they are waited for."""

import threading

import pytest

from packshot.platform.beside import Beside

PARTS = [slice(n, n + 1) for n in range(50)]


@pytest.mark.parametrize("on", [True, False])
def test_every_part_is_done_once(on: bool) -> None:
    beside, done = Beside("test", on=on), [0] * len(PARTS)

    def mark(part: slice) -> None:
        done[part.start] += 1

    beside.share(mark, PARTS)
    beside.close()

    assert done == [1] * len(PARTS)


def test_parts_are_shared_between_both_threads() -> None:
    beside, seen, both = Beside("test"), set(), threading.Barrier(2, timeout=20)

    def meet(_part: slice) -> None:
        seen.add(threading.current_thread().name)
        both.wait()

    beside.share(meet, PARTS[:2])
    beside.close()

    assert len(seen) == 2


def test_parts_are_all_done_here_while_the_other_thread_is_busy() -> None:
    beside, free = Beside("test"), threading.Event()
    busy = beside.start(free.wait)
    done: list[int] = []

    beside.share(lambda part: done.append(part.start), PARTS)

    assert done == list(range(len(PARTS)))
    free.set()
    assert busy()
    beside.close()


@pytest.mark.parametrize("on", [True, False])
def test_what_work_raises_comes_to_who_asked_for_it(on: bool) -> None:
    beside = Beside("test", on=on)

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
