"""Figures of an exact .tflite or .onnx on the validation lists or on any folder, per slice.

python -m models.evaluate models/released/NAME.int8.tflite --data ../shared/data
python -m models.evaluate INT8.tflite --against FLOAT.onnx      the accuracy gate: exit code 1 if it fails
python -m models.evaluate FILE --folder PHOTOS                  PHOTOS/images/* with PHOTOS/masks/*
"""

import argparse
import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import cv2
import numpy as np

from models.data import SLICES, UInt8, decode, validation_originals
from models.metrics import Figures, Mask
from models.runners import Runner, open_runner
from packshot.errors import PackshotError, UsageError

Report = dict[str, dict[str, float]]
Labelled = tuple[str, UInt8, UInt8]  # name, (H, W, 3) RGB, (H, W) mask

GATE = {"mae": 0.003, "max_f": 0.005, "boundary_iou": 0.010}  # int8 may be worse than float by this much
LOWER_IS_BETTER = ("mae",)
BLIND_F = 0.6  # a blank or inverted mask scores below this on any slice with subjects
WORST = 24
TILE = 160


def evaluate(run: Runner, pictures: Iterable[Labelled], figures: Figures) -> list[tuple[float, UInt8]]:
    """Measure every picture; returns the worst ones as (score, tile of picture, truth and mask)."""
    worst: list[tuple[float, UInt8]] = []
    for _name, rgb, mask in pictures:
        found, truth = run(rgb), mask.astype(np.float32) / 255.0
        score = figures.add(found, truth)
        worst.append((score, _tile(rgb, truth, found)))
        worst = sorted(worst, key=lambda entry: entry[0])[:WORST]
    return worst


def _tile(rgb: UInt8, truth: Mask, found: Mask) -> UInt8:
    """(TILE, 3 TILE, 3): picture, truth, mask."""
    grey = [np.repeat((m * 255).astype(np.uint8)[..., None], 3, axis=-1) for m in (truth, found)]
    return np.concatenate([cv2.resize(part, (TILE, TILE), interpolation=cv2.INTER_AREA) for part in (rgb, *grey)], 1)


def on_validation_lists(run: Runner, data: Path, sheets: Path | None, limit: int | None) -> Report:
    """Report of all five slices; contact sheets of the worst pictures into ``sheets``."""
    report: Report = {}
    for name in SLICES:
        figures = Figures(alpha=name == "render", empty=name == "empty")
        worst = evaluate(run, validation_originals(data, name, limit), figures)
        report[name] = figures.result()
        if sheets is not None:
            write_sheet(sheets / f"worst-{name}.jpg", [tile for _, tile in worst])
    return report


def write_sheet(path: Path, tiles: list[UInt8]) -> None:
    """Contact sheet, two tiles a row."""
    path.parent.mkdir(parents=True, exist_ok=True)
    filled = [*tiles, *[np.zeros_like(tiles[0])] * (len(tiles) % 2)]
    rows = [np.concatenate(filled[n : n + 2], 1) for n in range(0, len(filled), 2)]
    cv2.imwrite(str(path), np.concatenate(rows)[..., ::-1])


def folder_pictures(folder: Path) -> Iterator[Labelled]:
    """Pairs of ``images`` and ``masks`` by stem; raises UsageError if a mask is missing."""
    images = sorted(path for path in (folder / "images").glob("*.*") if path.is_file())
    masks = {path.stem: path for path in (folder / "masks").glob("*.*")}
    if not images:
        raise UsageError(f"{folder} has no images/ folder with pictures")
    for path in images:
        if path.stem not in masks:
            raise UsageError(f"{path.name} has no mask of that name in {folder / 'masks'}")
        image = decode(path.stem, path.read_bytes(), None, "images")
        yield path.stem, image, decode(path.stem, masks[path.stem].read_bytes(), None, "masks")


def gate(float_report: Report, int8_report: Report) -> list[str]:
    """What the int8 model does worse than allowed, one line each; empty if it may be released."""
    failures = []
    for slice_name, reference in float_report.items():
        found = int8_report[slice_name]
        for key in GATE.keys() & reference.keys():
            worse = found[key] - reference[key]
            worse = worse if key in LOWER_IS_BETTER else -worse
            if worse > GATE[key]:
                failures.append(f"{slice_name} {key}: {found[key]:.4f} against {reference[key]:.4f} in float")
        if found.get("max_f", 1.0) < BLIND_F:
            failures.append(f"{slice_name} max_f: {found['max_f']:.3f} is no better than a blank mask")
    return failures


def table(report: Report) -> str:
    """One line per slice."""
    keys = list(dict.fromkeys(key for figures in report.values() for key in figures))
    lines = ["".join([f"{'':10}", *(f"{key:>13}" for key in keys)])]
    for name, figures in report.items():
        cells = (f"{figures[key]:13.4f}" if key in figures else f"{'':13}" for key in keys)
        lines.append("".join([f"{name:10}", *cells]))
    return "\n".join(lines)


def _report(path: Path, args: argparse.Namespace, sheets: Path | None) -> Report:
    run = open_runner(path, args.threads)
    if args.folder is None:
        return on_validation_lists(run, args.data, sheets, args.limit)
    figures = Figures(alpha=True)
    worst = evaluate(run, folder_pictures(args.folder), figures)
    if sheets is not None:
        write_sheet(sheets / "worst.jpg", [tile for _, tile in worst])
    return {args.folder.name: figures.result()}


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("--against", type=Path, help="float model of the same weights")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--folder", type=Path, help="a folder of images/ and masks/ in place of the validation lists")
    parser.add_argument("--limit", type=int, help="pictures of each slice")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--sheets", type=Path, help="folder for contact sheets of the worst pictures")
    parser.add_argument("--json", type=Path, help="also write the report here")
    return parser


def main() -> int:
    """Command line; returns the exit code."""
    args = _arguments().parse_args()
    try:
        report = _report(args.model, args, args.sheets)
        print(table(report))
        if args.json is not None:
            args.json.write_text(json.dumps(report, indent=1) + "\n")
        if args.against is None:
            return 0
        reference = _report(args.against, args, None)
        print(table(reference))
        failures = gate(reference, report)
        print("\n".join(failures) or "the gate is passed")
        return 1 if failures else 0
    except PackshotError as error:
        print(f"evaluate: {error}", file=sys.stderr)
        return error.exit_code


if __name__ == "__main__":
    sys.exit(main())
