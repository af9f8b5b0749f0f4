"""``packshot bench``: stage by stage time, bytes and memory on this machine."""

import argparse
import json
import platform
import resource
import statistics
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

from packshot.cli.common import Progress, add_config, config_of, write_file
from packshot.config import with_values
from packshot.errors import UsageError
from packshot.platform.table import table

TWELVE_MEGAPIXELS = (4056, 3040)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Without photos: the golden photo, as it is and enlarged to 12 megapixels."""
    parser.add_argument("photos", nargs="*", type=Path, metavar="PHOTO", help="measure these instead")
    parser.add_argument(
        "--runs", type=int, default=5, metavar="N", help="runs per photo after one to warm up; default 5"
    )
    parser.add_argument("--presets", default="web,amazon-main", help="pictures to compose; default web,amazon-main")
    parser.add_argument("--threads", type=int, metavar="N", help="threads of the network")
    parser.add_argument("--json", action="store_true", help="print JSON instead of the table")
    parser.add_argument("--report", type=Path, metavar="FILE", help="write the JSON to a file as well")
    add_config(parser)


def run(args: argparse.Namespace) -> int:
    """Measure and print medians."""
    if args.runs < 1:
        raise UsageError("--runs must be at least 1")
    report = _measure_all(args)
    if args.report:
        write_file(args.report, json.dumps(report, indent=1).encode())
    print(json.dumps(report) if args.json else _as_table(report))
    return 0


def _measure_all(args: argparse.Namespace) -> dict[str, Any]:
    from packshot.health import board_facts
    from packshot.presets import Preset, pick_preset
    from packshot.wiring import build_cutting

    cutting = build_cutting(with_values(config_of(args), model={"threads": args.threads}))
    names = [name for name in args.presets.split(",") if name]
    presets = {"png": Preset(), **{name: pick_preset(cutting.presets, name) for name in names}}
    photos = list(_photos(args.photos))
    progress = Progress(len(photos) * (args.runs + 1))
    measured = [_measure(cutting, name, data, presets, args.runs, progress) for name, data in photos]
    progress.done()
    cutting.close()
    return {
        **board_facts(cutting.accelerator),
        "machine": platform.machine(),
        "runs": args.runs,
        "photos": measured,
        "peak_memory_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    }


def _photos(files: list[Path]) -> Iterator[tuple[str, bytes]]:
    if files:
        yield from ((file.name, file.read_bytes()) for file in files)
        return
    from packshot.platform.resources import golden_photo

    photo = golden_photo()
    yield "golden", photo
    yield "golden at 12 MP", enlarged(photo)


def enlarged(photo: bytes) -> bytes:
    """The photo at 4056x3040, as a camera's JPEG would be."""
    import cv2
    import numpy as np

    picture = cv2.imdecode(np.frombuffer(photo, np.uint8), cv2.IMREAD_COLOR)
    if picture is None:
        raise UsageError("the golden photo cannot be read; install packshot again")
    large = cv2.resize(picture, TWELVE_MEGAPIXELS, interpolation=cv2.INTER_CUBIC)
    return cv2.imencode(".jpg", large, [cv2.IMWRITE_JPEG_QUALITY, 92])[1].tobytes()


def _measure(
    cutting: Any, name: str, data: bytes, presets: dict[str, Any], runs: int, progress: Progress
) -> dict[str, Any]:
    rounds = []
    for _ in range(runs + 1):
        progress.show(name)
        rounds.append(_once(cutting, data, presets))
    warm = rounds[1:]
    stages = {stage: round(statistics.median(each["ms"][stage] for each in warm), 2) for stage in warm[0]["ms"]}
    return {
        "photo": name,
        "photo_bytes": len(data),
        "ms": stages,
        "bytes": warm[0]["bytes"],
        "pixels": warm[0]["pixels"],
    }


def _once(cutting: Any, data: bytes, presets: dict[str, Any]) -> dict[str, Any]:
    began, worked = perf_counter(), process_time()
    result = cutting.cutter.cut(data, cutting.options)
    ms = {name: value for name, value in result.stage_ms.items() if name != "total"}
    ms |= {"cut in all": (perf_counter() - began) * 1000, "cut, CPU": (process_time() - worked) * 1000}
    sizes = {}
    for name, preset in presets.items():
        if result.bbox is None and preset.frame != "photo":
            continue
        began, worked = perf_counter(), process_time()
        sizes[name] = len(cutting.composer.picture(result, preset).data)
        ms[f"to {name}"] = (perf_counter() - began) * 1000
        ms[f"to {name}, CPU"] = (process_time() - worked) * 1000
    return {"ms": ms, "bytes": sizes, "pixels": result.width * result.height}


def _as_table(report: dict[str, Any]) -> str:
    photos = report["photos"]
    stages = list(dict.fromkeys(stage for photo in photos for stage in photo["ms"]))
    rows = [[f"{stage} (ms)", *(f"{photo['ms'].get(stage, float('nan')):.1f}" for photo in photos)] for stage in stages]
    names = list(dict.fromkeys(name for photo in photos for name in photo["bytes"]))
    rows += [[f"{name} (kB)", *(f"{photo['bytes'].get(name, 0) / 1000:.0f}" for photo in photos)] for name in names]
    head = f"{report['board']}, {report['engine']}, {report['model']['name']} {report['model']['version']}"
    body = table(["stage", *(photo["photo"] for photo in photos)], rows)
    foot = f"peak memory {report['peak_memory_bytes'] / 2**20:.0f} MiB, medians of {report['runs']} runs"
    return f"{head}\n\n{body}\n\n{foot}"
