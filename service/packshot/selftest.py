"""Is the box fit? Golden photo through the engine, a frame from the camera, a durable write to the spool."""

import os
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from packshot.camera.port import Camera
from packshot.cutout import Cutter
from packshot.errors import EXIT_DEVICE, EXIT_SPOOL, PackshotError
from packshot.platform import durable

IOU_AT_LEAST = 0.9
PROBE = "selftest.probe"


@dataclass(frozen=True)
class PartResult:
    """One part: whether it works, what was seen, and the exit code if it does not."""

    part: str
    ok: bool
    text: str
    exit_code: int = 0


def check_engine(cutter: Cutter, golden: bytes, truth: NDArray[np.uint8]) -> PartResult:
    """The golden photo must come out as its known alpha (H, W) uint8: a blank or inverted mask does not pass."""
    began = time.perf_counter()
    try:
        result = cutter.cut(golden)
    except PackshotError as error:
        return PartResult("accelerator", False, str(error), EXIT_DEVICE)
    ms = (time.perf_counter() - began) * 1000
    iou = intersection_over_union(result.alpha() > 127, truth > 127)
    good = iou >= IOU_AT_LEAST
    text = f"{result.engine}, golden photo IoU {iou:.3f} in {ms:.0f} ms"
    advice = "" if good else f"; at least {IOU_AT_LEAST} is needed, the engine computes wrongly or the model is damaged"
    return PartResult("accelerator", good, text + advice, 0 if good else EXIT_DEVICE)


def check_camera(camera: Camera, timeout_s: float) -> PartResult:
    """One frame, exposed now."""
    try:
        frame = camera.capture(time.monotonic(), timeout_s)
    except PackshotError as error:
        return PartResult("camera", False, str(error), EXIT_DEVICE)
    lag = "" if frame.shutter.lag_s is None else f", lag {frame.shutter.lag_s * 1000:.0f} ms"
    return PartResult("camera", True, f"{len(frame.data)} bytes, shutter {frame.shutter.proof.value}{lag}")


def check_spool(folder: Path) -> PartResult:
    """A file written, flushed, read back and removed where the spool lives."""
    probe, data = folder / PROBE, os.urandom(4096)
    try:
        durable.make_folder(folder)
        durable.write_file(probe, data)
        same = probe.read_bytes() == data
        probe.unlink()
    except OSError as error:
        return PartResult("spool", False, f"{error.filename or folder}: {error.strerror}", EXIT_SPOOL)
    if not same:
        return PartResult(
            "spool", False, f"{folder} gave back other bytes than were written; replace the card", EXIT_SPOOL
        )
    return PartResult("spool", True, f"{folder} writes, flushes and reads")


def intersection_over_union(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> float:
    """|A and B| / |A or B| of two masks of one shape, 0 where both are empty or the shapes differ."""
    if one.shape != other.shape:
        return 0.0
    union = int(np.count_nonzero(one | other))
    return float(np.count_nonzero(one & other)) / union if union else 0.0
