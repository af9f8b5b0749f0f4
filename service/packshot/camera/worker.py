"""Any camera in a process of its own, so that one that hangs in its driver can be killed and started anew."""

import multiprocessing
import time
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

import numpy as np
from numpy.typing import NDArray

from packshot.camera.port import Camera, CameraInfo, DriverHangs
from packshot.domain import Frame
from packshot.errors import BadImage, CameraError, PackshotError

START_TIMEOUT_S = 60.0  # a Raspberry Pi 4 needs seconds to import OpenCV, from a slow card in a busy boot many more
GRACE_S = 2.0  # past the deadline of a capture, for the worker to say so itself
PREVIEW_TIMEOUT_S = 2.0
FIRST_BACK_OFF_S = 0.5
LONGEST_BACK_OFF_S = 30.0
JOIN_S = 1.0


class WorkerCamera:
    """Forwards every call to a camera that ``make`` builds in a child process.

    A worker that does not answer in time, or dies, is killed; the next call starts another, after a pause that grows
    with each failure in a row. A process that not even SIGKILL ends (it waits in the kernel for the device) is left
    behind. ``time.monotonic`` is the same clock in both processes, so triggers and shutter lags pass unchanged.
    """

    def __init__(self, make: Callable[[], Camera], info: CameraInfo) -> None:
        """``make`` must be picklable; it runs in the child. ``info`` is told until the child has said better."""
        self._make = make
        self._info = info
        self._problem = ""
        self._worker: _Worker | None = None
        self._failures = 0
        self._retry_at = 0.0

    @property
    def info(self) -> CameraInfo:
        """What the camera in the worker last said of itself."""
        return self._info

    @property
    def problem(self) -> str:
        """The camera's problem, or the worker's."""
        return self._problem

    def capture(self, triggered_at: float, timeout_s: float) -> Frame:
        """See ``Camera.capture``; a worker that is silent ``GRACE_S`` past the deadline is killed."""
        deadline = time.monotonic() + timeout_s
        time.sleep(max(0.0, min(self._retry_at, deadline) - time.monotonic()))
        worker = self._running()
        try:
            frame: Frame = worker.ask(("capture", triggered_at, timeout_s), timeout_s + GRACE_S)
        except (_Lost, DriverHangs) as error:
            self._kill(f"camera {self._info.source}: {error}; it was restarted")
            raise CameraError(self._problem) from error
        except PackshotError as error:
            self._problem = str(error)
            raise
        self._problem, self._failures = "", 0
        self._info = worker.info
        return frame

    def preview(self) -> NDArray[np.uint8] | None:
        """See ``Camera.preview``; None while the worker starts or waits for its next try."""
        if self._worker is None and time.monotonic() < self._retry_at:
            return None
        try:
            worker = self._running()
            if not worker.ready():
                return None
            picture, self._problem = worker.ask(("preview",), PREVIEW_TIMEOUT_S)
        except (_Lost, CameraError) as error:
            self._kill(f"camera {self._info.source}: {error}; it was restarted")
            return None
        return np.asarray(picture, np.uint8) if picture is not None else None

    def close(self) -> None:
        """Let the camera go and end the worker."""
        worker, self._worker = self._worker, None
        if worker is not None:
            worker.end()

    def _running(self) -> "_Worker":
        if self._worker is not None and not self._worker.alive():
            self._kill(f"camera {self._info.source}: its process died; it was restarted")
        if self._worker is None:
            self._worker = _Worker(self._make)
        return self._worker

    def _kill(self, reason: str) -> None:
        worker, self._worker = self._worker, None
        if worker is not None:
            worker.kill()
        self._problem = reason
        self._failures += 1
        self._retry_at = time.monotonic() + min(LONGEST_BACK_OFF_S, FIRST_BACK_OFF_S * 2 ** (self._failures - 1))


class _Lost(Exception):
    """The worker is gone or does not answer."""


class _Worker:
    """A child process and the pipe to it; one question at a time."""

    def __init__(self, make: Callable[[], Camera]) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process: BaseProcess = context.Process(target=_serve, args=(make, theirs), daemon=True, name="camera")
        self._process.start()
        theirs.close()
        self._started_at = time.monotonic()
        self._ready = False
        self.info = CameraInfo("", "")

    def ready(self) -> bool:
        """Whether it has said that it is up; _Lost if it takes too long or died."""
        if not self._ready:
            if self._pipe.poll(0):
                self._receive()
                self._ready = True
            elif time.monotonic() - self._started_at > START_TIMEOUT_S or not self._process.is_alive():
                raise _Lost("its process does not start")
        return self._ready

    def alive(self) -> bool:
        """Whether the process still runs."""
        return self._process.is_alive()

    def ask(self, question: tuple[Any, ...], timeout_s: float) -> Any:
        """The camera's answer or the error it raised; _Lost if none comes in time."""
        if not self._ready:
            if not self._pipe.poll(START_TIMEOUT_S):
                raise _Lost("its process does not start")
            self.ready()
        try:
            self._pipe.send(question)
        except OSError as error:
            raise _Lost("its process died") from error
        if not self._pipe.poll(timeout_s):
            raise _Lost(f"no answer within {timeout_s:.1f} s")
        return self._receive()

    def end(self) -> None:
        """Ask it to close the camera; kill it if it does not."""
        with suppress(OSError):  # it may have ended already
            self._pipe.send(None)
        self._process.join(JOIN_S)
        self.kill()

    def kill(self) -> None:
        """SIGKILL; returns also when the process cannot die."""
        self._process.kill()
        self._process.join(JOIN_S)
        self._pipe.close()

    def _receive(self) -> Any:
        try:
            answer, self.info = self._pipe.recv()
        except (EOFError, OSError) as error:
            raise _Lost("its process died") from error
        if isinstance(answer, PackshotError):
            raise answer
        return answer


def _serve(make: Callable[[], Camera], pipe: Connection) -> None:
    """The child: answer questions until the parent hangs up or says None."""
    camera = make()
    pipe.send((None, camera.info))
    try:
        with suppress(EOFError, OSError):  # the parent has gone
            while (question := pipe.recv()) is not None:
                pipe.send((_answer(camera, question), camera.info))
    finally:
        camera.close()


def _answer(camera: Camera, question: tuple[Any, ...]) -> Any:
    try:
        if question[0] == "preview":
            return camera.preview(), camera.problem
        return camera.capture(*question[1:])
    except (CameraError, BadImage) as error:
        return error
