"""Which frames of a stream may be handed out, on a device whose frames wait in a queue of its own."""

import queue
import threading
import time

import numpy as np
import pytest

from packshot.camera.stream import Arrivals, FreshFrames
from packshot.errors import CameraError

PERIOD_S = 0.02


class QueuedDevice:
    """Makes a frame each period into a queue, as drivers do; a frame holds the time of its exposure."""

    def __init__(self, backlog: int = 0, transfer_s: float = 0.0) -> None:
        self.frames: queue.Queue[float] = queue.Queue()
        for _ in range(backlog):
            self.frames.put(time.monotonic())
        self.closed = threading.Event()
        self.silent = threading.Event()
        self._transfer_s = transfer_s
        self._held = 0.0
        threading.Thread(target=self._expose, daemon=True).start()

    def _expose(self) -> None:
        while not self.closed.is_set():
            exposed_at = time.monotonic()
            time.sleep(PERIOD_S)
            if not self.silent.is_set():
                threading.Timer(self._transfer_s, self.frames.put, [exposed_at]).start()

    def grab(self) -> None:
        while not self.closed.is_set():
            try:
                self._held = self.frames.get(timeout=0.05)
            except queue.Empty:
                continue
            return
        raise CameraError("camera test was unplugged")

    def retrieve(self) -> np.ndarray:
        return np.full((4, 4, 3), self._held, np.float64)

    def close(self) -> None:
        self.closed.set()


def _exposed_after(frames: FreshFrames, triggered_at: float) -> float:
    taken = frames.frame_after(triggered_at, 5.0)
    assert taken.arrived_at >= triggered_at
    return float(taken.bgr[0, 0, 0]) - triggered_at


def test_frames_that_queued_before_the_trigger_are_not_handed_out() -> None:
    frames = FreshFrames("test", lambda: QueuedDevice(backlog=30))
    time.sleep(0.1)

    assert _exposed_after(frames, time.monotonic()) >= 0.0
    frames.close()


def test_frames_that_queued_while_the_device_was_opened_are_not_handed_out() -> None:
    triggers = []

    def slow_to_open() -> QueuedDevice:
        device = QueuedDevice(backlog=30)
        time.sleep(0.05)
        triggers.append(time.monotonic())
        time.sleep(0.05)
        return device

    frames = FreshFrames("test", slow_to_open)
    frames.newest()
    while not triggers:
        time.sleep(0.001)

    assert _exposed_after(frames, triggers[0]) >= 0.0
    frames.close()


def test_every_one_of_many_triggers_gets_a_later_exposure() -> None:
    frames = FreshFrames("test", QueuedDevice)
    for pause_s in (0.0, 0.003, 0.011, 0.017, 0.02, 0.0, 0.05):
        time.sleep(pause_s)
        assert _exposed_after(frames, time.monotonic()) >= 0.0
    frames.close()


def test_a_known_delay_is_waited_for() -> None:
    frames = FreshFrames("test", lambda: QueuedDevice(transfer_s=0.2), settle_s=0.25)
    frames.newest()
    time.sleep(0.3)

    assert _exposed_after(frames, time.monotonic()) >= 0.0
    frames.close()


def test_silence_ends_at_the_deadline_and_lets_the_device_go() -> None:
    devices: list[QueuedDevice] = []

    def open_device() -> QueuedDevice:
        devices.append(QueuedDevice())
        return devices[-1]

    frames = FreshFrames("camera test", open_device)
    frames.frame_after(time.monotonic(), 5.0)
    devices[0].silent.set()

    with pytest.raises(CameraError, match="camera test gave no fresh frame within"):
        frames.frame_after(time.monotonic(), 0.1)
    devices[0].silent.clear()
    assert devices[0].closed.wait(5.0)
    assert frames.newest() is None


def test_a_device_that_hangs_is_not_opened_a_second_time() -> None:
    hanging, opened = threading.Event(), []

    class Hanging(QueuedDevice):
        def grab(self) -> None:
            opened.append(self)
            hanging.wait()
            raise CameraError("camera test is back")

    frames = FreshFrames("camera test", Hanging)
    with pytest.raises(CameraError, match="no fresh frame"):
        frames.frame_after(time.monotonic(), 0.1)
    with pytest.raises(CameraError, match="has not let go"):
        frames.frame_after(time.monotonic(), 0.1)
    assert len(opened) == 1
    hanging.set()
    frames.close()


def test_opening_is_tried_again_by_itself() -> None:
    tries = []

    def open_third_time() -> QueuedDevice:
        tries.append(time.monotonic())
        if len(tries) < 3:
            raise CameraError("camera test is not there")
        return QueuedDevice()

    frames = FreshFrames("test", open_third_time)
    deadline = time.monotonic() + 10
    while frames.newest() is None and time.monotonic() < deadline:
        time.sleep(0.01)

    assert len(tries) == 3
    assert tries[2] - tries[1] > tries[1] - tries[0]
    assert frames.problem == ""
    frames.close()


def test_arrivals_of_frames_that_lay_ready_count_from_the_one_before() -> None:
    arrivals = Arrivals(10.0)

    assert arrivals.note(11.0, slept_s=1.0) == 11.0
    assert arrivals.note(11.1, slept_s=0.0) == 11.0
    assert arrivals.note(11.2, slept_s=0.0) == 11.1
    assert arrivals.note(11.5, slept_s=0.3) == 11.5


def test_the_period_is_known_after_two_frames_that_were_waited_for() -> None:
    arrivals = Arrivals(10.0)
    arrivals.note(10.5, slept_s=0.0)
    arrivals.note(10.6, slept_s=0.1)
    assert arrivals.period_s == float("inf")
    arrivals.note(10.7, slept_s=0.1)

    assert arrivals.period_s == pytest.approx(0.1)
