"""``packshot id-photo``: photos in; measured, cropped, checked ID photos, records and print sheets out."""

import argparse
import json
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from packshot.cli.common import Progress, add_config, config_of, write_file
from packshot.cli.cut_files import STDIO, Outputs, find_photos, read_photo, tell_failure
from packshot.errors import GiveUpCapture, UsageError
from packshot.idphoto.attest import finding_dict
from packshot.idphoto.findings import Finding, State
from packshot.idphoto.wording import NOT_JUDGED, say
from packshot.portrait import SHEET_DPI, Portrait, Studio

MARKS = {State.OK: "ok", State.UNSURE: "look", State.NOT_OK: "NO"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Exits 1 if a photo was refused; a photo that breaks a rule is written, and said so."""
    parser.add_argument("inputs", nargs="*", metavar="IN", help="photo, folder of photos, or - for stdin")
    parser.add_argument("-o", "--output", metavar="OUT", help="folder, file (one photo) or - for stdout")
    parser.add_argument(
        "--spec", metavar="NAME", help="icao, uk, us, cn, badge or one of your own (default: id_photo.spec)"
    )
    parser.add_argument("--sheet", action="store_true", help="a print sheet of 10 x 15 cm beside it, as PDF and JPEG")
    parser.add_argument("--dpi", type=int, choices=SHEET_DPI, default=SHEET_DPI[0], help="of the print sheet")
    parser.add_argument("--keep-background", action="store_true", help="also where the spec allows another")
    parser.add_argument("--strict", action="store_true", help="exit 1 also where a rule is broken")
    parser.add_argument("--list", action="store_true", help="the specs, and where each is accepted")
    parser.add_argument("--json", action="store_true", help="one line per photo: the record")
    add_config(parser)


@dataclass(frozen=True)
class _Job:
    """What is done with every photo of one call."""

    studio: Studio
    spec: str
    outputs: Outputs
    sheet: bool
    dpi: int
    new_background: bool
    strict: bool
    as_json: bool


def run(args: argparse.Namespace) -> int:
    """Make all; a refused photo is reported and the rest go on. Returns 1 if any was refused."""
    from packshot.idphoto.spec import pick_spec
    from packshot.wiring import build_cutting
    from packshot.wiring.portraits import all_specs, build_studio

    config = config_of(args)
    specs, name = all_specs(config), args.spec or config.id_photo.spec
    pick_spec(specs, name)
    if args.list:
        print("\n".join(f"{name:8} {spec.title}\n{'':8} accepted: {spec.accepted}" for name, spec in specs.items()))
        return 0
    photos = find_photos(_inputs(args))
    cutting = build_cutting(config)
    studio = build_studio(config, cutting.cutter.cut, cutting.accelerator.card)
    single = len(photos) == 1 and not Path(args.inputs[0]).is_dir()
    outputs = Outputs(args.output, "jpg", single, photos)
    job = _Job(studio, name, outputs, args.sheet, args.dpi, not args.keep_background, args.strict, args.json)
    progress = Progress(len(photos), quiet=len(photos) < 2 or args.json)
    failures = 0
    for photo in photos:
        progress.show(str(photo))
        failures += not _make_one(photo, job)
    progress.done()
    cutting.close()
    return 1 if failures else 0


def _inputs(args: argparse.Namespace) -> list[str]:
    if not args.inputs or not args.output:
        raise UsageError(
            "name a photo (or a folder, or - for stdin) and where to write with -o; --list shows the specs"
        )
    if args.sheet and args.output == STDIO:
        raise UsageError("a print sheet needs a folder or a file for -o, stdout takes one picture only")
    return list(args.inputs)


def _make_one(photo: Path, job: _Job) -> bool:
    try:
        target = job.outputs.path_for(photo)
        made = job.studio.make(read_photo(photo), job.spec, made_at=_now(), new_background=job.new_background)
        job.outputs.write(target, made.data)
        if target:
            write_file(target.with_suffix(".json"), json.dumps(made.record, indent=1, ensure_ascii=False).encode())
        if target and job.sheet:
            sheet = job.studio.sheet(made, job.dpi)
            write_file(job.outputs.beside(target, ".sheet.pdf", photo), sheet.pdf)
            write_file(job.outputs.beside(target, ".sheet.jpg", photo), sheet.jpeg)
    except OSError as error:
        tell_failure(photo, f"{error.filename or 'the output'}: {error.strerror or error}", job.as_json)
        return False
    except (GiveUpCapture, UsageError) as error:
        tell_failure(photo, str(error), job.as_json)
        return False
    _tell(photo, target, made, job.as_json)
    return made.keeps is not State.NOT_OK or not job.strict


def _tell(photo: Path, target: Path | None, made: Portrait, as_json: bool) -> None:
    """The record as one JSON line; or a table of rules, on stderr where stdout carries the picture."""
    stream = sys.stderr if target is None else sys.stdout
    if as_json:
        facts = {"input": str(photo), "output": str(target or STDIO), "keeps": made.keeps.value, **made.record}
        print(json.dumps(facts), file=stream)
        return
    size = f"{made.width}x{made.height} px, {made.dpi} dpi, {len(made.data)} bytes"
    print(f"{photo}: {made.spec.title}: {size}", file=stream)
    for finding in made.findings:
        print(_line(finding), file=stream)
    print(f"  look not judged, check yourself: {NOT_JUDGED}", file=stream)


def _line(finding: Finding) -> str:
    facts = finding_dict(finding)
    low, high = (f"{facts[end]:.4g}" if facts[end] is not None else "" for end in ("low", "high"))
    wanted = f"({low}..{high} {finding.unit})".replace(" )", ")") if low or high else ""
    figure = "" if finding.figure is None else f"{finding.figure:.4g}"
    return (
        f"  {MARKS[finding.state]:4} {finding.rule.value:19} {figure:>8} {wanted:24} "
        f"{finding.confidence:4.0%} sure  {say(finding.message)}"
    )


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
