#!/usr/bin/env python3
"""Our edge and colour steps against pymatting's closed form and multi-level estimate, and against bilinear upsampling.

    python -m tools.compare_matting [--height 1200 --width 1600] [--closed-form]

Colours are compared on true alpha (mean absolute error where it lies between .05 and .95). Edges come from a mask whose
outline wanders by one pixel at 160 or 320 (sum of absolute differences, thousands); closed form gets the trimap that
the same mask gives, and takes minutes. pymatting runs in the environment that ``compare_rembg.py`` makes.
"""

import argparse
import json
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from packshot.matting.band import trimap
from packshot.matting.foreground import decontaminate, estimate_colours
from packshot.matting.refine import EdgeSettings, Profile, refine_alpha
from tools.compare_rembg import WORKERS, rembg_python
from tools.make_scenes import HARD_KINDS, SOFT_KINDS, Scene, coarse_mask, make_scene

KINDS = (*HARD_KINDS, *SOFT_KINDS, "mesh")
WORKING_SIDE = 1024
MASK_SIDES = (160, 320)
ROUNDS = 3


def our_colours(scene: Scene) -> tuple[float, float]:
    """Error in the band and milliseconds."""
    alpha = np.rint(scene.alpha * 255).astype(np.uint8)
    height, width = alpha.shape
    scale = min(1.0, WORKING_SIDE / max(height, width))
    size = (round(width * scale), round(height * scale))
    times = []
    for _ in range(ROUNDS):
        began = perf_counter()
        photo, coarse = (cv2.resize(part, size, interpolation=cv2.INTER_AREA) for part in (scene.photo, alpha))
        colours = estimate_colours(np.asarray(photo, np.uint8), np.asarray(coarse, np.uint8))
        rgba = decontaminate(scene.photo, alpha, colours)
        times.append((perf_counter() - began) * 1000)
    band = (scene.alpha > 0.05) & (scene.alpha < 0.95)
    return float(np.abs(rgba[..., :3] / 255 - scene.foreground)[band].mean()), float(np.median(times))


def their(work: str, scenes: list[dict[str, Any]]) -> Iterator[dict[str, float]]:
    """The error of pymatting, and its milliseconds, on each scene's arrays."""
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / f"{index}.npz" for index in range(len(scenes))]
        for path, arrays in zip(paths, scenes, strict=True):
            np.savez(path, **arrays)
        command = [str(rembg_python()), str(WORKERS / "pymatting_side.py"), work, *map(str, paths)]
        output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    yield from (json.loads(line) for line in output.splitlines())


def compare_colours(scenes: list[Scene]) -> None:
    """Print the table of colour errors."""
    arrays = [{"photo": each.photo, "alpha": each.alpha, "foreground": each.foreground} for each in scenes]
    theirs = list(their("colour", arrays))
    ours = [our_colours(scene) for scene in scenes]
    print("| scene | our error | ms | multi-level | ms |\n|---|---|---|---|---|")
    for scene, (error, ms), found in zip(scenes, ours, theirs, strict=True):
        print(f"| {scene.name} | {error:.4f} | {ms:.0f} | {found['error']:.4f} | {found['ms']:.0f} |")
    means = (np.mean([error for error, _ in ours]), np.mean([found["error"] for found in theirs]))
    faster = sum(found["ms"] for found in theirs) / sum(ms for _, ms in ours)
    print(f"\nmean {means[0]:.4f} against {means[1]:.4f}, {faster:.1f} times the speed\n")


def compare_edges(scenes: list[Scene]) -> None:
    """Print the table of alpha errors."""
    print("| scene | mask | bilinear | packshot (auto) | times lower |\n|---|---|---|---|---|")
    for scene, size, mask in _masks(scenes):
        plain = cv2.resize(mask, scene.alpha.shape[::-1])
        errors = [_sad(values, scene) for values in (plain, _refined(scene, mask))]
        print(f"| {scene.name} | {size} | {errors[0]:.1f} | {errors[1]:.2f} | {errors[0] / errors[1]:.1f} |")


def compare_closed_form(scenes: list[Scene]) -> None:
    """Print the table of alpha errors beside closed-form matting from the same mask's trimap."""
    masks = list(_masks(scenes))
    arrays = [
        {"photo": scene.photo, "alpha": scene.alpha, "trimap": _trimap(mask, scene.alpha.shape)}
        for scene, _, mask in masks
    ]
    print("\n| scene | mask | packshot (auto) | ms | closed form | ms |\n|---|---|---|---|---|---|")
    for (scene, size, mask), found in zip(masks, their("alpha", arrays), strict=True):
        began = perf_counter()
        alpha = _refined(scene, mask)
        ms = (perf_counter() - began) * 1000
        error = _sad(alpha, scene)
        print(f"| {scene.name} | {size} | {error:.2f} | {ms:.0f} | {found['error']:.2f} | {found['ms']:.0f} |")


def _masks(scenes: list[Scene]) -> Iterator[tuple[Scene, int, NDArray[np.float32]]]:
    for index, scene in enumerate(scenes):
        for size in MASK_SIDES:
            yield scene, size, coarse_mask(scene.alpha, size, 1.0, index)


def _refined(scene: Scene, mask: NDArray[np.float32]) -> NDArray[np.float32]:
    return refine_alpha(scene.photo, mask, Profile.AUTO).astype(np.float32) / np.float32(255)


def _trimap(mask: NDArray[np.float32], shape: tuple[int, ...]) -> NDArray[np.uint8]:
    regions = cv2.resize(trimap(mask, EdgeSettings().band_radius), shape[::-1], interpolation=cv2.INTER_NEAREST)
    return np.asarray(regions, np.uint8)


def _sad(alpha: Any, scene: Scene) -> float:
    return float(np.abs(alpha - scene.alpha).sum() / 1000)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--height", type=int, default=1200)
    parser.add_argument("--width", type=int, default=1600)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kinds", default=",".join(KINDS))
    parser.add_argument("--closed-form", action="store_true", help="closed-form matting too (minutes)")
    arguments = parser.parse_args()
    kinds = arguments.kinds.split(",")
    scenes = [make_scene(kind, arguments.height, arguments.width, arguments.seed) for kind in kinds]
    compare_colours(scenes)
    compare_edges(scenes)
    if arguments.closed_form:
        compare_closed_form(scenes)


if __name__ == "__main__":
    main()
