"""``packshot lint``: what in any picture breaks a marketplace's rules."""

import argparse
import json
import sys
from pathlib import Path

from packshot.cli.common import add_config, config_of
from packshot.errors import BadImage
from packshot.presets import Preset, pick_preset


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Exits 1 when a rule is broken or a picture cannot be read."""
    parser.add_argument("pictures", nargs="+", type=Path, metavar="IMAGE")
    parser.add_argument("--preset", required=True, metavar="NAME", help="amazon-main, ebay, google-shopping, ...")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    add_config(parser)


def run(args: argparse.Namespace) -> int:
    """Print one line per broken rule."""
    from packshot.wiring import all_presets

    preset = pick_preset(all_presets(config_of(args)), args.preset)
    return max([_lint(picture, args.preset, preset, args.json) for picture in args.pictures])


def _lint(picture: Path, name: str, preset: Preset, as_json: bool) -> int:
    from packshot.encode.facts import lint

    try:
        broken = lint(picture.read_bytes(), preset)
    except BadImage as error:
        broken = [str(error)]
    except OSError as error:
        broken = [f"cannot be read: {error.strerror}"]
    if as_json:
        print(json.dumps({"picture": str(picture), "preset": name, "broken": broken}))
    else:
        for rule in broken:
            print(f"{picture}: {rule}", file=sys.stderr)
        if not broken:
            print(f"{picture}: keeps the rules of {name}")
    return 1 if broken else 0
