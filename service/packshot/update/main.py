"""``packshot update``: what each subcommand does, in the updater's own environment."""

import argparse
import json
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from packshot.errors import EXIT_DEVICE, PackshotError
from packshot.update import look, staging, watch
from packshot.update.assembly import build_box, open_repository, say_to_stderr
from packshot.update.box import Box
from packshot.update.guard import guard
from packshot.update.install import Result, Wish, install, only_updater, roll_back_by_hand
from packshot.update.problems import UpdateBusy, reason_of
from packshot.update.report import offered, outcome, status, status_lines
from packshot.update.repository import check_anchor, read_anchor
from packshot.update.state import Phase

WATCH_EVERY_S = 5.0
PATIENCE_S = 30.0  # of a person's command, while the watch takes a look


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Subcommands and their options; ``guard``, ``watch`` and ``selfcheck`` are for units and renewal."""
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, text in (
        ("check", "look whether there is a newer release for this box"),
        ("install", "fetch, verify, stage, test, switch, and keep it if it stays well"),
        ("rollback", "go back to the release before"),
        ("status", "where this box stands"),
        ("history", "what happened, oldest first"),
        ("guard", "count a start of the daemon (for its unit)"),
        ("watch", "go on with a probation (for its timer)"),
        ("selfcheck", "whether this updater works (for its renewal)"),
    ):
        command = commands.add_parser(name, help=text, description=text)
        command.add_argument("--json", action="store_true", help="one JSON object")
        command.add_argument("--config", type=Path, metavar="FILE", help="configuration")
        command.add_argument("--verbose", action="store_true", help="show the traceback of an error")
        if name in ("check", "install"):
            command.add_argument("--from", type=Path, dest="folder", metavar="FOLDER", help="a copy of the repository")
            command.add_argument("--any-ring", action="store_true", help="whatever share of the boxes it is for")
            command.add_argument("--again", action="store_true", help="also a release that was taken back here")
        if name == "install":
            command.add_argument("--version", default="", metavar="V", help="only this version")
            command.add_argument("--no-wait", action="store_true", help="return in probation; the watch goes on")
            command.add_argument("--automatic", action="store_true", help="only look, unless update.automatic is set")
            command.add_argument("--requested", action="store_true", help="take the daemon's request away first")


def run(args: argparse.Namespace) -> int:
    """Do the subcommand; with ``--json`` an error is an object on stdout, too."""
    act: Callable[[Box, argparse.Namespace], int] = COMMANDS[args.command]
    os.umask(0o022)  # slots are read by the daemon's user, whoever's umask we were given
    try:
        return act(build_box(args.config, os.environ, say_to_stderr), args)
    except PackshotError as error:
        if args.json:
            _print({"v": 1, "error": str(error), "reason": reason_of(error)})
        raise


def _check(box: Box, args: argparse.Namespace) -> int:
    with only_updater(box):
        repository = open_repository(box, args.folder)
        offer = look.look(box, repository, args.any_ring, args.again)
        said = offered(box, offer)
        if offer.release and offer.newer:
            manifest, _ = look.read_manifest(box, repository, offer.release)
            said["bytes"] = sum(file.bytes for file in staging.all_files(manifest))
    _answer(args, {"bytes": 0, **said}, _check_words(said))
    return 0


def _check_words(said: dict[str, Any]) -> str:
    if not said["available"]:
        return str(said["reason"])
    words = f"{said['available']['version']} can be installed" if said["allowed"] else str(said["reason"])
    return f"{words}\n{said['notes']}".strip()


def _install(box: Box, args: argparse.Namespace) -> int:
    if args.requested:
        box.layout.request.unlink(missing_ok=True)
    if args.automatic and not box.settings.update.url:
        box.say("update.url is not set: this box does not look for updates by itself")
        return 0
    if args.automatic and not box.settings.update.automatic:
        return _check(box, args)
    wish = Wish(args.version, args.any_ring, args.again, not args.no_wait)
    with only_updater(box, PATIENCE_S):
        result = install(box, lambda: open_repository(box, args.folder), wish)
    if result.word == "renewed":
        _start_anew(box)
    return _tell(box, args, result)


def _rollback(box: Box, args: argparse.Namespace) -> int:
    with only_updater(box, PATIENCE_S):
        result = roll_back_by_hand(box)
    return _tell(box, args, result, bad=())


def _tell(box: Box, args: argparse.Namespace, result: Result, bad: tuple[str, ...] = ("rolled-back",)) -> int:
    said = outcome(box, result)
    _answer(args, said, ": ".join(filter(None, [result.word, result.text])))
    return EXIT_DEVICE if result.word in bad else 0


def _status(box: Box, args: argparse.Namespace) -> int:
    said = status(box)
    _answer(args, said, "\n".join(status_lines(said)))
    return 0


def _history(box: Box, args: argparse.Namespace) -> int:
    for event in box.states.history():
        words = f"{event['at'][:19]}  {event['event']:12} {event['version']:12} {event['detail']}"
        print(json.dumps(event) if args.json else words.rstrip())
    return 0


def _guard(box: Box, _args: argparse.Namespace) -> int:
    state = guard(box)
    if state.phase is not Phase.IDLE:
        box.say(f"{state.phase}, {state.tries_left} tries left")
    return 0


def _watch(box: Box, _args: argparse.Namespace) -> int:
    """Between two looks others may have their turn: a rollback by hand, or an install that watches by itself."""
    while box.layout.pending.exists():
        with suppress(UpdateBusy), only_updater(box):
            watch.tick(box)
        box.sleep(WATCH_EVERY_S)
    return 0


def _selfcheck(box: Box, _args: argparse.Namespace) -> int:
    check_anchor(read_anchor(box.layout.anchor))
    box.states.load()
    return 0


def _start_anew(box: Box) -> None:
    """The same command by the updater that has just been put in place."""
    program = box.layout.updater / "run"
    os.execv(program, [str(program), *sys.argv[1:]])  # noqa: S606 - our own successor


def _answer(args: argparse.Namespace, said: dict[str, Any], words: str) -> None:
    if args.json:
        _print(said)
    else:
        print(words)


def _print(said: dict[str, Any]) -> None:
    print(json.dumps(said), flush=True)


COMMANDS: dict[str, Callable[[Box, argparse.Namespace], int]] = {
    "check": _check,
    "install": _install,
    "rollback": _rollback,
    "status": _status,
    "history": _history,
    "guard": _guard,
    "watch": _watch,
    "selfcheck": _selfcheck,
}
