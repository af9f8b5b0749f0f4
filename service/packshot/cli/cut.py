"""``packshot cut``: photos and folders in, cutouts out."""

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from packshot.cli.common import Progress, add_config, config_of, write_file
from packshot.config import Config, with_values
from packshot.cutout import Composer, CutOptions, CutResult, Cutter, Picture
from packshot.domain import Decision
from packshot.encode.port import PictureFormat
from packshot.errors import BadImage, GiveUpCapture, UsageError
from packshot.matting.refine import Profile
from packshot.presets import Preset, parse_colour, pick_preset
from packshot.wiring import build_cutting

FORMATS = [form.value for form in PictureFormat]
PHOTO_SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff"}
STDIO = "-"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Straight-alpha RGBA at the photo's size unless a preset or format asks for something else."""
    parser.add_argument("inputs", nargs="+", metavar="IN", help="photo, folder of photos, or - for stdin")
    parser.add_argument("-o", "--output", required=True, metavar="OUT", help="folder, file (one photo) or - for stdout")
    parser.add_argument("--preset", metavar="NAME", help="a marketplace's rules: web, amazon-main, ...")
    parser.add_argument("--profile", choices=[profile.value for profile in Profile], help="edges: products are hard")
    parser.add_argument("--format", choices=FORMATS, help="default png, or what OUT's name says")
    parser.add_argument("--background", metavar="COLOUR", help="transparent, #RRGGBB or a picture")
    parser.add_argument("--mask-only", action="store_true", help="the alpha alone, 8-bit gray PNG")
    parser.add_argument("--model", type=Path, metavar="PATH", help="a .tflite with its card beside it")
    parser.add_argument("--engine", help="auto, litert, tflite-runtime")
    parser.add_argument("--threads", type=int, metavar="N", help="threads of the network")
    parser.add_argument("--json", action="store_true", help="one line per photo: stage ms, bbox, fill, verdict, engine")
    add_config(parser)


@dataclass(frozen=True)
class _Job:
    """What is done with every photo of one call."""

    cutter: Cutter
    composer: Composer
    options: CutOptions
    preset: Preset
    background: Any
    mask_only: bool

    @property
    def suffix(self) -> str:
        return "png" if self.mask_only else self.preset.format

    def picture(self, result: CutResult) -> Picture:
        if self.mask_only:
            return self.composer.mask(result)
        if result.bbox is None and self.preset.frame != "photo":
            raise BadImage("no subject found, so there is nothing to place by the preset; check the photo")
        return self.composer.picture(result, self.preset, self.background)


def run(args: argparse.Namespace) -> int:
    """Cut all; a bad photo is reported and the rest go on. Returns 1 if any failed."""
    config = _with_arguments(config_of(args), args)
    cutting = build_cutting(config)
    preset = pick_preset(cutting.presets, args.preset) if args.preset else Preset()
    preset, background = _with_background(_with_format(preset, args), args.background, cutting.decode)
    job = _Job(cutting.cutter, cutting.composer, cutting.options, preset, background, args.mask_only)
    photos = list(_photos(args.inputs))
    outputs = _Outputs(args.output, job.suffix, single=len(photos) == 1 and args.inputs[0] == str(photos[0]))
    progress = Progress(len(photos), quiet=len(photos) < 2 or args.json)
    failures = 0
    for photo in photos:
        progress.show(str(photo))
        failures += not _cut_one(photo, job, outputs, as_json=args.json)
    progress.done()
    return 1 if failures else 0


def _cut_one(photo: Path, job: _Job, outputs: "_Outputs", as_json: bool) -> bool:
    target: Path | None = None
    try:
        target = outputs.path_for(photo)
        result = job.cutter.cut(_read(photo), job.options)
        picture = job.picture(result)
        outputs.write(target, picture.data)
    except OSError as error:
        _report(photo, f"{error.filename or target}: {error.strerror or error}", as_json)
        return False
    except (GiveUpCapture, UsageError) as error:
        _report(photo, " ".join(str(error).split()), as_json)
        return False
    _tell(photo, target, result, picture, as_json)
    return True


def _tell(photo: Path, target: Path | None, result: CutResult, picture: Picture, as_json: bool) -> None:
    if as_json:
        print(json.dumps(_facts(photo, target, result, picture)), file=sys.stderr if target is None else sys.stdout)
    elif result.verdict.decision is not Decision.PUBLISH:
        reasons = "; ".join(result.verdict.reasons)
        print(f"packshot: {photo}: {result.verdict.decision.value}: {reasons}", file=sys.stderr)


