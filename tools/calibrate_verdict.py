#!/usr/bin/env python3
"""How often a verdict would publish a bad cutout, against how many it holds, over one score's threshold.

    tools/calibrate_verdict.py --data DATA --lists val_render val_product val_person

DATA holds the unpacked sets (``<set>/images``, ``<set>/masks``) and the lists of stems. A cutout is bad when its
intersection over union with the true mask is under ``--good``. Empty scenes (``val_empty``) are counted apart.
"""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from packshot.accelerator.litert import LiteRT
from packshot.cutout import Cutter
from packshot.domain import Decision, Verdict
from packshot.encode.photo import FileDecoder
from packshot.encode.port import Photo
from packshot.platform.resources import released_model

STEPS = (0.01, 0.02, 0.03, 0.05, 0.08, 0.12, 0.2, 0.3, 0.5, 1.0)


@dataclass(frozen=True)
class Judged:
    """One validation picture: its verdict, and how much of the true mask was found (IoU)."""

    verdict: Verdict
    iou: float


def main() -> None:
    """Print decisions and the curve."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of unpacked sets")
    parser.add_argument("--lists", nargs="+", default=["val_render", "val_product", "val_person"])
    parser.add_argument("--list-folder", type=Path, help="where the lists lie, if not in DATA")
    parser.add_argument("--good", type=float, default=0.85, help="IoU from which a cutout is publishable")
    parser.add_argument("--score", default="unsure", help="the score whose threshold is varied")
    arguments = parser.parse_args()
    card, path = released_model()
    cutter = Cutter(LiteRT(path, card), FileDecoder(), threads=1)
    print(f"{card.name} {card.version}, good from IoU {arguments.good}")
    judged: list[Judged] = []
    for name in arguments.lists:
        folder = arguments.list_folder or arguments.data
        part = [judge_one(cutter, *pair) for pair in pictures(arguments.data, (folder / f"{name}.txt").read_text())]
        judged += part
        shares = {d.value: sum(j.verdict.decision is d for j in part) for d in Decision}
        print(f"{name}: {len(part)} pictures, {shares}, mean IoU {np.mean([j.iou for j in part]):.3f}")
    print_curve(judged, arguments.score, arguments.good)


def pictures(data: Path, stems: str) -> Iterator[tuple[Path, Path]]:
    """Picture and mask of every stem, ``<stem>`` or ``<set>/<stem>``; the mask of an empty scene does not exist."""
    sets = sorted(folder for folder in data.iterdir() if (folder / "images").is_dir())
    for stem in stems.split():
        folders = [data / Path(stem).parent] if "/" in stem else sets
        for folder in folders:
            picture = folder / "images" / f"{Path(stem).name}.webp"
            if picture.exists():
                yield picture, folder / "masks" / picture.name
                break


def judge_one(cutter: Cutter, picture: Path, mask: Path) -> Judged:
    """Cut a picture out and compare with the true mask."""
    pixels: NDArray[np.uint8] = np.asarray(Image.open(picture).convert("RGB"))
    truth = np.asarray(Image.open(mask).convert("L")) / 255 if mask.exists() else np.zeros(pixels.shape[:2])
    result = cutter.cut(Photo(pixels))
    alpha = result.alpha() / 255
    union = float(np.maximum(alpha, truth).sum())
    return Judged(result.verdict, float(np.minimum(alpha, truth).sum()) / union if union else 1.0)


def print_curve(judged: list[Judged], score: str, good: float) -> None:
    """For each threshold: what is held, and which share of the published is bad."""
    seen = [one for one in judged if one.verdict.decision is not Decision.EMPTY]
    print(f"\n| {score} above | held | published and bad | good but held |\n|---|---|---|---|")
    for threshold in STEPS:
        published = [one for one in seen if one.verdict.scores[score] <= threshold]
        held = [one for one in seen if one.verdict.scores[score] > threshold]
        bad = sum(one.iou < good for one in published) / max(len(published), 1)
        wasted = sum(one.iou >= good for one in held) / max(len(seen), 1)
        print(f"| {threshold} | {len(held) / max(len(seen), 1):.0%} | {bad:.1%} | {wasted:.1%} |")


if __name__ == "__main__":
    main()
