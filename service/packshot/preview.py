"""Live preview: what the camera sees, its outline or its cutout, many times a second while somebody watches.

For those who show it::

    with preview.subscribe(PreviewMode.CUTOUT) as pictures:
        for frame in pictures.frames():      # blocks; ends when either side closes
            send(frame.media_type, frame.data)

``subscribe`` and ``Subscription.next`` may be called from any thread; ``next`` blocks, so a page served by an event
loop calls it in a worker thread with a time limit. Each subscriber is handed the newest frame only: one that is slow
misses frames and holds nobody up. While a capture is at the shutter no frames come; while one is cut out they come with
the mask of the last one, which leaves the processor to the capture. So they do where the network is slow: the picture
moves on, the mask follows.

Threads: the camera's own thread hands pictures over (``FrameSource``) between captures, one of the preview turns the
newest of them into frames, and ``LiveMasks`` has one in the background, with an engine of its own, so that neither
camera nor accelerator is ever kept from a capture. All rest while nobody watches.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from types import TracebackType
from typing import Protocol, Self

import cv2
import numpy as np
from numpy.typing import NDArray

from packshot.accelerator.port import Accelerator
from packshot.encode.port import EncodeSettings, Patch, PictureEncoder, PictureFormat
from packshot.livemasks import LiveMasks, MaskSettings
from packshot.matting.box import bounding_box
from packshot.matting.compose import lay_on_colour
from packshot.matting.outline import draw_outline
from packshot.matting.tensor import stretch

RGB8 = NDArray[np.uint8]
RGBA8 = NDArray[np.uint8]
Alpha8 = NDArray[np.uint8]

log = logging.getLogger(__name__)


class PreviewMode(StrEnum):
    """What a subscriber sees: JPEGs of the plain picture, with the outline, before a plain colour; or RGBA PNGs."""

    PLAIN = "plain"
    OUTLINE = "outline"
    CUTOUT = "cutout"
    TRANSPARENT = "transparent"


@dataclass(frozen=True)
class PreviewFrame:
    """One encoded picture; ``mode`` is what it shows: PLAIN, whatever was asked for, while the engine has a problem.

    ``number`` counts the camera's pictures, ``taken_at`` is when this one came (``time.monotonic()`` seconds), ``bbox``
    the subject's (left, top, width, height) in its pixels, None where there is none or nobody looked for it.
    """

    number: int
    taken_at: float
    mode: PreviewMode
    media_type: str
    data: bytes = field(repr=False)
    width: int
    height: int
    bbox: tuple[int, int, int, int] | None = None


@dataclass(frozen=True)
class PreviewSettings:
    """``side`` bounds the longer side in pixels; ``colour`` lies behind cutouts.

    A frame waits ``patience_s`` for its own mask. An engine that nobody has needed for ``keep_s`` is closed.
    """

    side: int = 640
    quality: int = 80
    colour: tuple[int, int, int] = (255, 255, 255)
    patience_s: float = 0.06
    keep_s: float = 30.0
    masks: MaskSettings = field(default_factory=MaskSettings)


class FrameSource(Protocol):
    """Who owns the camera, and hands out what it sees between captures."""

    def watch(self, show: Callable[[RGB8], None] | None) -> None:
        """Call ``show`` with every preview picture (h, w, 3) uint8 from now on; None ends it. Never blocks."""


@dataclass(frozen=True)
class _Shot:
    """A picture from the camera."""

    number: int
    taken_at: float
    rgb: RGB8


class LivePreview:
    """Turns the camera's pictures into what its subscribers asked for."""

    def __init__(
        self,
        source: FrameSource,
        open_engine: Callable[[], Accelerator],
        encoder: PictureEncoder,
        settings: PreviewSettings | None = None,
        *,
        cutting: Callable[[], bool] = lambda: False,
    ) -> None:
        """``open_engine`` loads the network when it is first needed; it may raise any PackshotError.

        While ``cutting`` says that a capture is being cut out, pictures go on with the mask of the last one.
        """
        self._source = source
        self._encoder = encoder
        self._cutting = cutting
        self._settings = settings or PreviewSettings()
        self._masks = LiveMasks(open_engine, self._settings.masks)
        self._changed = threading.Condition()
        self._watchers: list[Subscription] = []
        self._shot: _Shot | None = None
        self._count = 0
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="preview", daemon=True)

    @property
    def problem(self) -> str:
        """Empty, or one line that says why there are no cutouts."""
        return self._masks.problem

    @property
    def watched(self) -> bool:
        """Whether anybody looks."""
        return bool(self._watchers)

    def subscribe(self, mode: PreviewMode = PreviewMode.CUTOUT) -> "Subscription":
        """Look on until the subscription is closed; the first subscriber starts the work, the last one ends it."""
        watcher = Subscription(self, mode, self._changed)
        with self._changed:
            if self._closed:
                watcher.ended = True
                return watcher
            self._watchers.append(watcher)
            if not self._thread.is_alive():
                self._thread.start()
            self._shot = None  # the newcomer waits for the next picture rather than see an old one
            if len(self._watchers) == 1:
                self._source.watch(self._take)
        return watcher

    def unsubscribe(self, watcher: "Subscription") -> None:
        """Forget a subscriber; ``Subscription.close`` calls it."""
        with self._changed:
            watcher.ended = True
            if watcher in self._watchers:
                self._watchers.remove(watcher)
                if not self._watchers:
                    self._source.watch(None)
                    self._masks.forget()
            self._changed.notify_all()

    def close(self, timeout_s: float = 2.0) -> None:
        """End every subscription, the thread and the engine."""
        with self._changed:
            self._closed = True
            watchers = list(self._watchers)
        for watcher in watchers:
            watcher.close()
        with self._changed:
            self._changed.notify_all()
        self._masks.close(timeout_s)
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    def _take(self, rgb: RGB8) -> None:
        """From the camera's thread: keep the newest picture, at once. One that is the last one again is left out."""
        with self._changed:
            if self._shot is not None and np.array_equal(self._shot.rgb, rgb):
                return
            self._count += 1
            self._shot = _Shot(self._count, time.monotonic(), rgb)
            self._changed.notify_all()

    def _run(self) -> None:
        done = 0
        while (shot := self._next_shot(done)) is not None:
            done = shot.number
            with self._changed:
                modes = {watcher.mode for watcher in self._watchers}
            try:
                self._hand_out(self._frames(shot, modes))
            except Exception:  # one odd picture must not end the preview
                log.exception("a preview frame failed in an unforeseen way")

    def _next_shot(self, after: int) -> _Shot | None:
        """The newest picture later than number ``after``, None at the end; an idle engine is closed meanwhile."""

        def ready() -> bool:
            return self._closed or (self._shot is not None and self._shot.number > after)

        while True:
            with self._changed:
                self._changed.wait_for(ready, self._settings.keep_s)
                if self._closed:
                    return None
                if self._shot is not None and self._shot.number > after:
                    return self._shot
            self._masks.rest()

    def _frames(self, shot: _Shot, modes: set[PreviewMode]) -> dict[PreviewMode, PreviewFrame]:
        """One frame for each mode that is watched."""
        rgb = _bounded(shot.rgb, self._settings.side)
        alpha = None
        if modes - {PreviewMode.PLAIN}:
            alpha = self._masks.last(rgb) if self._cutting() else None
            alpha = self._masks.alpha(rgb, self._settings.patience_s) if alpha is None else alpha
        return {mode: self._frame(shot, rgb, alpha, mode) for mode in modes}

    def _frame(self, shot: _Shot, rgb: RGB8, alpha: Alpha8 | None, mode: PreviewMode) -> PreviewFrame:
        height, width = rgb.shape[:2]
        shown = PreviewMode.PLAIN if alpha is None else mode
        if alpha is None or mode is PreviewMode.PLAIN:
            form, data = self._jpeg(rgb)
        elif mode is PreviewMode.OUTLINE:
            form, data = self._jpeg(draw_outline(rgb, alpha))
        elif mode is PreviewMode.CUTOUT:
            form, data = self._jpeg(lay_on_colour(_rgba(rgb, alpha), self._settings.colour))
        else:
            form = PictureFormat.PNG
            patch = Patch(_cleared(_rgba(rgb, alpha)), 0, 0, height, width)
            data = self._encoder.encode_rgba(patch, EncodeSettings(form))
        bbox = None if alpha is None else bounding_box(alpha)
        return PreviewFrame(shot.number, shot.taken_at, shown, form.media_type, data, width, height, bbox)

    def _jpeg(self, rgb: RGB8) -> tuple[PictureFormat, bytes]:
        settings = EncodeSettings(PictureFormat.JPEG, self._settings.quality)
        return settings.format, self._encoder.encode_rgb(rgb, settings)

    def _hand_out(self, frames: dict[PreviewMode, PreviewFrame]) -> None:
        with self._changed:
            for watcher in self._watchers:
                watcher.newest = frames.get(watcher.mode, watcher.newest)
            self._changed.notify_all()


