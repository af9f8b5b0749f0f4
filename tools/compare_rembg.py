#!/usr/bin/env python3
"""packshot against rembg on one photo, same jobs, same machine, runs interleaved.

    tools/compare_rembg.py [--rounds 5] [--photo PHOTO.jpg] [--alpha-matting]

rembg lives in an environment of its own (``~/.cache/packshot/venvs/rembg``), made on the first run. Its network is one
with the arithmetic of U²-Net† (19.8 GMAC) whose answer is the scene's mask, so that it has real edges to work on; with
``--model NET.onnx`` it runs that network instead. Jobs: full-size RGBA PNG, the ``web`` picture, the ``amazon-main``
picture; for rembg the latter two are made with Pillow as anybody would.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

import cv2
import numpy as np

from tools.make_scenes import coarse_mask, make_scene

VERSION = "2.0.86"
ENVIRONMENT = Path.home() / ".cache/packshot/venvs/rembg"
WORKERS = Path(__file__).with_name("compare_workers")
JOBS = ("png", "web", "amazon-main")
MEBIBYTE = 1024


class Worker:
    """One side of the comparison in a process of its own: a job's name in, milliseconds and bytes out."""

    def __init__(self, python: Path, script: str, *arguments: str) -> None:
        command = [str(python), str(WORKERS / script), *arguments]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def run(self, job: str) -> dict[str, float]:
        """Do the job once."""
        if self._process.stdin is None or self._process.stdout is None:
            raise OSError("the worker has no pipes")
        self._process.stdin.write(job + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise OSError(f"the worker ended in {job}")
        return dict(json.loads(answer))

    def close(self) -> None:
        """Let the process end."""
        if self._process.stdin:
            self._process.stdin.close()
        self._process.wait(30)


def rembg_python() -> Path:
    """The interpreter of rembg's environment, which is made if it is not there."""
    python = ENVIRONMENT / "bin" / "python"
    marker = ENVIRONMENT / f"rembg-{VERSION}"
    if not marker.exists():
        print(f"making {ENVIRONMENT} (once)", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", str(ENVIRONMENT)], check=True)
        packages = [f"rembg[cpu]=={VERSION}", "onnx"]
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", *packages], check=True)
        marker.touch()
    return python


def write_scene(folder: Path) -> tuple[Path, Path]:
    """A 12-megapixel scene: its photo, and the mask that rembg's network shall answer with."""
    scene = make_scene("mug", 3040, 4056, 2)
    photo, mask = folder / "photo.jpg", folder / "mask.npy"
    cv2.imwrite(str(photo), scene.photo[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 92])
    np.save(mask, coarse_mask(scene.alpha, 320, 0.3, 1))
    return photo, mask


def main() -> None:
    """Print a table of medians."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--photo", type=Path, help="instead of the generated scene")
    parser.add_argument("--model", type=Path, help="ONNX network for rembg")
    parser.add_argument("--alpha-matting", action="store_true", help="rembg with closed-form matting (minutes)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        photo, mask = write_scene(Path(folder))
        photo = arguments.photo or photo
        model = str(arguments.model or "")
        matting = "matting" if arguments.alpha_matting else ""
        sides = {
            "packshot": Worker(Path(sys.executable), "packshot_side.py", str(photo)),
            "rembg": Worker(rembg_python(), "rembg_side.py", str(photo), str(mask), model, matting),
        }
        print("| job | packshot ms | bytes | rembg ms | bytes | times faster |\n|---|---|---|---|---|---|")
        peaks = dict.fromkeys(sides, 0.0)
        for job in JOBS:
            results: dict[str, list[dict[str, float]]] = {name: [] for name in sides}
            for _ in range(arguments.rounds + 1):  # the first one warms up
                for name, worker in sides.items():
                    results[name].append(worker.run(job))
                    peaks[name] = max(peaks[name], results[name][-1]["peak_kib"])
            ms = {name: median(one["ms"] for one in runs[1:]) for name, runs in results.items()}
            size = {name: int(runs[-1]["bytes"]) for name, runs in results.items()}
            print(
                f"| {job} | {ms['packshot']:.0f} | {size['packshot']} | {ms['rembg']:.0f} | {size['rembg']} "
                f"| {ms['rembg'] / ms['packshot']:.1f} |",
                flush=True,
            )
        print(f"\npeak memory MiB: { ({name: round(peak / MEBIBYTE) for name, peak in peaks.items()}) }")
        for worker in sides.values():
            worker.close()


if __name__ == "__main__":
    main()
