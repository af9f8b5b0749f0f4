"""Frames that were exposed after the trigger, out of a device that streams: drain, wait, and give up in time.

A background thread takes every frame as it comes, so that no old one waits in a queue. When a frame arrived is known
exactly only if the thread had to wait for it; one that lay ready may have lain there since the frame before. Only
frames that surely arrived later than the trigger plus a settling time are handed out.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from packshot.camera.port import DriverHangs
from packshot.camera.stills import shrink
from packshot.errors import CameraError

BGR8 = NDArray[np.uint8]

WAITED_S = 0.002  # a grab that slept longer than this had found the queue empty
SILENCE_S = 12.0  # longer than any timeout of a device: the driver hangs
PREVIEW_INTERVAL_S = 1 / 16
PREVIEW_REST = 3  # times as long as making one took; large MJPEG frames take a tenth of a second each
FIRST_BACK_OFF_S = 0.25
LONGEST_BACK_OFF_S = 8.0
JOIN_S = 1.0
log = logging.getLogger(__name__)


class StreamDevice(Protocol):
    """An open device. All calls come from the one thread that opened it; any but ``close`` may raise CameraError."""

    def grab(self) -> None:
        """Wait for the next frame and hold it."""

    def retrieve(self) -> BGR8:
        """The held frame as a new (H, W, 3) uint8 BGR array."""

    def close(self) -> None:
        """Let the device go."""


@dataclass(frozen=True)
class Taken:
    """A frame and when it had arrived (``time.monotonic()`` seconds); its exposure began before that."""

    bgr: BGR8
    arrived_at: float


class Arrivals:
    """What the arrivals of a stream say: when a frame came at the earliest, and how long a frame period is."""

    def __init__(self, opening_began: float) -> None:
        """No frame can have arrived before the opening began."""
        self.last = opening_began
        self._waited = False
        self._periods: deque[float] = deque(maxlen=5)

    def note(self, ended: float, slept_s: float) -> float:
        """A grab returned at ``ended`` after sleeping ``slept_s``; the earliest time the frame can have arrived."""
        waited = slept_s > WAITED_S
        if waited and self._waited:  # two frames that were both waited for are one period apart
            self._periods.append(ended - self.last)
        earliest = ended if waited else self.last
        self.last, self._waited = ended, waited
        return earliest

    @property
    def period_s(self) -> float:
        """The longest of the last periods; infinite until one was seen."""
        return max(self._periods, default=float("inf"))


class FreshFrames:
    """Keeps a ``StreamDevice`` open in a thread, opens it again with back-off, hands out fresh frames.

    ``settle_s`` is how long after the trigger an arriving frame may still show the time before it; None means two
    frame periods, the exposure and the read-out of a camera that is attached directly.
    """

    def __init__(self, name: str, open_device: Callable[[], StreamDevice], settle_s: float | None = None) -> None:
        """``open_device`` runs in the thread, must end by itself within ``SILENCE_S``, and raises CameraError."""
        self.problem = ""
        self._name = name
        self._open_device = open_device
        self._settle_s = settle_s
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._stop = threading.Event()
        self._hurry = threading.Event()
        self._last_sign = 0.0
        self._failures = 0
        self._in_a_row = 0
        self._wanted_after: float | None = None
        self._taken: Taken | None = None
        self._preview_wanted = False
        self._preview: NDArray[np.uint8] | None = None
        self._preview_at = float("-inf")
        self._preview_due = float("-inf")

    def frame_after(self, triggered_at: float, timeout_s: float) -> Taken:
        """The first frame that surely arrived after ``triggered_at`` plus settling, within ``timeout_s`` from now.

        Raises CameraError at once when the device cannot be opened or goes away, else at the deadline.
        """
        with self._changed:
            self._ensure_thread()
            failures = self._failures
            self._taken, self._wanted_after = None, triggered_at
            self._hurry.set()
            ended = self._changed.wait_for(lambda: self._taken or self._failures > failures, timeout_s)
            self._wanted_after = None
            if self._taken is not None:
                return self._taken
            if not ended:
                self._abandon(f"{self._name} gave no fresh frame within {timeout_s:.1f} s")
            raise CameraError(self.problem)

    def newest(self) -> NDArray[np.uint8] | None:
        """The newest small picture (h, w, 3) uint8 RGB, or None. Opens the device, notices a hang, never waits.

        Raises DriverHangs where nothing but another process can open the device again.
        """
        now = time.monotonic()
        with self._changed:
            try:
                self._ensure_thread()
            except DriverHangs:
                raise
            except CameraError:
                return None
            if now - self._last_sign > SILENCE_S:
                self._abandon(f"{self._name} has been silent for {SILENCE_S:.0f} s")
            self._preview_wanted = True
            return self._preview if now - self._preview_at < SILENCE_S else None

    def close(self) -> None:
        """Stop the thread; one that hangs inside the device is left behind."""
        with self._changed:
            thread = self._thread
            self._stop.set()
            self._hurry.set()
        if thread is not None:
            thread.join(JOIN_S)

    def _ensure_thread(self) -> None:
        """Start the thread unless it runs; CameraError while one that was given up still waits for the driver."""
        if self._thread is not None and self._thread.is_alive():
            if self._stop.is_set():
                kind = DriverHangs if time.monotonic() - self._last_sign > SILENCE_S else CameraError
                raise kind(f"{self._name} has not let go of the last try yet; unplug it, or restart packshot")
            return
        self._stop, self._hurry = threading.Event(), threading.Event()
        self._last_sign = time.monotonic()
        self._thread = threading.Thread(target=self._work, args=(self._stop, self._hurry), name=self._name, daemon=True)
        self._thread.start()

    def _abandon(self, reason: str) -> None:
        """Tell the thread to let the device go as soon as the device lets it."""
        self._stop.set()
        self._hurry.set()
        self._note_failure(reason)

    def _work(self, stop: threading.Event, hurry: threading.Event) -> None:
        """The thread: open, stream until it ends, wait, again."""
        while not stop.is_set():
            hurry.clear()
            try:
                self._stream(stop)
            except CameraError as error:
                with self._changed:
                    if not stop.is_set():
                        self._note_failure(str(error))
            hurry.wait(min(LONGEST_BACK_OFF_S, FIRST_BACK_OFF_S * 2**self._in_a_row))

    def _stream(self, stop: threading.Event) -> None:
        self._last_sign = time.monotonic()
        arrivals = Arrivals(opening_began=self._last_sign)
        device = self._open_device()
        try:
            while not stop.is_set():
                began, busy = time.monotonic(), time.thread_time()
                device.grab()
                ended = time.monotonic()
                earliest = arrivals.note(ended, slept_s=ended - began - (time.thread_time() - busy))
                self._hand_out(device, arrivals, earliest, stop)
        finally:
            device.close()

    def _hand_out(self, device: StreamDevice, arrivals: Arrivals, earliest: float, stop: threading.Event) -> None:
        """Give the held frame to the capture that waits for it and to the preview, where it fits."""
        settle_s = 2 * arrivals.period_s if self._settle_s is None else self._settle_s
        with self._changed:
            self._last_sign = arrivals.last
            wanted = self._wanted_after is not None and earliest >= self._wanted_after + settle_s
            shown = self._preview_wanted and self._wanted_after is None and arrivals.last >= self._preview_due
        if not (wanted or shown):
            return
        began = time.monotonic()
        bgr = device.retrieve()
        small = shrink(bgr)[..., ::-1].copy() if shown else None
        pause_s = max(PREVIEW_INTERVAL_S, PREVIEW_REST * (time.monotonic() - began))
        with self._changed:
            if stop.is_set():
                return
            self.problem, self._in_a_row = "", 0
            if small is not None:
                self._preview, self._preview_at, self._preview_wanted = small, arrivals.last, False
                self._preview_due = arrivals.last + pause_s
            if wanted and self._wanted_after is not None:
                self._taken, self._wanted_after = Taken(bgr, arrivals.last), None
                self._changed.notify_all()

    def _note_failure(self, reason: str) -> None:
        """Called with the lock held."""
        if reason != self.problem:
            log.warning("%s", reason)
        self.problem = reason
        self._failures += 1
        self._in_a_row += 1
        self._last_sign = time.monotonic()
        self._preview = None
        self._changed.notify_all()
