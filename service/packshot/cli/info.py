"""``packshot info``: what runs here."""

import argparse
import json

from packshot.cli.common import add_config, config_of
from packshot.platform.board import Board


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Loads the network, so that the engine named is the one that really runs."""
    parser.add_argument("--json", action="store_true", help="one JSON object")
    add_config(parser)


def run(args: argparse.Namespace) -> int:
    """Print what ``info`` says over MQTT, without its schemas."""
    from packshot import wiring
    from packshot.health import device_info

    config = config_of(args)
    accelerator = wiring.open_accelerator(config.model)
    info = device_info(accelerator, Board(), wiring.runtimes())
    del info["commands"], info["v"]
    accelerator.close()
    if args.json:
        print(json.dumps(info))
    else:
        for key, value in info.items():
            print(f"{key:14} {_plain(value)}")
    return 0


def _plain(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {item}" for key, item in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
