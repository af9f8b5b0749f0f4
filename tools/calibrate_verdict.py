#!/usr/bin/env python3
"""How often a verdict would publish a bad cutout, against how many it holds, over one score's threshold.

    tools/calibrate_verdict.py --data DATA [--readme service/packshot/matting/README.md]

DATA holds the sets, unpacked (``<set>/images``, ``<set>/masks``) or as tar files, and the lists of stems. A cutout is
bad when its intersection over union with the true mask is under ``--good``. Empty scenes (``val_empty``) are counted
apart: right is to publish nothing. With ``--readme`` the table takes the place of the one before.
"""

import argparse
import re
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, fields
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from packshot.accelerator.litert import LiteRT
from packshot.cutout import Cutter
from packshot.domain import Decision, Verdict
from packshot.encode.photo import FileDecoder
from packshot.encode.port import Photo
from packshot.matting.verdict import Thresholds
from packshot.platform.resources import released_model

STEPS = (0.01, 0.02, 0.05, 0.08, 0.12, 0.2, 0.5, 1.0)
EMPTY = "val_empty"
BEGIN, END = "<!-- tools/calibrate_verdict.py writes from here -->", "<!-- to here -->"
Files = dict[str, Path | tuple[Path, int, int]]


@dataclass(frozen=True)
class Judged:
    """One validation picture: its verdict, and how much of the true mask was found (IoU)."""

    verdict: Verdict
    iou: float


def main() -> None:
    """Print decisions and the curve."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of the sets and lists")
    parser.add_argument("--lists", nargs="+", default=["val_render", "val_product", "val_person", EMPTY])
    parser.add_argument("--list-folder", type=Path, help="where the lists lie, if not in DATA")
    parser.add_argument("--good", type=float, default=0.85, help="IoU from which a cutout is publishable")
    parser.add_argument("--score", default="unsure", help="the score whose threshold is varied")
    parser.add_argument("--readme", type=Path, help="put the table into this file")
    arguments = parser.parse_args()
    card, path = released_model()
    cutter = Cutter(LiteRT(path, card), FileDecoder(), threads=1)
    files, judged = find_files(arguments.data), {}
    for name in arguments.lists:
        stems = ((arguments.list_folder or arguments.data) / f"{name}.txt").read_text()
        judged[name] = [judge_one(cutter, files, *pair) for pair in pictures(files, stems)]
    block = f"{card.name} {card.version}, good from IoU {arguments.good}\n\n{decisions(judged)}\n\n"
    block += curve([one for name, part in judged.items() if name != EMPTY for one in part], arguments)
    print(block)
    if arguments.readme:
        write_block(arguments.readme, block)


def find_files(data: Path) -> Files:
    """Every picture and mask by ``<set>/images/<name>`` or ``<set>/masks/<name>``, unpacked or its place in a tar."""
    files: Files = {str(path.relative_to(data)): path for path in data.glob("*/*/*.webp")}
    for archive in sorted(data.glob("*.tar")):
        with tarfile.open(archive) as tar:
            files.update({one.name.removeprefix("./"): (archive, one.offset_data, one.size) for one in tar})
    return files


def read(files: Files, name: str) -> bytes:
    """The bytes of a picture or mask."""
    place = files[name]
    if isinstance(place, Path):
        return place.read_bytes()
    archive, offset, size = place
    with archive.open("rb") as tar:
        tar.seek(offset)
        return tar.read(size)


def pictures(files: Files, stems: str) -> Iterator[tuple[str, str]]:
    """Picture and mask of every stem, ``<stem>`` or ``<set>/<stem>``; the mask of an empty scene does not exist."""
    sets = sorted({name.split("/")[0] for name in files if "/masks/" in name})
    for stem in stems.split():
        candidates = [stem.split("/")[0]] if "/" in stem else sets
        for folder in candidates:
            picture = f"{folder}/images/{Path(stem).name}.webp"
            if picture in files:
                yield picture, picture.replace("/images/", "/masks/")
                break


def judge_one(cutter: Cutter, files: Files, picture: str, mask: str) -> Judged:
    """Cut a picture out and compare with the true mask."""
    pixels: NDArray[np.uint8] = np.asarray(Image.open(BytesIO(read(files, picture))).convert("RGB"))
    truth = np.zeros(pixels.shape[:2])
    if mask in files:
        truth = np.asarray(Image.open(BytesIO(read(files, mask))).convert("L")) / 255
    result = cutter.cut(Photo(pixels))
    alpha = result.alpha() / 255
    union = float(np.maximum(alpha, truth).sum())
    return Judged(result.verdict, float(np.minimum(alpha, truth).sum()) / union if union else 1.0)


def decisions(judged: dict[str, list[Judged]]) -> str:
    """What the verdict says of each list with the thresholds as they are."""
    names = [decision.value for decision in Decision]
    lines = [f"| list | pictures | {' | '.join(names)} | mean IoU |", "|---" * (len(names) + 3) + "|"]
    for name, part in judged.items():
        counts = [str(sum(one.verdict.decision is decision for one in part)) for decision in Decision]
        iou = "" if name == EMPTY else f"{np.mean([one.iou for one in part]):.3f}"
        lines.append(f"| {name} | {len(part)} | {' | '.join(counts)} | {iou} |")
    return "\n".join(lines)


def curve(judged: list[Judged], arguments: argparse.Namespace) -> str:
    """For each threshold: what is held, and which share of the published is bad."""
    score, good = arguments.score, arguments.good
    seen = [one for one in judged if one.verdict.decision is not Decision.EMPTY]
    default = {field.name: getattr(Thresholds(), field.name) for field in fields(Thresholds)}.get(f"{score}_above")
    lines = [f"| `{score}` above | held | published and bad | good but held |", "|---|---|---|---|"]
    for threshold in STEPS:
        published = [one for one in seen if one.verdict.scores[score] <= threshold]
        held = [one for one in seen if one.verdict.scores[score] > threshold]
        bad = sum(one.iou < good for one in published) / max(len(published), 1)
        wasted = sum(one.iou >= good for one in held) / max(len(seen), 1)
        shown = f"**{threshold}** (default)" if threshold == default else f"{threshold}"
        lines.append(f"| {shown} | {len(held) / max(len(seen), 1):.0%} | {bad:.1%} | {wasted:.1%} |")
    return "\n".join(lines)


def write_block(readme: Path, block: str) -> None:
    """Put the block between the two marks of a README."""
    text = readme.read_text("utf-8")
    marked = re.compile(f"{re.escape(BEGIN)}.*?{re.escape(END)}", re.DOTALL)
    if not marked.search(text):
        raise SystemExit(f"{readme} has no place for the table; put {BEGIN} and {END} where it belongs")
    readme.write_text(marked.sub(f"{BEGIN}\n{block}\n{END}".replace("\\", r"\\"), text), "utf-8")


if __name__ == "__main__":
    main()
