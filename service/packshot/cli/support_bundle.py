"""``packshot support-bundle``: one file to send to whoever helps."""

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from packshot.cli.common import add_config, loaded
from packshot.errors import PackshotError

if TYPE_CHECKING:
    from packshot.support import Sources

T = TypeVar("T")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Run it as root to have the journal in it."""
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="default: packshot-support-TIME.tar.gz here")
    add_config(parser)


def run(args: argparse.Namespace) -> int:
    """Pack and name the file."""
    from packshot.support import write_bundle

    output = args.output or Path(time.strftime("packshot-support-%Y%m%d-%H%M%S.tar.gz", time.gmtime()))
    names = write_bundle(output, _sources(args))
    print(f"{output}: {', '.join(names)}")
    print("passwords, keys, tokens and photos are left out; look through it before you pass it on")
    return 0


def _sources(args: argparse.Namespace) -> "Sources":
    """Configuration, spool and known secrets; what is broken is replaced by its error."""
    from packshot import wiring
    from packshot.config import Config
    from packshot.platform.clock import SystemClock
    from packshot.support import Sources

    found, config, secrets = _or_error(lambda: loaded(args)), Config(), frozenset[str]()
    if not isinstance(found, PackshotError):
        config = found.config
        password = _or_error(lambda: wiring.mqtt_password(config.mqtt))
        secrets = frozenset({password} if isinstance(password, str) and password else ())
    spool = _or_error(lambda: wiring.open_spool(config, SystemClock(), owner=False))
    return Sources(found, spool, secrets)


def _or_error(make: Callable[[], T]) -> T | PackshotError:
    try:
        return make()
    except PackshotError as error:
        return error
