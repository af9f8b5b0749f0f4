"""``packshot spool``: look at and mend the spool, beside a running daemon or without one."""

import argparse
import json
import sys
from pathlib import Path

from packshot.cli.common import add_config, config_of, write_file
from packshot.commands import decide, retry
from packshot.domain import Capture, Stage
from packshot.errors import EXIT_SPOOL, IntegrityError, UsageError
from packshot.platform.clock import SystemClock
from packshot.platform.table import table
from packshot.spool.port import Spool
from packshot.wiring import open_spool

LISTED = 1000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """``check`` exits 5 when something is wrong and was not mended."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    for name, text in {
        "ls": "list captures",
        "show": "one capture with its artefacts and receipt",
        "check": "compare files, sidecars and index",
        "retry": "deliver or cut out again what failed, was refused or cancelled",
        "release": "publish a held capture",
        "refuse": "do not publish a held capture",
        "export": "copy a capture's files to a folder",
        "purge": "delete an ended or held capture for good",
    }.items():
        action = actions.add_parser(name, help=text, description=text)
        add_config(action)
        if name == "ls":
            action.add_argument("--stage", choices=[stage.value for stage in Stage], action="append", default=[])
            action.add_argument("--json", action="store_true", help="one JSON object a line")
            action.add_argument("--limit", type=int, default=LISTED, metavar="N", help="the newest N (%(default)s)")
        elif name == "check":
            action.add_argument("--fix", action="store_true", help="rebuild the index from the files")
        else:
            action.add_argument("capture", nargs=1 if name in ("show", "export") else "+", metavar="CAPTURE_ID")
        if name in ("refuse", "release"):
            action.add_argument("--reason", default="", help="kept with the capture")
        if name == "export":
            action.add_argument("-o", "--output", type=Path, required=True, metavar="FOLDER")


def run(args: argparse.Namespace) -> int:
    """Do it; changes are seen by a running daemon within a second."""
    spool = open_spool(config_of(args), SystemClock(), owner=False)
    try:
        return {"ls": _ls, "show": _show, "check": _check, "export": _export}.get(args.action, _each)(spool, args)
    finally:
        spool.close()


def _ls(spool: Spool, args: argparse.Namespace) -> int:
    if args.limit < 1:
        raise UsageError(f"--limit {args.limit}: list one capture or more")
    newest = spool.captures({Stage(stage) for stage in args.stage}, args.limit + 1, newest_first=True)
    if len(newest) > args.limit:
        print(f"packshot: these are the newest {args.limit}, there are more; give a larger --limit", file=sys.stderr)
    captures = newest[: args.limit][::-1]
    if args.json:
        for capture in captures:
            print(json.dumps(_facts(capture)))
    else:
        rows = [[c.capture_id, c.created_at, c.stage.value, c.request.sku, str(c.revision), _why(c)] for c in captures]
        print(table(["capture", "created", "stage", "sku", "rev", "reason"], rows))
    return 0


def _show(spool: Spool, args: argparse.Namespace) -> int:
    import msgspec

    capture = _get(spool, args.capture[0])
    receipt = spool.receipt(capture.capture_id)
    print(json.dumps({**_facts(capture), "receipt": msgspec.to_builtins(receipt) if receipt else None}, indent=2))
    return 0


def _check(spool: Spool, args: argparse.Namespace) -> int:
    findings = spool.check(fix=args.fix)
    for finding in findings:
        print(f"{finding.path}: {finding.problem}{' (mended)' if finding.mended else ''}")
    unmended = [finding for finding in findings if not finding.mended]
    print(f"{len(findings)} findings, {len(findings) - len(unmended)} mended")
    return EXIT_SPOOL if unmended else 0


def _export(spool: Spool, args: argparse.Namespace) -> int:
    capture = _get(spool, args.capture[0])
    folder = args.output / capture.capture_id
    folder.mkdir(parents=True, exist_ok=True)
    return max([0, *(_export_one(spool, capture, artefact.name, folder) for artefact in capture.artefacts)])


def _export_one(spool: Spool, capture: Capture, name: str, folder: Path) -> int:
    try:
        data = spool.read(capture.capture_id, name)
    except IntegrityError as error:
        print(f"packshot: left out: {error}", file=sys.stderr)
        return error.exit_code
    write_file(folder / name, data)
    print(folder / name)
    return 0


def _each(spool: Spool, args: argparse.Namespace) -> int:
    for capture_id in args.capture:
        if args.action == "purge":
            spool.purge(capture_id)
            print(f"{capture_id} purged")
        elif args.action == "retry":
            print(f"{capture_id} {retry(spool, _get(spool, capture_id).capture_id).stage.value}")
        else:
            print(f"{capture_id} {decide(spool, args.action, capture_id, args.reason).stage.value}")
    return 0


def _get(spool: Spool, capture_id: str) -> Capture:
    capture = spool.get(capture_id)
    if not capture:
        raise UsageError(f"no capture {capture_id} in the spool; `packshot spool ls` lists them")
    return capture


def _why(capture: Capture) -> str:
    return capture.reason or "; ".join(capture.verdict.reasons if capture.verdict else ())


def _facts(capture: Capture) -> dict[str, object]:
    return {
        "capture_id": capture.capture_id,
        "request_id": capture.request.request_id,
        "sku": capture.request.sku,
        "angle": capture.request.angle,
        "revision": capture.revision,
        "supersedes": capture.supersedes,
        "stage": capture.stage.value,
        "created_at": capture.created_at,
        "reason": _why(capture),
        "verdict": capture.verdict.decision.value if capture.verdict else None,
        "engine": capture.engine,
        "artefacts": [
            {"name": item.name, "kind": item.kind, "bytes": item.size_bytes, "sha256": item.sha256}
            for item in capture.artefacts
        ],
    }
