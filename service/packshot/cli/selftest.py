"""``packshot selftest``."""

import argparse
import json
from functools import partial
from pathlib import Path

from packshot.cli.common import add_config, config_of


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Exits 0 when every part works, else with the code of the first that does not."""
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    add_config(parser)


def run(args: argparse.Namespace) -> int:
    """Print one line per part."""
    from packshot import wiring
    from packshot.platform.resources import golden_alpha, golden_photo
    from packshot.selftest import check_camera, check_engine, check_spool
    from packshot.wiring import devices

    config = config_of(args)
    cutting = wiring.build_cutting(config)
    camera = devices.open_camera(config.camera)
    checks = [
        partial(check_engine, cutting.cutter, golden_photo(), golden_alpha()),
        partial(check_camera, camera, config.camera.timeout_s),
        partial(check_spool, Path(config.spool.path)),
    ]
    exit_code = 0
    for result in (check() for check in checks):
        line = {"part": result.part, "ok": result.ok, "text": result.text}
        print(json.dumps(line) if args.json else f"{result.part:12} {'ok  ' if result.ok else 'FAIL'} {result.text}")
        exit_code = exit_code or result.exit_code
    camera.close()
    cutting.close()
    return exit_code
