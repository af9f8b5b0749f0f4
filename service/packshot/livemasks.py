"""Masks of a live picture, made on a thread of their own in the background: whoever shows the picture need not wait.

The picture is to move on where the network is slow, or the processor has something better to do: then it is shown with
the mask of one before.
"""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from packshot.accelerator.port import Accelerator
from packshot.errors import PackshotError
from packshot.matting.refine import EdgeSettings, Profile, refine_alpha
from packshot.matting.steady import SteadyMask, SteadySettings
from packshot.matting.tensor import coarse_mask, network_input
from packshot.platform.logs import event
from packshot.platform.priority import to_background

RGB8 = NDArray[np.uint8]
Alpha8 = NDArray[np.uint8]

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class MaskSettings:
    """How masks are refined and steadied; an engine that failed is tried again after ``retry_s``."""

    profile: Profile = Profile.AUTO
    edges: EdgeSettings = field(default_factory=EdgeSettings)
    steady: SteadySettings = field(default_factory=SteadySettings)
    retry_s: float = 5.0


class LiveMasks:
    """Steadied alpha of one live picture. To be asked by one thread; ``forget`` and ``close`` may come from any."""

    def __init__(self, open_engine: Callable[[], Accelerator], settings: MaskSettings) -> None:
        """``open_engine`` loads the network when it is first needed; it may raise any PackshotError."""
        self._settings = settings
        self._eye = _Eye(open_engine, settings)
        self._changed = threading.Condition()
        self._wanted: RGB8 | None = None
        self._asked = self._answered = self._forgotten = 0
        self._last: Alpha8 | None = None
        self._resting = self._closed = False
        self._thread = threading.Thread(target=self._run, name="preview masks", daemon=True)

    @property
    def problem(self) -> str:
        """Empty, or one line that says why there are no masks."""
        return self._eye.problem

    def last(self, rgb: RGB8) -> Alpha8 | None:
        """The last alpha, where it is of this picture's size."""
        last = self._last
        return last if last is not None and last.shape == rgb.shape[:2] else None

    def alpha(self, rgb: RGB8, patience_s: float) -> Alpha8 | None:
        """Alpha (H, W) uint8 of this picture; of one before where it takes longer; None while the engine does not work.

        The first one, and the first of another size, is waited for.
        """
        patience = None if self.last(rgb) is None else patience_s
        with self._changed:
            if self._closed:
                return None
            if not self._thread.is_alive():
                self._thread.start()
            self._asked, self._wanted, self._resting = self._asked + 1, rgb, False
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._closed or self._answered == self._asked, patience)
        return self.last(rgb)

    def forget(self) -> None:
        """The next picture has nothing to do with the last one."""
        with self._changed:
            self._last, self._forgotten = None, self._asked

    def rest(self) -> None:
        """Free the engine until it is needed again."""
        with self._changed:
            self._resting = True
            self._changed.notify_all()

    def close(self, timeout_s: float) -> None:
        """End the thread and free the engine."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    def _run(self) -> None:
        to_background()
        while (order := self._next()) is not None:
            number, rgb = order
            try:
                alpha = self._eye.alpha(rgb)
            except Exception:  # one odd picture must not end the masks of all others
                log.exception("a preview mask failed in an unforeseen way")
                alpha = None
            with self._changed:
                self._answered = number
                if number > self._forgotten:
                    self._last = alpha
                self._changed.notify_all()
        self._eye.close()

    def _next(self) -> tuple[int, RGB8] | None:
        """The newest picture that is wanted, None at the end; while resting the engine is freed."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closed or self._resting or self._wanted is not None)
                rgb, number = self._wanted, self._asked
                self._wanted, self._resting = None, False
                if self._closed:
                    return None
            if rgb is not None:
                return number, rgb
            self._eye.close()


class _Eye:
    """Pictures to steadied alpha, with an engine that is opened when needed and tried again when it fails."""

    def __init__(self, open_engine: Callable[[], Accelerator], settings: MaskSettings) -> None:
        self.problem = ""
        self._open_engine = open_engine
        self._settings = settings
        self._engine: Accelerator | None = None
        self._steady = SteadyMask(settings.steady)
        self._retry_at = float("-inf")

    def alpha(self, rgb: RGB8) -> Alpha8 | None:
        """Alpha (H, W) uint8 of the next picture, None while the engine does not work."""
        if time.monotonic() < self._retry_at:
            return None
        try:
            engine = self._engine = self._engine or self._open_engine()
            mask = coarse_mask(engine.infer(network_input(rgb, engine.card)), engine.card)
        except PackshotError as error:
            self._fail(str(error))
            return None
        self.problem = ""
        return refine_alpha(rgb, self._steady.update(rgb, mask), self._settings.profile, self._settings.edges)

    def close(self) -> None:
        """Free the engine, forget the past."""
        engine, self._engine = self._engine, None
        self._steady = SteadyMask(self._settings.steady)
        if engine is not None:
            engine.close()

    def _fail(self, problem: str) -> None:
        self.close()
        if problem != self.problem:
            event(log, "no preview cutouts", logging.WARNING, error=problem)
        self.problem = problem
        self._retry_at = time.monotonic() + self._settings.retry_s
