"""What several commands share: the --config option and plain tables."""

import argparse
import os
import sys
from pathlib import Path

from packshot.config import Config, Loaded, load


def add_config(parser: argparse.ArgumentParser) -> None:
    """The ``--config`` option."""
    parser.add_argument(
        "--config", type=Path, metavar="FILE", help="configuration (default: /etc/packshot/packshot.toml)"
    )


def loaded(args: argparse.Namespace) -> Loaded:
    """The configuration that ``--config``, the default file and the environment make; raises ConfigError."""
    return load(args.config, os.environ)


def config_of(args: argparse.Namespace) -> Config:
    """Only the values of ``loaded``."""
    return loaded(args).config


class Progress:
    """``[ 3/12] photo.jpg`` on a terminal's last line; silent where nobody watches."""

    def __init__(self, total: int, quiet: bool = False) -> None:
        self._total = total
        self._count = 0
        self._quiet = quiet or not sys.stderr.isatty()

    def show(self, text: str) -> None:
        """The next of ``total`` steps begins."""
        self._count += 1
        if not self._quiet:
            width = len(str(self._total))
            print(f"\r\x1b[K[{self._count:{width}}/{self._total}] {text[-100:]}", end="", file=sys.stderr, flush=True)

    def done(self) -> None:
        """Clear the line."""
        if not self._quiet:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)


def write_file(path: Path, data: bytes) -> None:
    """Write the whole file or none: a temporary name in the same folder, then a rename.

    An OSError names the file.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        temporary.write_bytes(data)
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        error.filename = str(path)
        raise
