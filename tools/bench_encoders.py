#!/usr/bin/env python3
"""Every codec that could read a photo or write a cutout, on the same pixels: CPU time, bytes, how many times the best.

    python -m tools.bench_encoders [--megapixels 12] [--rounds 5]
    python -m tools.bench_encoders --arm64      the box's aarch64 wheels under QEMU: the order, not the milliseconds

The photo is a sample of the package, enlarged and with a camera's noise; the cutout is an ellipse of it with a soft
edge. Rounds are interleaved, CPU milliseconds are medians. What is not installed is left out.
"""

import argparse
import zlib
from collections.abc import Callable, Mapping
from importlib import import_module
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from statistics import median
from time import process_time
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from packshot.encode.png import write_patch
from packshot.encode.port import Patch
from packshot.encode.vp8l import encode_green
from packshot.encode.webp import encode_webp
from packshot.encode.white import encode_exact_white
from packshot.platform.resources import package_path

Bytes8 = NDArray[np.uint8]
Jobs = Mapping[str, Callable[[], Any]]

SAMPLE = "samples/8-teapot.jpg"
QUALITY = 85
EMULATED_MEGAPIXELS = 1.0


def photo(megapixels: float) -> Bytes8:
    """A sample at 4:3 and this size, with noise of sigma 2/255; RGB."""
    height = round((megapixels * 1e6 * 3 / 4) ** 0.5 / 16) * 16
    with Image.open(package_path(SAMPLE)) as sample:
        small = np.asarray(sample.convert("RGB"))
    enlarged = cv2.resize(small, (height * 4 // 3, height), interpolation=cv2.INTER_CUBIC)
    noise = np.random.default_rng(1).normal(0, 2, enlarged.shape)
    return np.asarray(np.clip(np.rint(enlarged + noise), 0, 255), np.uint8)


def cutout(pixels: Bytes8) -> Bytes8:
    """The middle of a photo as straight-alpha RGBA, zero under alpha 0."""
    height, width = pixels.shape[:2]
    y, x = np.mgrid[:height, :width]
    beyond = np.hypot((x - width / 2) / (width * 0.3), (y - height / 2) / (height * 0.4)) - 1
    alpha = np.rint(np.clip(0.5 - beyond * height / 10, 0, 1) * 255).astype(np.uint8)
    rgba = np.dstack([pixels, alpha])
    rgba[alpha == 0] = 0
    return rgba


def saved(pixels: Bytes8, kind: str, **options: Any) -> bytes:
    """A file as Pillow writes it."""
    out = BytesIO()
    Image.fromarray(pixels).save(out, kind, **options)
    return out.getvalue()


def _decoders(jpeg: bytes, height: int, width: int, divisor: int) -> Jobs:
    """A JPEG at a part of its sides (1, 4 or 8)."""
    data = np.frombuffer(jpeg, np.uint8)
    flag = {1: cv2.IMREAD_COLOR_RGB, 4: cv2.IMREAD_REDUCED_COLOR_4, 8: cv2.IMREAD_REDUCED_COLOR_8}[divisor]

    def by_pillow() -> Image.Image:
        image = Image.open(BytesIO(jpeg))
        image.draft("RGB", (width // divisor, height // divisor))
        return image.convert("RGB")

    jobs: dict[str, Callable[[], Any]] = {"OpenCV": lambda: cv2.imdecode(data, flag), "Pillow": by_pillow}
    if find_spec("simplejpeg"):
        decode = import_module("simplejpeg").decode_jpeg
        jobs["simplejpeg"] = lambda: decode(jpeg, "RGB", min_height=height // divisor, min_width=width // divisor)
    return jobs


def _png(rgba: Bytes8) -> Jobs:
    raw = rgba.tobytes()
    patch = Patch(rgba, 0, 0, *rgba.shape[:2])
    jobs: dict[str, Callable[[], Any]] = {
        "packshot's PNG": lambda: write_patch(patch, b""),
        "zlib level 1": lambda: zlib.compress(raw, 1),
        "OpenCV level 1": lambda: cv2.imencode(".png", rgba, [cv2.IMWRITE_PNG_COMPRESSION, 1])[1],
        "Pillow level 1": lambda: saved(rgba, "PNG", compress_level=1),
        "Pillow level 6": lambda: saved(rgba, "PNG"),
    }
    if find_spec("isal"):
        isal = import_module("isal.isal_zlib")
        jobs["isal level 1, unfiltered"] = lambda: isal.compress(raw, 1)
    return jobs


def _webp(rgba: Bytes8) -> Jobs:
    return {
        "packshot's WebP": lambda: encode_webp(rgba, QUALITY, b""),
        "libwebp, method 0": lambda: saved(rgba, "WEBP", quality=QUALITY, method=0),
        "libwebp, method 4": lambda: saved(rgba, "WEBP", quality=QUALITY),
    }


def _alpha(rgba: Bytes8) -> Jobs:
    alpha = np.ascontiguousarray(rgba[..., 3])
    less_left = np.diff(alpha, axis=1, prepend=0).astype(np.uint8)
    green = np.dstack([np.zeros_like(alpha), less_left, np.zeros_like(alpha)])
    return {
        "packshot's bitstream": lambda: encode_green(less_left),
        "libwebp, least effort": lambda: saved(green, "WEBP", lossless=True, quality=0, method=0),
    }


def _jpeg(pixels: Bytes8) -> Jobs:
    options = [cv2.IMWRITE_JPEG_QUALITY, 92, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]
    jobs: dict[str, Callable[[], Any]] = {
        "packshot's exact white": lambda: encode_exact_white(pixels, 92, b""),
        "OpenCV 4:4:4": lambda: cv2.imencode(".jpg", pixels, options)[1],
        "Pillow 4:4:4": lambda: saved(pixels, "JPEG", quality=92, subsampling=0),
    }
    if find_spec("simplejpeg"):
        encode = import_module("simplejpeg").encode_jpeg
        jobs["simplejpeg 4:4:4"] = lambda: encode(pixels, 92, "RGB", "444")
    return jobs


def groups(megapixels: float) -> dict[str, Jobs]:
    """What is compared with what."""
    pixels = photo(megapixels)
    height, width = pixels.shape[:2]
    rgba = cutout(pixels)
    half = np.ascontiguousarray(rgba[::2, ::2])
    laid = np.where(half[..., 3:] > 0, half[..., :3], np.uint8(255))
    jpeg = saved(pixels, "JPEG", quality=92)
    return {
        f"JPEG of {width}x{height}, whole": _decoders(jpeg, height, width, 1),
        "the same at a quarter": _decoders(jpeg, height, width, 4),
        "the same at an eighth": _decoders(jpeg, height, width, 8),
        f"cutout of {width}x{height} as PNG": _png(rgba),
        f"cutout of {half.shape[1]}x{half.shape[0]} as WebP, quality {QUALITY}": _webp(half),
        "its alpha alone": _alpha(half),
        "the same on white as JPEG, quality 92": _jpeg(laid),
    }


def measure(jobs: Jobs, rounds: int) -> dict[str, tuple[float, int]]:
    """CPU milliseconds and bytes of each job; the first round warms up."""
    times: dict[str, list[float]] = {name: [] for name in jobs}
    sizes = {}
    for number in range(rounds + 1):
        for name, job in jobs.items():
            began = process_time()
            result = job()
            if number:
                times[name].append((process_time() - began) * 1000)
            sizes[name] = len(result) if isinstance(result, bytes) else getattr(result, "nbytes", 0)
    return {name: (median(values), sizes[name]) for name, values in times.items()}


def print_table(title: str, found: Mapping[str, tuple[float, int]]) -> None:
    """The best first."""
    best = min(ms for ms, _ in found.values())
    print(f"\n| {title} | CPU ms | times the best | kilobytes |\n|---|---|---|---|")
    for name, (ms, size) in sorted(found.items(), key=lambda item: item[1][0]):
        print(f"| {name} | {ms:.0f} | {ms / best:.1f} | {size / 1000:.0f} |", flush=True)


def emulated(rounds: int) -> str:
    """The same on the box's aarch64 wheels."""
    from tests.arm64.emulated import arm64_root, arm64_site, run

    size = ("--megapixels", str(EMULATED_MEGAPIXELS), "--rounds", str(rounds))
    return run(arm64_root(), arm64_site(), Path(__file__), *size)


def main() -> None:
    """Print a table for each group."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megapixels", type=float, default=12.0)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--arm64", action="store_true", help="aarch64 wheels under QEMU (tools/test-arm64 sets it up)")
    arguments = parser.parse_args()
    if arguments.arm64:
        print(emulated(arguments.rounds))
        return
    cv2.setNumThreads(1)
    for title, jobs in groups(arguments.megapixels).items():
        print_table(title, measure(jobs, arguments.rounds))


if __name__ == "__main__":
    main()
