"""``packshot info``: what runs here."""

import argparse
import json

from packshot.cli.common import add_config, config_of


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Loads the network, so that the engine named is the one that really runs."""
    parser.add_argument("--json", action="store_true", help="one JSON object")
    add_config(parser)


def run(args: argparse.Namespace) -> int:
    """Print it."""
    from packshot import wiring
    from packshot.health import board_facts
    from packshot.wiring import devices

    config = config_of(args)
    accelerator, _ = devices.open_engine(config.model)
    info = {**board_facts(accelerator), **wiring.runtimes()}
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
