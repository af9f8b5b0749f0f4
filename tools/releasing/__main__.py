"""``tools/release``: the arguments; what each command does is in ``commands.py``."""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from packshot.errors import PackshotError
from tools.releasing import commands
from tools.releasing.keys import ALL_KEYS, ROLES
from tools.releasing.platforms import ALL
from tools.releasing.repository import LIFE_DAYS

HERE = Path(__file__).resolve().parents[2]


def main(argv: list[str] | None = None) -> int:
    """Run one command; every expected error is one line on stderr."""
    arguments = parser().parse_args(argv)
    try:
        return int(arguments.run(arguments))
    except PackshotError as error:
        print(f"tools/release: {error}", file=sys.stderr)
        return error.exit_code
    except OSError as error:
        print(f"tools/release: {error.filename or 'system'}: {error.strerror or error}", file=sys.stderr)
        return 1


def parser() -> argparse.ArgumentParser:
    """All commands."""
    made = argparse.ArgumentParser(prog="tools/release", description="Build, sign and publish releases of packshot.")
    groups = made.add_subparsers(required=True, metavar="COMMAND")
    for name, (run, add_arguments) in COMMANDS.items():
        text = (run.__doc__ or "").strip()
        command = groups.add_parser(name, help=text.partition("\n")[0], description=text)
        for add in add_arguments:
            add(command)
        command.set_defaults(run=run)
    return made


def _keys(command: argparse.ArgumentParser) -> None:
    command.add_argument("folder", type=Path, help="where to keep the keys; refused inside a work tree")
    command.add_argument("name", nargs="*", default=list(ALL_KEYS), help=f"default: {' '.join(ALL_KEYS)}")
    command.add_argument("--passphrase", action="store_true", help="ask for one and encrypt the private keys with it")


def _repository(command: argparse.ArgumentParser) -> None:
    command.add_argument("--repository", type=Path, required=True, metavar="FOLDER", help="the folder that is served")
    command.add_argument("--keys", type=Path, action="append", default=[], metavar="FOLDER", help="may be given again")
    command.add_argument(
        "--days",
        type=_days,
        action="append",
        default=[],
        metavar="ROLE=N",
        help="how long what is signed now is valid; default: "
        + " ".join(f"{role}={n}" for role, n in LIFE_DAYS.items()),
    )


def _days(text: str) -> tuple[str, int]:
    role, _, number = text.partition("=")
    if role not in LIFE_DAYS or not number.isdigit() or int(number) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not ROLE=DAYS with a role of {', '.join(LIFE_DAYS)}")
    return role, int(number)


def _build(command: argparse.ArgumentParser) -> None:
    command.add_argument("tag", help="for example v1.2.0")
    _source(command)
    command.add_argument(
        "--platform",
        action="append",
        choices=[str(platform) for platform in ALL],
        help="may be given again; default: all",
    )
    command.add_argument("--cache", type=Path, default=commands.CACHE, help="keeps wheels; default: %(default)s")


def _source(command: argparse.ArgumentParser) -> None:
    command.add_argument("--source", type=Path, default=HERE, metavar="CHECKOUT", help="default: this checkout")


def _output(command: argparse.ArgumentParser) -> None:
    command.add_argument("-o", "--output", type=Path, required=True, metavar="FOLDER", help="a new folder")


def _build_folder(command: argparse.ArgumentParser) -> None:
    command.add_argument("build", type=Path, help="what tools/release build has made")


def _channel(command: argparse.ArgumentParser) -> None:
    command.add_argument("--channel", default="stable", help="default: %(default)s")


def _rollout(command: argparse.ArgumentParser) -> None:
    _channel(command)
    command.add_argument("--percent", type=_percent, help="of all boxes, by their place in the ring")
    command.add_argument("--canary", action="append", default=[], metavar="DEVICE", help="a box that may go first")


def _percent(text: str) -> float:
    if not 0 <= float(text) <= 100:
        raise argparse.ArgumentTypeError("a percentage is 0 to 100")
    return float(text)


def _version(command: argparse.ArgumentParser) -> None:
    command.add_argument("version", help="for example 1.2.0")


def _renew(command: argparse.ArgumentParser) -> None:
    command.add_argument("role", nargs="*", choices=[*ROLES, []], help="default: snapshot and timestamp")
    command.add_argument("--within", type=int, metavar="DAYS", help="only what expires within so many days")


def _rotate(command: argparse.ArgumentParser) -> None:
    command.add_argument("role", choices=ROLES)
    command.add_argument("--add", action="append", default=[], metavar="NAME", help="a key of --keys, by its file name")
    command.add_argument("--drop", action="append", default=[], metavar="KEYID", help="or its beginning")


def _status(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--within",
        type=int,
        default=0,
        metavar="DAYS",
        help="exit 1 if something expires so soon; what lives less than twice as long, in the second half of its life",
    )


COMMANDS: dict[
    str, tuple[Callable[[argparse.Namespace], int], tuple[Callable[[argparse.ArgumentParser], None], ...]]
] = {
    "keys": (commands.keys, (_keys,)),
    "init": (commands.init, (_repository,)),
    "sign": (commands.sign, (_repository,)),
    "make": (commands.make, (_build, _repository, _rollout)),
    "build": (commands.build, (_build, _output)),
    "publish": (commands.publish, (_build_folder, _repository, _rollout)),
    "rollout": (commands.rollout, (_version, _repository, _rollout)),
    "withdraw": (commands.withdraw, (_version, _repository, _channel)),
    "kit": (commands.kit, (_version, _repository, _channel, _source, _output)),
    "renew": (commands.renew, (_repository, _renew)),
    "rotate": (commands.rotate, (_repository, _rotate)),
    "status": (commands.status, (_repository, _status)),
}


if __name__ == "__main__":
    sys.exit(main())
