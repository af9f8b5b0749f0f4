"""Photos of people are for one browser, and for a while."""

import pytest

from packshot.kiosk.curtain import HOLD_S, Curtain
from packshot.kiosk.darkroom import MOST, Darkroom, IdFile
from packshot.kiosk.door import Caller, Refusal
from packshot.kiosk.sessions import Role, Session


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def caller() -> Caller:
    return Caller("192.0.2.1", False, Role.BOOTH, Session(Role.BOOTH))


FILES = {"photo.jpg": IdFile("image/jpeg", b"a person")}


def test_while_the_curtain_is_closed_nobody_else_gets_behind_it() -> None:
    changes: list[bool] = []
    clock = Clock()
    curtain = Curtain(changes.append, clock)
    first, second = caller(), caller()
    curtain.close(first)
    assert curtain.held_by(first)
    assert not curtain.held_by(second)
    assert not curtain.keep(second)
    with pytest.raises(Refusal) as refused:
        curtain.close(second)
    assert refused.value.status == 409
    curtain.open(second)
    assert curtain.closed
    curtain.open(first)
    assert not curtain.closed
    assert changes == [True, False]


def test_the_curtain_opens_by_itself_when_nobody_looks_any_more() -> None:
    clock = Clock()
    curtain = Curtain(lambda _: None, clock)
    first, second = caller(), caller()
    curtain.close(first)
    clock.now = HOLD_S - 0.1
    assert curtain.keep(first)
    clock.now += HOLD_S - 0.1
    assert curtain.closed
    clock.now += 0.2
    assert not curtain.closed
    curtain.close(second)
    assert not curtain.keep(first)


def test_a_photo_is_gone_after_its_time_and_for_everybody_else_at_once() -> None:
    clock = Clock()
    darkroom = Darkroom(60, clock)
    owner, other = caller(), caller()
    hung = darkroom.hang(owner, FILES)
    assert darkroom.get(owner, hung.name).files == FILES
    with pytest.raises(Refusal):
        darkroom.get(other, hung.name)
    with pytest.raises(Refusal):
        darkroom.delete(other, hung.name)
    assert darkroom.seconds_left(hung) == 60
    clock.now = 60
    with pytest.raises(Refusal):
        darkroom.get(owner, hung.name)


def test_a_photo_deleted_by_hand_is_gone() -> None:
    darkroom = Darkroom(60)
    owner = caller()
    hung = darkroom.hang(owner, FILES)
    darkroom.delete(owner, hung.name)
    with pytest.raises(Refusal):
        darkroom.get(owner, hung.name)


def test_memory_holds_a_few_photos_the_oldest_go_first() -> None:
    darkroom = Darkroom(60)
    owner = caller()
    hung = [darkroom.hang(owner, FILES) for _ in range(MOST + 1)]
    with pytest.raises(Refusal):
        darkroom.get(owner, hung[0].name)
    assert darkroom.get(owner, hung[1].name)


def test_a_photo_and_its_owner_are_not_shown_when_they_are_printed() -> None:
    owner = caller()
    hung = Darkroom(60).hang(owner, FILES)
    assert owner.session
    assert owner.session.cookie not in repr(hung)
    assert "a person" not in repr(hung)
