"""From trigger to durable frame: the camera's one thread, requests in order, repeats answered once."""

import logging
import queue
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from packshot.camera.port import Camera
from packshot.domain import Capture, CaptureRequest, Frame, Stage
from packshot.errors import BadMessage, CameraError, PackshotError, StopDaemon
from packshot.lamp.port import Lamp, Sign
from packshot.platform.logs import event
from packshot.platform.pulse import Pulse
from packshot.spool.port import Spool

log = logging.getLogger(__name__)

Announce = Callable[[str, Stage, str, str], None]
"""``announce(capture_id, stage, request_id, reason)``: tell whoever listens; never raises, never blocks."""


@dataclass(frozen=True)
class Outcome:
    """What became of one request: a capture (``repeat`` if it was known before), or an error in one line."""

    request_id: str
    capture: Capture | None = None
    repeat: bool = False
    error: str = ""


Respond = Callable[[Outcome], None]
FramesTaken = Callable[[Sequence[Frame]], None]
CheckScene = Callable[[], None]
"""Raises a PackshotError where nobody may photograph what is before the camera; asked before the shutter and after."""
ShowPreview = Callable[[NDArray[np.uint8]], None]
LOOK_S = 1.0  # between two looks at an idle camera
WATCHED_S = 1 / 20  # the same while somebody watches
BREATH_S = 0.01  # at least between two of them


@dataclass(frozen=True)
class DeskSettings:
    """``timeout_s`` for one frame, ``max_waiting`` requests in line, one frame of a capture per backdrop."""

    timeout_s: float = 10.0
    max_waiting: int = 16
    backdrops: tuple[str, ...] = ("",)


@dataclass
class _Job:
    request: CaptureRequest
    triggered_at: float
    respond: list[Respond]
    take: Callable[["_Job"], None]
    done: bool = field(default=False)


