"""Photos of people are for one browser, and for a while."""

from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from packshot.capture import CaptureDesk, DeskSettings, Outcome
from packshot.domain import CaptureRequest, Frame
from packshot.kiosk.booth import Booth, PlateOrder
from packshot.kiosk.captures import Captures, Order
from packshot.kiosk.curtain import HOLD_S, Curtain
from packshot.kiosk.darkroom import MOST, Darkroom, IdFile
from packshot.kiosk.door import Caller, Refusal
from packshot.kiosk.people import IdOrder, People
from packshot.kiosk.sessions import Role, Session
from packshot.kiosk.streams import Streams
from packshot.lamp.absent import AbsentLamp
from packshot.platform.pulse import Pulse
from packshot.preview import PreviewFrame, PreviewMode
from packshot.spool.sqlite_spool import SqliteSpool
from tests.fakes.camera import FakeCamera
from tests.support.memory import tmp_path as tmp_path
from tests.support.scenes import play
from tests.support.spool import ROOMY, a_frame


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


@dataclass
class Preview:
    """Somebody looks at it; what happens while they wait for its only frame is told by ``meanwhile``."""

    meanwhile: Callable[[], None]
    ended: bool = False

    def subscribe(self, _: PreviewMode) -> "Preview":
        return self

    def next(self, _: float) -> PreviewFrame | None:
        if self.ended:
            return None
        self.meanwhile()
        self.ended = True
        return PreviewFrame(1, 0.0, PreviewMode.PLAIN, "image/jpeg", b"a person", 640, 480)

    def close(self) -> None:
        self.ended = True


def shown(meanwhile: Callable[[], None], may_look: Callable[[], bool | None]) -> list[bytes]:
    preview: Any = Preview(meanwhile)

    async def look() -> list[bytes]:
        return [frame.data async for frame in Streams().frames(preview, PreviewMode.PLAIN, may_look)]

    return play(look)


@pytest.fixture
def seat() -> tuple[Curtain, Caller, Callable[[], None]]:
    """A closed curtain, who closed it, and how it becomes another browser's."""
    curtain, first = Curtain(lambda _: None), caller()
    curtain.close(first)

    def hand_over() -> None:
        curtain.open(first)
        curtain.close(caller())

    return curtain, first, hand_over


def test_a_picture_of_products_shows_nobody_who_sat_down_since_the_last_frame() -> None:
    curtain = Curtain(lambda _: None)

    assert shown(lambda: None, lambda: not curtain.closed) == [b"a person"]
    assert shown(lambda: curtain.close(caller()), lambda: not curtain.closed) == []


def test_a_picture_of_people_does_not_show_the_next_browsers_person(
    seat: tuple[Curtain, Caller, Callable[[], None]],
) -> None:
    curtain, first, hand_over = seat

    assert shown(lambda: None, lambda: curtain.keep(first) or None) == [b"a person"]
    assert shown(hand_over, lambda: curtain.keep(first) or None) == []


def test_a_photo_of_the_next_browsers_person_is_not_handed_out(
    seat: tuple[Curtain, Caller, Callable[[], None]],
) -> None:
    curtain, first, hand_over = seat

    def submit_plate(request_id: str, respond: Callable[[Outcome], None], keep: Callable[[list[Frame]], None]) -> None:
        hand_over()
        keep([a_frame(b"another person")])
        respond(Outcome(request_id))

    stage: Any = SimpleNamespace(desk=SimpleNamespace(submit_plate=submit_plate))
    studio: Any = SimpleNamespace(specs={"icao": None})
    call: Any = SimpleNamespace(caller=first, body=IdOrder("icao"))

    with pytest.raises(Refusal, match="opened meanwhile") as refused:
        play(lambda: People(stage, studio, Streams(), curtain, Darkroom(60)).take(call))
    assert refused.value.status == 409


class Scene(FakeCamera):
    """A camera; what happens before it while its shutter is open is told by ``meanwhile``."""

    meanwhile: Callable[[], None] = staticmethod(lambda: None)

    def capture(self, triggered_at: float, timeout_s: float) -> Frame:
        self.meanwhile()
        return super().capture(triggered_at, timeout_s)


@dataclass
class Box:
    """One camera for products and people; ``in_line`` is what happens while a request waits."""

    spool: SqliteSpool
    in_line: Callable[[], None] = lambda: None

    def __post_init__(self) -> None:
        self.curtain = Curtain(lambda _: None)
        self.camera = Scene()
        self.kept: list[Frame] = []

    def sit_down(self) -> None:
        self.curtain.close(caller())

    def _complete(self, request: CaptureRequest) -> CaptureRequest:
        self.in_line()
        return request

    def ask(self, take: Callable[[Any, Curtain], Coroutine[Any, Any, Any]]) -> Any:
        """Have ``take`` ask for a photo of the product table."""
        settings, pulse = DeskSettings(), Pulse("capture")
        desk = CaptureDesk(
            self.camera, AbsentLamp(), self.spool, lambda *_: None, lambda _: False, pulse, settings, lambda: None
        )
        parts = SimpleNamespace(
            one_camera=True,
            products=SimpleNamespace(desk=desk),
            spool=self.spool,
            choices=SimpleNamespace(complete=self._complete),
            plates=SimpleNamespace(keep=self.kept.extend),
        )
        desk.start()
        try:
            return play(lambda: take(parts, self.curtain))
        finally:
            desk.close(10)


def press(parts: Any, curtain: Curtain) -> Coroutine[Any, Any, Any]:
    """The shutter of the booth."""
    nothing: Any = None
    call: Any = SimpleNamespace(body=Order("A-1"))
    return Captures(parts, nothing, curtain).take(call)


def take_plate(parts: Any, curtain: Curtain) -> Coroutine[Any, Any, Any]:
    """The button for the empty table."""
    nothing: Any = None
    call: Any = SimpleNamespace(body=PlateOrder())
    return Booth(parts, nothing, nothing, nothing, nothing, nothing, nothing, curtain).take_plate(call)


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[SqliteSpool]:
    spool = SqliteSpool(tmp_path / "spool", limits=ROOMY)
    yield spool
    spool.close()


def test_a_photo_of_products_shows_nobody_who_sat_down_while_it_was_taken(spool: SqliteSpool) -> None:
    box = Box(spool)
    box.camera.meanwhile = box.sit_down

    with pytest.raises(Refusal, match="being photographed") as refused:
        box.ask(press)
    assert (refused.value.status, refused.value.code) == (409, "occupied")
    assert spool.captures() == []
    assert Box(spool).ask(press).sku == "A-1"


def test_a_press_that_waits_in_line_while_somebody_sits_down_opens_no_shutter(spool: SqliteSpool) -> None:
    box = Box(spool)
    box.in_line = box.sit_down

    with pytest.raises(Refusal, match="being photographed"):
        box.ask(press)
    assert box.camera.taken == 0
    assert spool.captures() == []


def test_a_plate_shows_nobody_who_sat_down_while_it_was_taken(spool: SqliteSpool) -> None:
    box = Box(spool)
    box.camera.meanwhile = box.sit_down

    with pytest.raises(Refusal, match="being photographed") as refused:
        box.ask(take_plate)
    assert (refused.value.status, refused.value.code) == (409, "occupied")
    assert box.kept == []
    empty = Box(spool)
    empty.ask(take_plate)
    assert len(empty.kept) == 1
