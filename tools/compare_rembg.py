#!/usr/bin/env python3
"""packshot against rembg on seeded 12-megapixel scenes: same photos, same jobs, same machine, runs interleaved.

    python -m tools.compare_rembg [--kinds mug,product] [--rounds 5] [--ours NET.onnx] [--alpha-matting] [--sheet S.jpg]

rembg lives in an environment of its own (``~/.cache/packshot/venvs/rembg``), made on the first run. It runs

- with U²-Net† as published, of random weights (19.8 GMAC), that adds its next to nothing to the scene's mask, so that
  there are real edges to work on: time, memory, bytes;
- with ``--ours`` (the float .onnx that ``python -m models.quantize`` writes) in its custom session, plain and with its
  own decontamination, so that the two differ by what surrounds the network: error of alpha and of the edge's colour;
- with ``--alpha-matting`` once each with closed-form matting (minutes and gigabytes).

Jobs: full-size RGBA PNG, the ``web`` picture, the ``amazon-main`` picture; rembg's with Pillow, as anybody would.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import cv2
import numpy as np

from tools.bench_workers import u2netp_onnx
from tools.compare_workers.quality import Truth, contact_sheet, errors, read_rgba
from tools.make_scenes import coarse_mask, make_scene

VERSION = "2.0.86"
ENVIRONMENT = Path.home() / ".cache/packshot/venvs/rembg"
WORKERS = Path(__file__).with_name("compare_workers")
JOBS = ("png", "web", "amazon-main")
MEBIBYTE = 1024
TWELVE_MEGAPIXELS = (3040, 4056)
PEAK_OF_CUT = """
import sys
from packshot.cli import main
code = main(["cut", sys.argv[1], "-o", sys.argv[2]])
print(open("/proc/self/status").read().split("VmHWM:")[1].split()[0])
sys.exit(code)
"""


class Worker:
    """One side of the comparison in a process of its own."""

    def __init__(self, python: Path, script: str, *arguments: str) -> None:
        command = [str(python), str(WORKERS / script), *arguments]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def run(self, job: str, photo: Path, save: Path | None = None) -> dict[str, Any]:
        """Do a job once: milliseconds, bytes, peak_kib and the stages' milliseconds."""
        if self._process.stdin is None or self._process.stdout is None:
            raise OSError("the worker has no pipes")
        order = {"name": job, "photo": str(photo), "save": str(save) if save else ""}
        self._process.stdin.write(json.dumps(order) + "\n")
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


@dataclass
class Findings:
    """What was measured on all scenes: runs by (job, side), errors by side, faces for the sheet by scene."""

    runs: dict[tuple[str, str], list[dict[str, Any]]] = field(default_factory=dict)
    quality: dict[str, list[Mapping[str, float]]] = field(default_factory=dict)
    faces: list[Any] = field(default_factory=list)

    def add(self, job: str, side: str, run: dict[str, Any]) -> None:
        """Keep a warm run."""
        self.runs.setdefault((job, side), []).append(run)

    def typical(self, job: str, side: str, what: str) -> float:
        """The median over runs and scenes."""
        return median(float(run[what]) for run in self.runs[job, side])


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


def write_scene(kind: str, seed: int, folder: Path) -> tuple[Path, Path, Truth]:
    """A scene's photo, the mask that rembg's network shall answer with, and the truth."""
    scene = make_scene(kind, *TWELVE_MEGAPIXELS, seed)
    photo, mask = folder / f"{kind}.jpg", folder / f"{kind}.npy"
    cv2.imwrite(str(photo), scene.photo[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 92])
    np.save(mask, coarse_mask(scene.alpha, 320, 0.3, 1))
    eight = (np.rint(part * 255).astype(np.uint8) for part in (scene.alpha, scene.foreground))
    return photo, mask, Truth(*eight)


def measure_speed(sides: Mapping[str, Worker], photo: Path, rounds: int, findings: Findings) -> None:
    """Every job on every side in turn; the first round warms up."""
    for job in JOBS:
        for number in range(rounds + 1):
            for name, worker in sides.items():
                run = worker.run(job, photo)
                if number:
                    findings.add(job, name, run)


def measure_quality(
    sides: Mapping[str, Worker], photo: Path, truth: Truth, folder: Path, findings: Findings, face: list[Any]
) -> None:
    """The errors of every side's RGBA PNG; ``face`` gets what the contact sheet shows."""
    for name, worker in sides.items():
        path = folder / f"{name.replace(' ', '-')}.png"
        run = worker.run("png", photo, path)
        if ("png", name) not in findings.runs:
            findings.add("png", name, run)
        rgba = read_rgba(path)
        findings.quality.setdefault(name, []).append(errors(rgba, truth))
        face.append((name, rgba))