def _facts(photo: Path, target: Path | None, result: CutResult, picture: Picture) -> dict[str, Any]:
    return {
        "input": str(photo),
        "output": str(target) if target else STDIO,
        "width": picture.width,
        "height": picture.height,
        "bytes": len(picture.data),
        "ms": dict(result.stage_ms),
        "bbox": result.bbox,
        "fill": round(result.fill, 4),
        "verdict": result.verdict.decision.value,
        "reasons": list(result.verdict.reasons),
        "scores": {name: round(score, 4) for name, score in result.verdict.scores.items()},
        "profile": result.profile.value,
        "engine": result.engine,
        "notes": list(result.notes),
    }


def _report(photo: Path, text: str, as_json: bool) -> None:
    if as_json:
        print(json.dumps({"input": str(photo), "error": text}))
    print(f"packshot: {photo}: {text}", file=sys.stderr)


class _Outputs:
    """Where each cutout goes; no two photos of one call into one file, no photo overwritten by its own cutout."""

    def __init__(self, output: str, suffix: str, single: bool) -> None:
        self._stdout = output == STDIO
        self._suffix = suffix
        path = Path(output)
        self._file = path if single and path.suffix and not path.is_dir() else None
        self._folder = path
        self._taken: dict[Path, Path] = {}

    def path_for(self, photo: Path) -> Path | None:
        """The file of a photo's cutout, None for stdout; raises UsageError on a collision."""
        if self._stdout:
            return None
        stem = "stdin" if str(photo) == STDIO else photo.stem
        target = self._file or self._folder / f"{stem}.{self._suffix}"
        if target.resolve() == photo.resolve():
            raise UsageError(f"{target} is the photo itself; choose another folder with -o")
        if target in self._taken:
            raise UsageError(f"{target} already holds the cutout of {self._taken[target]}; rename one of the two")
        self._taken[target] = photo
        return target

    def write(self, target: Path | None, data: bytes) -> None:
        """Write whole files only; folders are made."""
        if target is None:
            sys.stdout.buffer.write(data)
            sys.stdout.buffer.flush()
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            write_file(target, data)


def _photos(inputs: list[str]) -> Iterator[Path]:
    for name in inputs:
        path = Path(name)
        if name != STDIO and path.is_dir():
            photos = sorted(file for file in path.iterdir() if file.suffix.lower() in PHOTO_SUFFIXES)
            if not photos:
                raise UsageError(f"{path} holds no photos ({', '.join(sorted(PHOTO_SUFFIXES))})")
            yield from photos
        else:
            yield path


def _read(photo: Path) -> bytes:
    if str(photo) == STDIO:
        return sys.stdin.buffer.read()
    try:
        return photo.read_bytes()
    except OSError as error:
        raise BadImage(f"cannot be read: {error.strerror}") from error


def _with_arguments(config: Config, args: argparse.Namespace) -> Config:
    model = {"path": str(args.model) if args.model else None, "engine": args.engine, "threads": args.threads}
    cut = {"profile": args.profile}
    return with_values(config, model=model, cut=cut)


def _with_format(preset: Preset, args: argparse.Namespace) -> Preset:
    suffix = Path(args.output).suffix.lower().lstrip(".")
    named = {"jpeg": "jpg", "tif": "tiff"}.get(suffix, suffix)
    wanted = args.format or (named if named in FORMATS and not args.preset else "")
    if not wanted or args.mask_only:
        return preset
    background = "#ffffff" if wanted == "jpg" and preset.background == "transparent" else preset.background
    return _changed(preset, format=wanted, background=background)


def _with_background(preset: Preset, background: str | None, decode: Any) -> tuple[Preset, Any]:
    if not background:
        return preset, None
    if background == "transparent" or background.startswith("#"):
        parse_colour(background)
        return _changed(preset, background=background), None
    path = Path(background)
    if not path.is_file():
        raise UsageError(f"background {background!r} is neither 'transparent', #RRGGBB nor a picture file")
    return preset, decode(path.read_bytes())


def _changed(preset: Preset, **changes: Any) -> Preset:
    import msgspec

    try:
        return msgspec.structs.replace(preset, **changes)
    except ValueError as error:
        raise UsageError(str(error)) from error
