"""Short, long and unfinished presses, and a line that is not there."""

import time

import pytest

from packshot.errors import ConfigError
from packshot.trigger.button import ButtonTrigger, Edge, Presses
from packshot.trigger.port import TriggerAction
from tests.fakes.gpio import FakeLine
from tests.fakes.trigger import Fired


def _actions(*edges: tuple[bool, float], then: float | None = None) -> list[TriggerAction]:
    presses = Presses(long_press_s=1.5)
    actions = [presses.edge(Edge(*edge)) for edge in edges]
    if then is not None:
        actions += [presses.held(then), presses.held(then + 0.1)]
    return [action for action in actions if action is not None]


def test_a_short_press_is_a_capture_when_it_ends() -> None:
    assert _actions((True, 10.0)) == []
    assert _actions((True, 10.0), (False, 10.2)) == [TriggerAction.CAPTURE]


def test_a_long_press_is_a_plate_while_it_lasts_and_only_one() -> None:
    assert _actions((True, 10.0), then=11.4) == [TriggerAction.PLATE]
    assert _actions((True, 10.0), then=11.5) == [TriggerAction.PLATE]
    assert _actions((True, 10.0), then=10.5) == []


def test_letting_go_after_a_long_press_is_nothing_more() -> None:
    presses = Presses(1.5)
    presses.edge(Edge(True, 10.0))
    assert presses.held(12.0) is TriggerAction.PLATE
    assert presses.edge(Edge(False, 12.5)) is None


def test_a_long_press_that_was_noticed_late_is_still_a_plate() -> None:
    assert _actions((True, 10.0), (False, 13.0)) == [TriggerAction.PLATE]


def test_two_presses_are_two_captures() -> None:
    assert _actions((True, 1.0), (False, 1.1), (True, 1.2), (False, 1.3)) == [TriggerAction.CAPTURE] * 2


def test_a_button_that_was_down_at_the_start_does_nothing_when_it_is_let_go() -> None:
    assert _actions((False, 10.0)) == []


def test_a_button_that_is_held_fires_a_plate() -> None:
    line, fired = FakeLine(), Fired()
    trigger = ButtonTrigger("/dev/gpiochip0", 17, open_line=lambda: line)
    trigger.start(fired)
    line.hold(2.0)

    assert fired.next() == (TriggerAction.PLATE, "")
    trigger.close()
    assert line.released == 1


def test_a_line_that_goes_away_is_a_problem_and_is_let_go() -> None:
    line = FakeLine()
    trigger = ButtonTrigger("/dev/gpiochip0", 17, open_line=lambda: line)
    trigger.start(Fired())
    line.pull()
    deadline = time.monotonic() + 10
    while not trigger.problem and time.monotonic() < deadline:
        time.sleep(0.01)

    assert "/dev/gpiochip0 line 17 cannot be read" in trigger.problem
    assert line.released == 1
    trigger.close()


def test_a_missing_chip_or_package_is_a_state() -> None:
    trigger = ButtonTrigger("/dev/gpiochip-of-nobody", 3)
    trigger.start(Fired())
    deadline = time.monotonic() + 10
    while not trigger.problem and time.monotonic() < deadline:
        time.sleep(0.01)

    assert "cannot be read" in trigger.problem
    trigger.close()


@pytest.mark.parametrize(("line", "long_press_s"), [(-1, 1.5), (3, 0.0)])
def test_impossible_settings(line: int, long_press_s: float) -> None:
    with pytest.raises(ConfigError):
        ButtonTrigger("/dev/gpiochip0", line, long_press_s=long_press_s)
