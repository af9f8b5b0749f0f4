"""``packshot plate``: photograph the empty scene, over MQTT."""

import argparse
import sys

from packshot.cli.common import add_config, config_of
from packshot.domain import mint_request_id
from packshot.errors import EXIT_DEVICE


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Clear the stage first; every later cutout is made from its difference to this photo."""
    parser.add_argument("--forget", action="store_true", help="go on without a plate")
    parser.add_argument("--device", metavar="ID", help="which box (default: the configured one)")
    parser.add_argument("--timeout", type=float, default=60.0, metavar="S", help="seconds, default 60")
    add_config(parser)


def run(args: argparse.Namespace) -> int:
    """Send the command, print the answer."""
    from packshot.client import CommandClient
    from packshot.messages import PlateVerb, encode
    from packshot.platform.logs import quieten

    quieten("packshot.bus")  # what it warns of becomes our one line
    command = PlateVerb(mint_request_id(), args.forget)
    with CommandClient(config_of(args), args.device) as client:
        response = client.ask("plate", command.request_id, encode(command), args.timeout)
    if response.status != "ok":
        print(f"packshot: the box refused: {response.error}", file=sys.stderr)
        return EXIT_DEVICE
    print("no plate from now on" if args.forget else "the empty scene is the plate of every cutout from now on")
    return 0
