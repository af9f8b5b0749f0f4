#!/usr/bin/env python3
"""Our foreground colours against pymatting's multi-level estimate, and our edges against bilinear upsampling.

    tools/compare_matting.py [--height 1200 --width 1600]

Colours are compared on true alpha (mean absolute error where it lies between .05 and .95), edges from a mask whose
outline wanders by one pixel at 160 or 320 (sum of absolute differences, thousands). pymatting runs in the environment
that ``compare_rembg.py`` makes.
"""

import argparse
import json
import subprocess
import tempfile
from pathlib import Path
from time import perf_counter

import cv2
import numpy as np

from packshot.matting.foreground import decontaminate, estimate_colours
from packshot.matting.refine import Profile, refine_alpha
from packshot.matting.tensor import stretch
from tools.compare_rembg import WORKERS, rembg_python
from tools.make_scenes import HARD_KINDS, SOFT_KINDS, Scene, coarse_mask, make_scene

KINDS = (*HARD_KINDS, *SOFT_KINDS, "mesh")
WORKING_SIDE = 1024


def our_colours(scene: Scene) -> tuple[float, float]:
    """Error in the band and milliseconds."""
    alpha = np.rint(scene.alpha * 255).astype(np.uint8)
    height, width = alpha.shape
    scale = min(1.0, WORKING_SIDE / max(height, width))
    size = (round(height * scale), round(width * scale))
    began = perf_counter()
    small = cv2.resize(alpha, size[::-1], interpolation=cv2.INTER_AREA)
    colours = estimate_colours(stretch(scene.photo, *size), np.asarray(small, np.uint8))
    rgba = decontaminate(scene.photo, alpha, colours)
    ms = (perf_counter() - began) * 1000
    band = (scene.alpha > 0.05) & (scene.alpha < 0.95)
    return float(np.abs(rgba[..., :3] / 255 - scene.foreground)[band].mean()), ms


def compare_colours(scenes: list[Scene]) -> None:
    """Print the table of colour errors."""
    with tempfile.TemporaryDirectory() as folder:
        paths = []
        for index, scene in enumerate(scenes):
            paths.append(str(Path(folder) / f"{index}.npz"))
            np.savez(paths[-1], photo=scene.photo, alpha=scene.alpha, foreground=scene.foreground)
        command = [str(rembg_python()), str(WORKERS / "pymatting_side.py"), *paths]
        lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    theirs = [json.loads(line) for line in lines]
    ours = [our_colours(scene) for scene in scenes]
    print("| scene | our error | ms | multi-level | ms |\n|---|---|---|---|---|")
    for scene, (error, ms), their in zip(scenes, ours, theirs, strict=True):
        print(f"| {scene.name} | {error:.4f} | {ms:.0f} | {their['error']:.4f} | {their['ms']:.0f} |")
    means = (np.mean([error for error, _ in ours]), np.mean([their["error"] for their in theirs]))
    faster = sum(their["ms"] for their in theirs) / sum(ms for _, ms in ours)
    print(f"\nmean {means[0]:.4f} against {means[1]:.4f}, {faster:.1f} times the speed\n")


def compare_edges(scenes: list[Scene]) -> None:
    """Print the table of alpha errors."""
    print("| scene | mask | bilinear | packshot (auto) | times lower |\n|---|---|---|---|---|")
    for index, scene in enumerate(scenes):
        for size in (160, 320):
            mask = coarse_mask(scene.alpha, size, 1.0, index)
            plain = cv2.resize(mask, scene.alpha.shape[::-1])
            alpha = refine_alpha(scene.photo, mask, Profile.AUTO) / np.float32(255)
            errors = [float(np.abs(values - scene.alpha).sum() / 1000) for values in (plain, alpha)]
            print(f"| {scene.name} | {size} | {errors[0]:.1f} | {errors[1]:.2f} | {errors[0] / errors[1]:.1f} |")


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--height", type=int, default=1200)
    parser.add_argument("--width", type=int, default=1600)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    scenes = [make_scene(kind, arguments.height, arguments.width, arguments.seed) for kind in KINDS]
    compare_colours(scenes)
    compare_edges(scenes)


if __name__ == "__main__":
    main()
