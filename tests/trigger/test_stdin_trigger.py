"""Lines of all kinds on standard input."""

import os
import time
from collections.abc import Iterator

import pytest

from packshot.trigger.port import TriggerAction
from packshot.trigger.stdin import StdinTrigger
from tests.fakes.trigger import Fired


class Line:
    """A trigger on a pipe and what it fired."""

    def __init__(self) -> None:
        self.fired = Fired()
        self.reading, self.writing = os.pipe()
        self.trigger = StdinTrigger(self.reading)
        self.trigger.start(self.fired)

    def write(self, data: bytes) -> None:
        os.write(self.writing, data)

    def hang_up(self) -> None:
        os.close(self.writing)
        self.writing = -1

    def problem(self) -> str:
        deadline = time.monotonic() + 10
        while not self.trigger.problem and time.monotonic() < deadline:
            time.sleep(0.01)
        return self.trigger.problem


@pytest.fixture
def line() -> Iterator[Line]:
    line = Line()
    yield line
    line.trigger.close()
    for descriptor in (line.reading, line.writing):
        if descriptor >= 0:
            os.close(descriptor)


def test_a_line_is_a_sku(line: Line) -> None:
    line.write("A-1\n  Becher grün \r\n".encode())

    assert line.fired.next() == (TriggerAction.CAPTURE, "A-1")
    assert line.fired.next() == (TriggerAction.CAPTURE, "Becher grün")


def test_a_line_may_come_in_pieces(line: Line) -> None:
    for piece in (b"A", b"-", b"1", b"\nB-2\n"):
        line.write(piece)
        time.sleep(0.02)

    assert line.fired.next() == (TriggerAction.CAPTURE, "A-1")
    assert line.fired.next() == (TriggerAction.CAPTURE, "B-2")


def test_plate(line: Line) -> None:
    line.write(b"!plate\n")

    assert line.fired.next() == (TriggerAction.PLATE, "")


@pytest.mark.parametrize("bad", [b"a/b\n", b"\xff\x00\n", b"x" * 70 + b"\n", b"../../etc\n"])
def test_a_line_that_is_no_sku_is_a_problem_until_a_good_one_comes(line: Line, bad: bytes) -> None:
    line.write(bad)
    assert "SKU" in line.problem()

    line.write(b"good\n")
    assert line.fired.next() == (TriggerAction.CAPTURE, "good")
    assert line.trigger.problem == ""


def test_an_endless_line_takes_no_memory(line: Line) -> None:
    for _ in range(50):
        line.write(b"x" * 4096)
    line.write(b"\nA-1\n")

    assert line.fired.next() == (TriggerAction.CAPTURE, "A-1")


def test_the_end_of_the_input_is_said(line: Line) -> None:
    line.hang_up()

    assert "has ended" in line.problem()


def test_the_last_line_need_not_be_ended(line: Line) -> None:
    line.write(b"A-1\nB-2")
    line.hang_up()

    assert line.fired.next() == (TriggerAction.CAPTURE, "A-1")
    assert line.fired.next() == (TriggerAction.CAPTURE, "B-2")
    assert "has ended" in line.problem()