class CaptureDesk:
    """Takes requests from any thread and serves them one by one in its own.

    The answer comes when the original is durable (or why it is not). Requests wait in memory only until the shutter:
    what has not been acknowledged is the trigger's to repeat.
    """

    def __init__(
        self,
        camera: Camera,
        lamp: Lamp,
        spool: Spool,
        announce: Announce,
        expired: Callable[[str], bool],
        pulse: Pulse,
        settings: DeskSettings,
        on_accepted: Callable[[], None],
        in_hand: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> None:
        self._in_hand = in_hand
        self._camera = camera
        self._lamp = lamp
        self._spool = spool
        self._announce = announce
        self._expired = expired
        self._pulse = pulse
        self._settings = settings
        self._on_accepted = on_accepted
        self._jobs: queue.Queue[_Job | Callable[[], None] | None] = queue.Queue()
        self._show: ShowPreview | None = None
        self._looked_at = 0.0
        self._look_failed = ""
        self._in_line: dict[str, _Job] = {}
        self._lock = threading.Lock()
        self._stopping = False
        self.fatal: StopDaemon | None = None
        self._thread = threading.Thread(target=self._run, name="capture", daemon=True)

    def start(self) -> None:
        """Begin to serve."""
        self._thread.start()

    @property
    def busy(self) -> bool:
        """Whether a request is in hand or in line."""
        return bool(self._in_line)

    @property
    def camera_problem(self) -> str:
        """Empty, or one line that says why there is no picture."""
        return self._camera.problem

    def submit(self, request: CaptureRequest, respond: Respond, check_scene: CheckScene = lambda: None) -> None:
        """Ask for a capture; ``respond`` is called exactly once, from the desk's thread or from this call."""
        self._enqueue(request, respond, lambda job: self._capture(job, check_scene))

    def submit_plate(self, request_id: str, respond: Respond, keep: FramesTaken) -> None:
        """Ask for a photo of the empty scene; ``keep`` stores it."""

        def take(job: _Job) -> None:
            keep(self._shoot(job.triggered_at))
            self._finish(job, Outcome(job.request.request_id))

        self._enqueue(CaptureRequest(request_id), respond, take)

    def watch(self, show: ShowPreview | None) -> None:
        """Hand every preview picture to ``show`` between captures, from the desk's thread; None ends it.

        A capture waits for one look at the camera at most. Never blocks, and neither may ``show``.
        """
        self._show = show
        self._jobs.put(self._look)  # at once, not after the pause of an idle camera

    def close(self, timeout_s: float) -> None:
        """Finish the capture in hand, refuse those in line, stop."""
        self._stopping = True
        self._jobs.put(None)
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    def _enqueue(self, request: CaptureRequest, respond: Respond, take: Callable[[_Job], None]) -> None:
        job = _Job(request, time.monotonic(), [respond], take)
        with self._lock:
            twin = self._in_line.get(request.request_id)
            if twin:
                twin.respond.append(lambda outcome: respond(_as_repeat(outcome)))
                return
            refusal = self._refusal()
            if not refusal:
                self._in_line[request.request_id] = job
        if refusal:
            respond(Outcome(request.request_id, error=refusal))
        else:
            self._jobs.put(job)

    def _refusal(self) -> str:
        if self._stopping:
            return "the service is stopping; repeat the request in a moment"
        if len(self._in_line) >= self._settings.max_waiting:
            return f"{len(self._in_line)} captures are waiting already; repeat the request later"
        return ""

    def _run(self) -> None:
        while not self.fatal:
            self._pulse.beat()
            try:
                job = self._jobs.get(timeout=self._pause_s())
            except queue.Empty:
                job = self._look
            if job is None:
                break
            if not isinstance(job, _Job):
                job()
                continue
            self._lamp.show(Sign.BUSY)
            with self._pulse.busy(self._settings.timeout_s * 2 * len(self._settings.backdrops) + 30):
                self._serve(job)
            self._lamp.show(Sign.ERROR if self._camera.problem else Sign.READY)
        self._refuse_waiting()
        self._camera.close()

    def _pause_s(self) -> float:
        """Until the next look, counted from the last one, so that what happens in between does not slow the picture."""
        due = self._looked_at + (WATCHED_S if self._show else LOOK_S)
        return max(BREATH_S, due - time.monotonic())

    def _look(self) -> None:
        """Ask for a preview, unwatched so that a camera that was lost is noticed, and back, before the next press."""
        self._looked_at = time.monotonic()
        try:
            picture, show = self._camera.preview(), self._show
        except CameraError:  # which the camera's ``problem`` tells
            return
        except Exception as error:  # whatever a look meets, a plug-in's or a photo's, the desk goes on
            if repr(error) != self._look_failed:
                log.exception("the camera's preview failed in an unforeseen way")
            self._look_failed = repr(error)
            return
        self._look_failed = ""
        if picture is not None and show is not None:
            show(picture)

    def _serve(self, job: _Job) -> None:
        if self._stopping:
            self._finish(job, Outcome(job.request.request_id, error="the service is stopping; repeat the request"))
            return
        try:
            with self._in_hand():
                job.take(job)
        except StopDaemon as error:
            self.fatal = error
            self._fail(job, str(error))
        except PackshotError as error:
            self._fail(job, str(error))
        except Exception as error:  # one broken request must not end the desk
            log.exception("capture failed in an unforeseen way")
            self._fail(job, f"internal error: {error}")

    def _capture(self, job: _Job, check_scene: CheckScene) -> None:
        request = job.request
        known = self._spool.find_request(request.request_id)
        if known:
            self._finish(job, Outcome(request.request_id, known, repeat=True))
            return
        if request.expires_at and self._expired(request.expires_at):
            raise BadMessage(f"the request expired at {request.expires_at}; send a new one")
        self._spool.check_room()
        check_scene()
        frames = self._shoot(job.triggered_at)
        check_scene()
        capture = self._spool.accept(request, frames)
        self._announce(capture.capture_id, Stage.CAPTURED, request.request_id, "")
        self._announce(capture.capture_id, Stage.ACCEPTED, request.request_id, "")
        self._finish(job, Outcome(request.request_id, capture))
        self._on_accepted()

    def _shoot(self, triggered_at: float) -> list[Frame]:
        """One frame per backdrop, each in its own light and exposed after that light was switched on."""
        frames = []
        for number, backdrop in enumerate(self._settings.backdrops):
            with self._lamp.lit(backdrop):
                since = time.monotonic() if number else triggered_at
                frame = self._camera.capture(since, self._settings.timeout_s)
            frames.append(replace(frame, backdrop=backdrop))
        return frames

    def _fail(self, job: _Job, error: str) -> None:
        event(log, "capture refused", logging.WARNING, request=job.request.request_id, error=error)
        self._finish(job, Outcome(job.request.request_id, error=error))

    def _finish(self, job: _Job, outcome: Outcome) -> None:
        with self._lock:
            if job.done:
                return
            job.done = True
            self._in_line.pop(job.request.request_id, None)
            responders = list(job.respond)
        for respond in responders:
            respond(outcome)

    def _refuse_waiting(self) -> None:
        while True:
            try:
                job = self._jobs.get_nowait()
            except queue.Empty:
                return
            if isinstance(job, _Job):
                self._finish(job, Outcome(job.request.request_id, error="the service is stopping; repeat the request"))


def _as_repeat(outcome: Outcome) -> Outcome:
    return Outcome(outcome.request_id, outcome.capture, repeat=True, error=outcome.error)
