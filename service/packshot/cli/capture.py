"""``packshot capture``: ask a running daemon for a capture, over MQTT, as a till would."""

import argparse
import json
import sys

from packshot.cli.common import add_config, config_of
from packshot.domain import Stage, mint_request_id
from packshot.errors import EXIT_DEVICE, BrokerError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from packshot.client import CommandClient


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Exits 0 when the original is durable (with ``--wait``: when the storefront has it)."""
    parser.add_argument("--sku", default="", help="what is on the stage")
    parser.add_argument("--angle", type=int, default=0, metavar="N", help="view of the same product, from 0")
    parser.add_argument("--profile", default="", help="auto, hard or soft")
    parser.add_argument("--preset", default="", help="a marketplace's rules")
    parser.add_argument("--request-id", default="", help="repeats of one id are one capture")
    parser.add_argument("--device", metavar="ID", help="which box (default: the configured one)")
    parser.add_argument("--wait", action="store_true", help="until the storefront has it, or it is held or has failed")
    parser.add_argument("--timeout", type=float, default=60.0, metavar="S", help="seconds, default 60")
    parser.add_argument("--json", action="store_true", help="print responses and steps as JSON lines")
    add_config(parser)


def run(args: argparse.Namespace) -> int:
    """Send the command, print the answer."""
    from packshot.client import CommandClient
    from packshot.messages import CaptureCommand, encode
    from packshot.platform.logs import quieten

    quieten("packshot.bus")  # what it warns of becomes our one line
    command = CaptureCommand(
        request_id=args.request_id or mint_request_id(),
        sku=args.sku,
        angle=args.angle,
        profile=args.profile,
        preset=args.preset,
    )
    with CommandClient(config_of(args), args.device) as client:
        response = client.ask("capture", command.request_id, encode(command), args.timeout)
        if response.status != "ok":
            return _fail(response.error)
        capture_id = str(response.data["capture_id"])
        _print(args, response.data, f"{capture_id} {response.data['stage']}")
        return _follow(client, capture_id, args) if args.wait else 0


def _follow(client: "CommandClient", capture_id: str, args: argparse.Namespace) -> int:
    last = ""
    for job in client.steps(capture_id, args.timeout):
        last = job.stage
        _print(args, {"stage": job.stage, "ms": job.ms, "reason": job.reason}, f"{job.stage} {job.reason}".strip())
    if not last:
        raise BrokerError(f"nothing was heard of {capture_id} within {args.timeout:.0f} s; `packshot spool show` knows")
    return 0 if last == Stage.RECEIPTED else 1


def _print(args: argparse.Namespace, facts: dict[str, object], text: str) -> None:
    print(json.dumps(facts) if args.json else text, flush=True)


def _fail(error: str) -> int:
    print(f"packshot: the box refused: {error}", file=sys.stderr)
    return EXIT_DEVICE
