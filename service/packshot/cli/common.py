"""What several commands share: the --config option and plain tables."""

import argparse
import os
from collections.abc import Sequence
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


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Left-aligned columns, two spaces apart."""
    widths = [max(len(str(row[i])) for row in [header, *rows]) for i in range(len(header))]
    lines = [
        "  ".join(str(cell).ljust(width) for cell, width in zip(row, widths, strict=True)) for row in [header, *rows]
    ]
    return "\n".join(line.rstrip() for line in lines)
