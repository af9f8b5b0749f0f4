#!/usr/bin/env python3
"""The live preview in figures: flicker and lag on clips with known masks, cost at 640 px, and what it costs a capture.

    tools/measure_preview.py [--photo PHOTO] [--seconds 5]

Flicker is the mean change from frame to frame of mask minus truth, in thousandths; lag is in frames, by the masks'
centres, and holds for all methods what the network's own error adds; error is the mean difference to the true mask.
"""

import argparse
import statistics
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from packshot.cli.bench import enlarged
from packshot.config import Config
from packshot.encode.photo import decode_photo
from packshot.matting.steady import SteadyMask
from packshot.platform.resources import golden_photo
from packshot.preview import PreviewMode, Subscription
from packshot.wiring import build_cutting
from packshot.wiring.preview import build_preview
from tools.make_clips import ClipFrame, make_clip

Float = NDArray[np.float32]
RGB8 = NDArray[np.uint8]

WARM_UP = 10  # frames that do not count
AVERAGE = 0.2  # weight of the new mask in plain averaging, as where nothing moves
CLIPS = (("mug", 0.0), ("mug", 1.0), ("mug", 8.0), ("white", 0.0), ("white", 1.0), ("white", 8.0))


@dataclass(frozen=True)
class ClipFigures:
    """Mean error and flicker in thousandths, lag in frames."""

    error: float
    flicker: float
    lag: float


def clip_figures(clip: Iterable[ClipFrame], speed: float) -> dict[str, ClipFigures]:
    """Figures of the network's masks, of plain averaging and of the steadied masks; ``speed`` in picture px a frame."""
    steady, average = SteadyMask(), None
    masks: dict[str, list[Float]] = {"network": [], "average": [], "steady": []}
    truths, pixel = [], 1.0
    for frame in clip:
        average = frame.seen if average is None else AVERAGE * frame.seen + (1 - AVERAGE) * average
        masks["network"].append(frame.seen)
        masks["average"].append(average)
        masks["steady"].append(steady.update(frame.picture, frame.seen))
        truths.append(frame.truth)
        pixel = frame.picture.shape[1] / frame.truth.shape[1]
    truth = np.stack(truths[WARM_UP:])
    return {name: _figures(np.stack(found[WARM_UP:]), truth, speed / pixel) for name, found in masks.items()}


def _figures(masks: Float, truth: Float, speed: float) -> ClipFigures:
    wrong = masks - truth
    behind = [_centre(true) - _centre(mask) for mask, true in zip(masks, truth, strict=True)]
    lag = float(np.mean(behind)) / speed if speed else 0.0
    return ClipFigures(1000 * float(np.abs(wrong).mean()), 1000 * float(np.abs(np.diff(wrong, axis=0)).mean()), lag)


def _centre(mask: Float) -> float:
    return float((mask.sum(axis=0) * np.arange(mask.shape[1])).sum() / max(float(mask.sum()), 1e-6))


class Player:
    """Plays pictures as a camera's owner would, ``fps`` a second, while somebody watches."""

    def __init__(self, pictures: list[RGB8], fps: float = 30.0) -> None:
        self._pictures = pictures
        self._fps = fps
        self._show: Callable[[RGB8], None] | None = None

    def watch(self, show: Callable[[RGB8], None] | None) -> None:
        """See ``FrameSource.watch``."""
        starts = show is not None and self._show is None
        self._show = show
        if starts:
            threading.Thread(target=self._play, daemon=True).start()

    def _play(self) -> None:
        number = 0
        while (show := self._show) is not None:
            show(self._pictures[number % len(self._pictures)])
            number += 1
            time.sleep(1 / self._fps)


def frames_a_second(mode: PreviewMode, pictures: list[RGB8], seconds: float) -> float:
    """What one onlooker is shown."""
    preview = build_preview(Config(), Player(pictures))
    with preview.subscribe(mode) as watching:
        watching.next(30.0)
        began, shown = time.perf_counter(), 0
        while time.perf_counter() - began < seconds:
            shown += watching.next(1.0) is not None
        taken = time.perf_counter() - began
    preview.close()
    return shown / taken


def beside_captures(photo: bytes, pictures: list[RGB8], runs: int = 12) -> tuple[float, float, float]:
    """Milliseconds of a cutout alone and while the preview is watched, in turns; the frames a second seen meanwhile."""
    cutting = build_cutting(Config())
    alone, beside, shown, watched_s = [], [], 0, 0.0
    busy = threading.Event()
    preview = build_preview(Config(), Player(pictures), busy.is_set)
    cutting.cutter.cut(photo)
    for _ in range(runs):
        alone.append(_milliseconds(lambda: cutting.cutter.cut(photo)))
        with preview.subscribe() as watching:
            watching.next(30.0)
            onlooker = Onlooker(watching)
            busy.set()
            beside.append(_milliseconds(lambda: cutting.cutter.cut(photo)))
            busy.clear()
            shown, watched_s = shown + onlooker.shown, watched_s + beside[-1] / 1000
    preview.close()
    cutting.close()
    return statistics.median(alone), statistics.median(beside), shown / watched_s


class Onlooker:
    """Counts what a subscription shows until it is closed."""

    def __init__(self, watching: Subscription) -> None:
        self.shown = 0
        self._watching = watching
        threading.Thread(target=self._count, daemon=True).start()

    def _count(self) -> None:
        for _ in self._watching.frames():
            self.shown += 1


def _milliseconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1000


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photo", type=Path, help="what is captured; default: the golden photo at 12 megapixels")
    parser.add_argument("--seconds", type=float, default=5.0, help="to watch in each mode")
    arguments = parser.parse_args()
    print("| clip | px a frame | method | error | flicker | lag |\n|---|---|---|---|---|---|")
    for kind, speed in CLIPS:
        for name, found in clip_figures(make_clip(kind, 1, speed), speed).items():
            print(f"| {kind} | {speed:g} | {name} | {found.error:.1f} | {found.flicker:.2f} | {found.lag:.2f} |")
    pictures = [frame.picture for frame in make_clip("mug", 1, 2.0, frames=30)]
    for mode in PreviewMode:
        print(f"{mode}: {frames_a_second(mode, pictures, arguments.seconds):.1f} frames a second at 640 px")
    photo = arguments.photo.read_bytes() if arguments.photo else enlarged(golden_photo())
    alone, beside, fps = beside_captures(photo, pictures)
    size = "x".join(str(side) for side in decode_photo(photo).pixels.shape[1::-1])
    print(f"cutout of {size}: {alone:.0f} ms alone, {beside:.0f} ms while watched; {fps:.1f} frames a second beside it")


if __name__ == "__main__":
    main()
