"""``packshot uploader``: the storefront side, and a look at what it could not deliver."""

import argparse
import sys

from packshot.cli.common import add_config, config_of
from packshot.errors import EXIT_NETWORK, UsageError
from packshot.platform.table import table


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """``status`` lists what was refused for good; ``retry`` forgets it, so that the box's next offer is tried anew."""
    parser.add_argument("action", nargs="?", choices=["run", "status", "retry"], default="run")
    parser.add_argument("captures", nargs="*", metavar="CAPTURE_ID", help="for retry; none means all")
    add_config(parser)


def run(args: argparse.Namespace) -> int:
    """Serve until told to stop, or look at the ledger."""
    if args.action != "run":
        return {"status": _status, "retry": _retry}[args.action](args)
    if args.captures:
        raise UsageError("capture ids belong to `packshot uploader retry`")
    from packshot.uploader import main

    return main(args.config)


def _status(args: argparse.Namespace) -> int:
    from packshot import wiring
    from packshot.storefront.ledger import State

    ledger = wiring.open_ledger(config_of(args))
    counts = ledger.counts()
    print(", ".join(f"{counts.get(state, 0)} {state.value}" for state in State))
    dead = ledger.entries(State.DEAD)
    if dead:
        rows = [[entry.key.device_id, entry.key.capture_id, entry.key.sku, entry.reason] for entry in dead]
        print(table(["device", "capture", "sku", "refused because"], rows))
    ledger.close()
    return 0


def _retry(args: argparse.Namespace) -> int:
    from packshot import wiring
    from packshot.platform.logs import quieten
    from packshot.storefront.ledger import State
    from packshot.uploader import clear_dead_letters

    quieten("packshot.bus")
    config = config_of(args)
    ledger = wiring.open_ledger(config)
    dead = {entry.key.capture_id: entry.key for entry in ledger.entries(State.DEAD)}
    unknown = [capture for capture in args.captures if capture not in dead]
    if unknown:
        raise UsageError(f"{unknown[0]} was not refused here; `packshot uploader status` lists what was")
    captures = args.captures or list(dead)
    for capture in captures:
        ledger.forget(dead[capture])
        print(f"{capture} forgotten; offer it again on the box: packshot spool retry {capture}")
    ledger.close()
    if captures and not clear_dead_letters(config, captures):
        print("packshot: the broker does not answer; its dead letters stay until the next retry", file=sys.stderr)
        return EXIT_NETWORK
    return 0
