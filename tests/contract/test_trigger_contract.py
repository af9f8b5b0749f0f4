"""What every trigger must do: those that can be set off here, and the fake that stands for them."""

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

import pytest

from packshot.trigger.absent import AbsentTrigger
from packshot.trigger.button import ButtonTrigger
from packshot.trigger.port import Trigger, TriggerAction
from packshot.trigger.scanned import ScannedSku
from packshot.trigger.stdin import StdinTrigger
from packshot.trigger.timer import TimerTrigger
from tests.fakes.gpio import FakeLine
from tests.fakes.trigger import FakeTrigger, Fired


@dataclass
class Rig:
    """A trigger and what sets it off once."""

    trigger: Trigger
    set_off: Callable[[], None]


@contextmanager
def _fake() -> Iterator[Rig]:
    trigger = FakeTrigger()
    yield Rig(trigger, trigger.press)


@contextmanager
def _timer() -> Iterator[Rig]:
    yield Rig(TimerTrigger(0.02), lambda: None)


@contextmanager
def _stdin() -> Iterator[Rig]:
    reading, writing = os.pipe()
    yield Rig(StdinTrigger(reading), lambda: _write(writing, b"\n"))
    os.close(writing)
    os.close(reading)


@contextmanager
def _button() -> Iterator[Rig]:
    line = FakeLine()
    yield Rig(ButtonTrigger("/dev/gpiochip0", 17, open_line=lambda: line), line.press)


@contextmanager
def _scanned() -> Iterator[Rig]:
    button = FakeTrigger()
    yield Rig(ScannedSku(button, FakeTrigger()), button.press)


def _write(descriptor: int, data: bytes) -> None:
    os.write(descriptor, data)


RIGS: dict[str, Callable[[], AbstractContextManager[Rig]]] = {
    "fake": _fake,
    "timer": _timer,
    "stdin": _stdin,
    "button": _button,
    "scanned": _scanned,
}


@pytest.fixture(params=list(RIGS))
def rig(request: pytest.FixtureRequest) -> Iterator[Rig]:
    with RIGS[request.param]() as rig:
        yield rig
        rig.trigger.close()


def test_all_is_well_before_and_after_the_start(rig: Rig) -> None:
    assert rig.trigger.problem == ""
    rig.trigger.start(Fired())
    assert rig.trigger.problem == ""


def test_it_fires_a_capture_without_sku(rig: Rig) -> None:
    fired = Fired()
    rig.trigger.start(fired)
    rig.set_off()

    assert fired.next() == (TriggerAction.CAPTURE, "")


def test_it_fires_again(rig: Rig) -> None:
    fired = Fired()
    rig.trigger.start(fired)
    for _ in range(3):
        rig.set_off()
        assert fired.next() == (TriggerAction.CAPTURE, "")


def test_nothing_is_fired_after_close_and_no_thread_stays(rig: Rig) -> None:
    fired = Fired()
    rig.trigger.start(fired)
    rig.set_off()
    fired.next()
    rig.trigger.close()
    rig.trigger.close()
    count = fired.count()
    rig.set_off()

    assert not [thread for thread in threading.enumerate() if thread.name.startswith("trigger")]
    assert fired.count() == count


def test_a_trigger_can_be_closed_without_having_been_started(rig: Rig) -> None:
    rig.trigger.close()


def test_absent_trigger_never_fires() -> None:
    fired = Fired()
    trigger = AbsentTrigger()
    trigger.start(fired)
    trigger.close()

    assert trigger.problem == ""
    assert fired.count() == 0
