"""``packshot selftest``."""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from packshot.cli.common import add_config, config_of
from packshot.config import Config, with_values

if TYPE_CHECKING:
    from packshot.selftest import PartResult

PARTS = ("accelerator", "camera", "spool")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Exits 0 when every part works, else with the code of the first that does not."""
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    parser.add_argument("--part", action="append", choices=PARTS, help="only this part; may be given several times")
    parser.add_argument("--cpu", action="store_true", help="leave the accelerator to the daemon that is using it")
    add_config(parser)


def run(args: argparse.Namespace) -> int:
    """Print one line per part."""
    config = config_of(args)
    if args.cpu:
        config = with_values(config, model={"edgetpu_path": "", "onnx_path": ""})
    exit_code = 0
    for result in _results(config, args.part or PARTS):
        line = {"part": result.part, "ok": result.ok, "text": result.text}
        text = f"{result.part:12} {'ok  ' if result.ok else 'FAIL'} {result.text}"
        print(json.dumps(line) if args.json else text, flush=True)
        exit_code = exit_code or result.exit_code
    return exit_code


def _results(config: Config, parts: list[str] | tuple[str, ...]) -> "Iterator[PartResult]":
    from packshot.selftest import check_spool

    if "accelerator" in parts:
        yield _accelerator(config)
    if "camera" in parts:
        yield _camera(config)
    if "spool" in parts:
        yield check_spool(Path(config.spool.path))


def _accelerator(config: Config) -> "PartResult":
    from packshot import wiring
    from packshot.platform.resources import golden_alpha, golden_photo
    from packshot.selftest import check_engine

    cutting = wiring.build_cutting(config)
    try:
        return check_engine(cutting.cutter, golden_photo(), golden_alpha())
    finally:
        cutting.close()


def _camera(config: Config) -> "PartResult":
    from packshot.selftest import check_camera
    from packshot.wiring import devices

    camera = devices.open_camera(config.camera)
    try:
        return check_camera(camera, config.camera.timeout_s)
    finally:
        camera.close()
