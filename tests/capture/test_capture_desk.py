"""The capture desk: requests in order, repeats answered once, trouble answered in one line."""

import queue
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from packshot.camera.folder import FolderCamera
from packshot.camera.port import Camera, CameraInfo
from packshot.capture import CaptureDesk, DeskSettings, Outcome
from packshot.domain import CaptureRequest, Frame, Shutter, ShutterProof, Stage
from packshot.errors import CameraError, SpoolError
from packshot.lamp.absent import AbsentLamp
from packshot.platform.pulse import Pulse
from packshot.spool.limits import SpoolLimits
from packshot.spool.sqlite_spool import SqliteSpool


def jpeg(value: int) -> bytes:
    return cv2.imencode(".jpg", np.full((8, 8, 3), value, np.uint8))[1].tobytes()


class SlowCamera:
    """A camera that takes its picture when the test lets it."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.taken = 0
        self.closed = False

    @property
    def info(self) -> CameraInfo:
        return CameraInfo("slow", "test")

    @property
    def problem(self) -> str:
        return ""

    def capture(self, triggered_at: float, timeout_s: float) -> Frame:
        assert self.go.wait(timeout_s)
        self.taken += 1
        return Frame(jpeg(self.taken), "image/jpeg", Shutter(ShutterProof.BOUNDED, time.monotonic() - triggered_at))

    def preview(self) -> None:
        return None

    def close(self) -> None:
        self.closed = True


class BrokenCamera(SlowCamera):
    """A camera that somebody unplugged."""

    def capture(self, triggered_at: float, timeout_s: float) -> Frame:
        raise CameraError("camera is gone; plug it in")


class Answers:
    """Collects outcomes and lets the test wait for them."""

    def __init__(self) -> None:
        self.got: list[Outcome] = []
        self._changed = threading.Condition()

    def __call__(self, outcome: Outcome) -> None:
        with self._changed:
            self.got.append(outcome)
            self._changed.notify_all()

    def wait(self, count: int = 1) -> list[Outcome]:
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.got) >= count, 10), f"only {self.got}"
        return self.got


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[SqliteSpool]:
    opened = SqliteSpool(tmp_path / "spool", limits=SpoolLimits(min_free_bytes=0, max_captures=5))
    yield opened
    opened.close()


@pytest.fixture
def open_desk(spool: SqliteSpool) -> Iterator[Callable[..., CaptureDesk]]:
    desks: list[CaptureDesk] = []

    def build(camera: Camera, announce: list | None = None, **settings: float) -> CaptureDesk:
        steps = announce if announce is not None else []
        desk = CaptureDesk(
            camera,
            AbsentLamp(),
            spool,
            lambda *step: steps.append(step),
            lambda expires_at: expires_at < "2026",
            Pulse("capture"),
            DeskSettings(timeout_s=10, **settings),
            lambda: None,
        )
        desk.start()
        desks.append(desk)
        return desk

    yield build
    for desk in desks:
        desk.close(10)


def test_the_answer_comes_when_the_original_is_durable(
    spool: SqliteSpool, open_desk: Callable[..., CaptureDesk], tmp_path: Path
) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    (photos / "one.jpg").write_bytes(jpeg(7))
    steps: list[tuple[str, Stage, str, str]] = []
    answers = Answers()
    open_desk(FolderCamera(photos), steps).submit(CaptureRequest("r1", sku="A-1"), answers)
    capture = answers.wait()[0].capture
    assert capture is not None
    assert capture.stage is Stage.ACCEPTED
    assert spool.read(capture.capture_id, capture.artefacts[0].name) == jpeg(7)
    assert [(stage, request) for _, stage, request, _ in steps] == [(Stage.CAPTURED, "r1"), (Stage.ACCEPTED, "r1")]


def test_a_repeat_while_the_first_is_in_hand_is_the_same_capture(open_desk: Callable[..., CaptureDesk]) -> None:
    camera, answers = SlowCamera(), Answers()
    desk = open_desk(camera)
    for _ in range(3):
        desk.submit(CaptureRequest("r1"), answers)
    camera.go.set()
    outcomes = answers.wait(3)
    assert camera.taken == 1
    assert len({outcome.capture.capture_id for outcome in outcomes if outcome.capture}) == 1
    assert sorted(outcome.repeat for outcome in outcomes) == [False, True, True]


def test_a_repeat_afterwards_is_the_same_capture(open_desk: Callable[..., CaptureDesk]) -> None:
    camera, answers = SlowCamera(), Answers()
    camera.go.set()
    desk = open_desk(camera)
    desk.submit(CaptureRequest("r1"), answers)
    first = answers.wait()[0]
    desk.submit(CaptureRequest("r1"), answers)
    second = answers.wait(2)[1]
    assert second.repeat
    assert second.capture == first.capture
    assert camera.taken == 1


def test_a_request_that_failed_may_be_repeated(open_desk: Callable[..., CaptureDesk], tmp_path: Path) -> None:
    answers = Answers()
    desk = open_desk(FolderCamera(tmp_path / "photos"))
    desk.submit(CaptureRequest("r1"), answers)
    assert "photos" in answers.wait()[0].error
    assert desk.camera_problem
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "one.jpg").write_bytes(jpeg(1))
    desk.submit(CaptureRequest("r1"), answers)
    assert answers.wait(2)[1].capture is not None
    assert desk.camera_problem == ""


def test_an_expired_request_takes_no_picture(open_desk: Callable[..., CaptureDesk]) -> None:
    camera, answers = SlowCamera(), Answers()
    camera.go.set()
    open_desk(camera).submit(CaptureRequest("r1", expires_at="2025-01-01T00:00:00Z"), answers)
    assert "expired" in answers.wait()[0].error
    assert camera.taken == 0


def test_a_full_spool_refuses_before_the_shutter(open_desk: Callable[..., CaptureDesk]) -> None:
    camera, answers = SlowCamera(), Answers()
    camera.go.set()
    desk = open_desk(camera)
    for number in range(6):
        desk.submit(CaptureRequest(f"r{number}"), answers)
        answers.wait(number + 1)
    assert [bool(outcome.error) for outcome in answers.got] == [False] * 5 + [True]
    assert camera.taken == 5


def test_too_many_in_line_are_refused_at_once(open_desk: Callable[..., CaptureDesk]) -> None:
    camera, answers = SlowCamera(), Answers()
    desk = open_desk(camera, max_waiting=2)
    for number in range(3):
        desk.submit(CaptureRequest(f"r{number}"), answers)
    assert "waiting" in answers.wait()[0].error
    camera.go.set()
    assert len(answers.wait(3)) == 3


def test_closing_finishes_the_capture_in_hand_and_refuses_those_in_line(
    spool: SqliteSpool, open_desk: Callable[..., CaptureDesk]
) -> None:
    camera, answers = SlowCamera(), Answers()
    desk = open_desk(camera)
    desk.submit(CaptureRequest("in-hand"), answers)
    time.sleep(0.2)
    desk.submit(CaptureRequest("in-line"), answers)
    closing = threading.Thread(target=desk.close, args=(10,))
    closing.start()
    time.sleep(0.1)
    camera.go.set()
    closing.join(10)
    by_id = {outcome.request_id: outcome for outcome in answers.wait(2)}
    assert by_id["in-hand"].capture is not None
    assert "stopping" in by_id["in-line"].error
    assert [capture.request.request_id for capture in spool.captures()] == ["in-hand"]
    assert camera.closed
    desk.submit(CaptureRequest("late"), answers)
    assert "stopping" in answers.wait(3)[2].error


def test_a_broken_camera_answers_and_the_desk_lives_on(open_desk: Callable[..., CaptureDesk]) -> None:
    answers = Answers()
    desk = open_desk(BrokenCamera())
    for number in range(2):
        desk.submit(CaptureRequest(f"r{number}"), answers)
    assert {outcome.error for outcome in answers.wait(2)} == {"camera is gone; plug it in"}
    assert desk.fatal is None


def test_a_spool_that_cannot_be_trusted_ends_the_desk(
    spool: SqliteSpool, open_desk: Callable[..., CaptureDesk], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise SpoolError("input/output error on fsync; check the card")

    monkeypatch.setattr(spool, "accept", fail)
    camera, answers = SlowCamera(), Answers()
    camera.go.set()
    desk = open_desk(camera)
    desk.submit(CaptureRequest("r1"), answers)
    assert "input/output" in answers.wait()[0].error
    assert isinstance(desk.fatal, SpoolError)


def test_who_watches_sees_the_camera_between_captures_and_never_during_one(
    open_desk: Callable[..., CaptureDesk],
) -> None:
    class LiveCamera(SlowCamera):
        def preview(self) -> np.ndarray:
            return np.full((4, 6, 3), self.taken, np.uint8)

    camera, answers, shown = LiveCamera(), Answers(), queue.Queue()
    desk = open_desk(camera)
    desk.watch(lambda picture: shown.put(int(picture[0, 0, 0])))
    assert [shown.get(timeout=10) for _ in range(3)] == [0, 0, 0]

    desk.submit(CaptureRequest("r1"), answers)
    while not desk.busy:
        time.sleep(0.01)
    time.sleep(0.2)  # the look in hand is over
    while not shown.empty():
        shown.get()
    time.sleep(0.3)
    assert shown.empty()

    camera.go.set()
    assert answers.wait()[0].capture is not None
    assert shown.get(timeout=10) == 1
    desk.watch(None)
    time.sleep(0.2)
    while not shown.empty():
        shown.get()
    time.sleep(0.3)
    assert shown.empty()


def test_a_look_that_fails_in_an_unforeseen_way_is_said_once_and_does_not_end_the_desk(
    open_desk: Callable[..., CaptureDesk], caplog: pytest.LogCaptureFixture
) -> None:
    class OddCamera(SlowCamera):
        looks = 0

        def preview(self) -> None:
            self.looks += 1
            if self.looks == 3:
                self.go.set()
            raise TypeError("bad operand type for abs(): 'bytes'")

    camera, answers = OddCamera(), Answers()
    desk = open_desk(camera)
    desk.watch(lambda _: None)
    assert camera.go.wait(10)
    desk.submit(CaptureRequest("r1"), answers)
    assert answers.wait()[0].capture is not None
    assert caplog.text.count("unforeseen") == 1