def peak_of_cut(photo: Path) -> float:
    """Mebibytes that one ``packshot cut`` of the photo takes at most, in a process of its own."""
    command = [sys.executable, "-c", PEAK_OF_CUT, str(photo), str(photo.with_suffix(".cut.png"))]
    answer = subprocess.run(command, check=True, capture_output=True, text=True)
    return float(answer.stdout.split()[-1]) / MEBIBYTE


def one_scene(kind: str, arguments: argparse.Namespace, folder: Path, findings: Findings) -> None:
    """All measurements on one scene."""
    photo, mask, truth = write_scene(kind, arguments.seed, folder)
    theirs, ours, published = rembg_python(), ["--model", str(arguments.ours)], folder / "u2netp.onnx"
    u2netp_onnx.write(published)
    answering = ["--model", str(published), "--mask", str(mask)]
    ourselves = Worker(Path(sys.executable), "packshot_side.py")
    random = Worker(theirs, "rembg_side.py", *answering)
    measure_speed({"packshot": ourselves, "rembg": random}, photo, arguments.rounds, findings)
    random.close()
    face: list[Any] = [("photo", photo)]
    sides = {"packshot": ourselves}
    if arguments.ours:
        sides["rembg, our network"] = Worker(theirs, "rembg_side.py", *ours)
        sides["the same, decontaminated"] = Worker(theirs, "rembg_side.py", *ours, "--decontaminate")
    if arguments.alpha_matting:
        sides["rembg, matting"] = Worker(theirs, "rembg_side.py", *(ours if arguments.ours else answering), "--matting")
    measure_quality(sides, photo, truth, folder, findings, face)
    for worker in sides.values():
        worker.close()
    findings.faces.append((kind, truth, face))


def main() -> None:
    """Print tables of medians and means."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kinds", default="mug,product,strands", help="scenes, see tools.make_scenes")
    parser.add_argument("--seed", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--ours", type=Path, help="our network as float ONNX, for rembg's custom session")
    parser.add_argument("--alpha-matting", action="store_true", help="rembg with closed-form matting too (minutes)")
    parser.add_argument("--sheet", type=Path, help="write all cutouts side by side to this picture")
    arguments = parser.parse_args()
    findings = Findings()
    with tempfile.TemporaryDirectory() as folder:
        for kind in arguments.kinds.split(","):
            one_scene(kind, arguments, Path(folder), findings)
        peak = peak_of_cut(Path(folder) / f"{arguments.kinds.split(',')[0]}.jpg")
        if arguments.sheet:
            cv2.imwrite(str(arguments.sheet), contact_sheet(findings.faces))
    print_tables(findings, peak)


def print_tables(findings: Findings, peak: float) -> None:
    """Speed and bytes, stages, memory, errors."""
    print("| job | packshot ms | CPU ms | bytes | rembg ms | CPU ms | bytes | times faster | in CPU time |")
    print("|---|---|---|---|---|---|---|---|---|")
    for job in JOBS:
        ours, theirs = (findings.typical(job, side, "ms") for side in ("packshot", "rembg"))
        work = [findings.typical(job, side, "cpu_ms") for side in ("packshot", "rembg")]
        sizes = [round(findings.typical(job, side, "bytes")) for side in ("packshot", "rembg")]
        row = [job, f"{ours:.0f}", f"{work[0]:.0f}", sizes[0], f"{theirs:.0f}", f"{work[1]:.0f}", sizes[1]]
        print("|", " | ".join(map(str, row)), f"| {theirs / ours:.1f} | {work[1] / work[0]:.1f} |")
    if ("png", "rembg, matting") in findings.runs:
        slow = findings.typical("png", "rembg, matting", "ms")
        faster = slow / findings.typical("png", "packshot", "ms")
        print(f"| png, alpha matting | | | | {slow:.0f} | | | {faster:.0f} | |")
    print("\nstages of the PNG, ms (packshot's first five overlap on two threads)\n")
    for side in ("packshot", "rembg"):
        runs = [run["stages"] for run in findings.runs["png", side]]
        stages = {name: median(run.get(name, 0.0) for run in runs) for name in runs[0]}
        print(f"- {side}: " + ", ".join(f"{name} {ms:.0f}" for name, ms in stages.items()))
    peaks = {side: max(run["peak_kib"] for run in runs) / MEBIBYTE for (_, side), runs in findings.runs.items()}
    print("\npeak memory, MiB: " + ", ".join(f"{side} {mib:.0f}" for side, mib in peaks.items()), end="")
    print(f"; one `packshot cut` {peak:.0f}\n")
    print("| side | SAD, thousands | MSE | gradient, thousands | colour in the band |\n|---|---|---|---|---|")
    for side, found in findings.quality.items():
        means = {name: float(np.mean([one[name] for one in found])) for name in found[0]}
        print(f"| {side} | {means['sad']:.1f} | {means['mse']:.5f} | {means['gradient']:.2f} | {means['colour']:.4f} |")


if __name__ == "__main__":
    main()