class Subscription:
    """One onlooker; close it, or use it as a context manager. Not to be shared by threads."""

    def __init__(self, preview: LivePreview, mode: PreviewMode, changed: threading.Condition) -> None:
        """Made by ``LivePreview.subscribe``; ``changed`` guards ``newest`` and ``ended``."""
        self.mode = mode
        self.newest: PreviewFrame | None = None
        self.ended = False
        self._preview = preview
        self._changed = changed
        self._seen = 0

    def next(self, timeout_s: float | None = None) -> PreviewFrame | None:
        """The newest frame that was not seen yet; None when the time is up (a capture may be going on) or at the end.

        ``ended`` tells these apart.
        """
        with self._changed:
            self._changed.wait_for(lambda: self.ended or self._fresh() is not None, timeout_s)
            frame = None if self.ended else self._fresh()
            self._seen = frame.number if frame else self._seen
            return frame

    def frames(self) -> Iterator[PreviewFrame]:
        """Frame after frame, as they come, until the subscription or the preview is closed."""
        while (frame := self.next()) is not None:
            yield frame

    def close(self) -> None:
        """Look away; a ``next`` that waits returns None. Calling it again does nothing."""
        self._preview.unsubscribe(self)

    def _fresh(self) -> PreviewFrame | None:
        return self.newest if self.newest is not None and self.newest.number > self._seen else None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _bounded(rgb: RGB8, side: int) -> RGB8:
    height, width = rgb.shape[:2]
    scale = side / max(height, width)
    return rgb if scale >= 1 else stretch(rgb, max(1, round(height * scale)), max(1, round(width * scale)))


def _rgba(rgb: RGB8, alpha: Alpha8) -> RGBA8:
    return np.asarray(cv2.merge([*cv2.split(rgb), alpha]), np.uint8)


def _cleared(rgba: RGBA8) -> RGBA8:
    """No colour where nothing is seen."""
    return np.asarray(cv2.copyTo(rgba, cv2.extractChannel(rgba, 3)), np.uint8)
