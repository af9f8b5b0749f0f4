"""``packshot cut``: photos and folders in, cutouts out."""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from packshot.cli.common import Progress, add_config, config_of
from packshot.cli.cut_files import FORMATS, Outputs, find_photos, read_photo, tell, tell_failure
from packshot.composer import Picture
from packshot.config import Config, with_values
from packshot.cut_result import CutResult, split
from packshot.encode.port import Photo
from packshot.errors import BadImage, GiveUpCapture, UsageError
from packshot.matting.refine import Profile
from packshot.presets import Preset, keeps_exactly, parse_colour, pick_preset
from packshot.wiring import Cutting, build_cutting


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Straight-alpha RGBA at the photo's size unless a preset or format asks for something else."""
    parser.add_argument("inputs", nargs="*", metavar="IN", help="photo, folder of photos, or - for stdin")
    parser.add_argument("-o", "--output", required=True, metavar="OUT", help="folder, file (one photo) or - for stdout")
    parser.add_argument("--preset", metavar="NAME", help="a marketplace's rules: web, amazon-main, ...")
    parser.add_argument("--profile", choices=[profile.value for profile in Profile], help="edges: products are hard")
    parser.add_argument("--format", choices=FORMATS, help="default png, or what OUT's name says")
    parser.add_argument("--background", metavar="COLOUR", help="transparent, #RRGGBB or a picture")
    parser.add_argument("--mask-only", action="store_true", help="the alpha alone, 8-bit gray PNG")
    parser.add_argument(
        "--layers", action="store_true", help="for the retoucher: a TIFF of cutout, mask and photo beside"
    )
    parser.add_argument("--split", action="store_true", help="one cutout for each of several products")
    parser.add_argument("--plate", type=Path, metavar="EMPTY", help="a photo of the empty scene, same camera and light")
    parser.add_argument("--backdrops", type=Path, nargs=2, metavar=("A", "B"), help="the product before two backdrops")
    parser.add_argument("--plates", type=Path, nargs=2, metavar=("PA", "PB"), help="the two backdrops without it")
    parser.add_argument("--model", type=Path, metavar="PATH", help="a .tflite with its card beside it")
    parser.add_argument("--engine", help="auto, litert, tflite-runtime")
    parser.add_argument("--threads", type=int, metavar="N", help="threads of the network")
    parser.add_argument("--json", action="store_true", help="one line per photo: stage ms, bbox, fill, verdict, engine")
    add_config(parser)


@dataclass(frozen=True)
class _Job:
    """What is done with every photo of one call."""

    cutting: Cutting
    cut: Callable[[Path], CutResult]
    preset: Preset
    background: Any
    mask_only: bool
    split: bool
    layers: bool

    @property
    def suffix(self) -> str:
        return "png" if self.mask_only else self.preset.format

    def results(self, photo: Path) -> list[CutResult]:
        result = self.cut(photo)
        return split(result) if self.split else [result]

    def layered(self, photo: Path, result: CutResult) -> bytes:
        return self.cutting.composer.layers(result, self.cutting.cutter.decode(read_photo(photo))).data

    def picture(self, result: CutResult) -> Picture:
        if self.mask_only:
            return self.cutting.composer.mask(result)
        if result.bbox is None and self.preset.frame != "photo":
            raise BadImage("no subject found, so there is nothing to place by the preset; check the photo")
        return self.cutting.composer.picture(result, self.preset, self.background)


def run(args: argparse.Namespace) -> int:
    """Cut all; a bad photo is reported and the rest go on. Returns 1 if any failed."""
    photos = find_photos(_inputs(args))
    cutting = build_cutting(_with_arguments(config_of(args), args))
    job = _job(args, cutting)
    single = len(photos) == 1 and not Path(args.inputs[0]).is_dir()
    outputs = Outputs(args.output, job.suffix, single, [*photos, *_beside(args)])
    progress = Progress(len(photos), quiet=len(photos) < 2 or args.json)
    failures = 0
    for photo in photos:
        progress.show(str(photo))
        failures += not _cut_one(photo, job, outputs, as_json=args.json)
    progress.done()
    cutting.close()
    return 1 if failures else 0


def _cut_one(photo: Path, job: _Job, outputs: Outputs, as_json: bool) -> bool:
    try:
        results = job.results(photo)
        for number, result in enumerate(results, 1):
            target = outputs.path_for(photo, number if len(results) > 1 else 0)
            picture = job.picture(result)
            outputs.write(target, picture.data)
            if job.layers and target:
                outputs.write(outputs.beside(target, ".layers.tiff", photo), job.layered(photo, result))
            tell(photo, target, result, picture, as_json)
    except OSError as error:
        tell_failure(photo, f"{error.filename or 'the output'}: {error.strerror or error}", as_json)
        return False
    except (GiveUpCapture, UsageError) as error:
        tell_failure(photo, str(error), as_json)
        return False
    return True


def _inputs(args: argparse.Namespace) -> list[str]:
    if bool(args.backdrops) != bool(args.plates):
        raise UsageError("--backdrops A B and --plates PA PB go together: two photos, and the two empty backdrops")
    if args.backdrops and not args.inputs:
        args.inputs = [str(args.backdrops[0])]
    if args.backdrops and (args.plate or [*map(Path, args.inputs)][1:] or Path(args.inputs[0]) not in args.backdrops):
        raise UsageError("with --backdrops the photos are those two; give no others and no --plate")
    if not args.inputs:
        raise UsageError("name a photo, a folder of photos, or - for stdin")
    return list(args.inputs)


def _beside(args: argparse.Namespace) -> list[Path]:
    """Pictures that are read beside the photos."""
    background = [Path(args.background)] if args.background else []
    return [*background, *([args.plate] if args.plate else []), *(args.backdrops or ()), *(args.plates or ())]


def _job(args: argparse.Namespace, cutting: Cutting) -> _Job:
    preset = pick_preset(cutting.presets, args.preset) if args.preset else Preset()
    preset, background = _with_background(_with_format(preset, args), args.background, cutting)
    return _Job(cutting, _way_to_cut(args, cutting), preset, background, args.mask_only, args.split, args.layers)


def _way_to_cut(args: argparse.Namespace, cutting: Cutting) -> Callable[[Path], CutResult]:
    """From a photo's path to its cutout: by the network alone, with a plate, or before two backdrops."""
    if args.backdrops:
        plates = (_decoded(args.plates[0], cutting), _decoded(args.plates[1], cutting))
        first, second = args.backdrops
        return lambda _: cutting.cutter.cut_pair((_decoded(first, cutting), _decoded(second, cutting)), plates)
    plate = _decoded(args.plate, cutting) if args.plate else None
    return lambda path: cutting.cutter.cut(read_photo(path), cutting.options, plate)


def _decoded(path: Path, cutting: Cutting) -> Photo:
    """A picture beside the photo that is cut; its errors name it."""
    data = read_photo(path)
    try:
        return cutting.decoder.decode(data, cutting.options.limits)
    except BadImage as error:
        raise BadImage(f"{path.name}: {error}") from error


def _with_arguments(config: Config, args: argparse.Namespace) -> Config:
    model = {"path": str(args.model) if args.model else None, "engine": args.engine, "threads": args.threads}
    return with_values(config, model=model, cut={"profile": args.profile})


def _with_format(preset: Preset, args: argparse.Namespace) -> Preset:
    suffix = Path(args.output).suffix.lower().lstrip(".")
    named = {"jpeg": "jpg", "tif": "tiff"}.get(suffix, suffix)
    wanted = args.format or (named if named in FORMATS and not args.preset else "")
    if not wanted or args.mask_only:
        return preset
    background = "#ffffff" if wanted == "jpg" and preset.background == "transparent" else preset.background
    return _changed(preset, format=wanted, background=background)


def _with_background(preset: Preset, background: str | None, cutting: Cutting) -> tuple[Preset, Any]:
    if not background:
        return preset, None
    if background == "transparent" or background.startswith("#"):
        parse_colour(background)
        return _changed(preset, background=background), None
    path = Path(background)
    if not path.is_file():
        raise UsageError(f"background {background!r} is neither 'transparent', #RRGGBB nor a picture file")
    return preset, _decoded(path, cutting).pixels


def _changed(preset: Preset, **changes: Any) -> Preset:
    """With what the call asks for, which goes before an exact background."""
    form, background = changes.get("format", preset.format), changes.get("background", preset.background)
    exact = preset.exact_background and keeps_exactly(form, background)
    try:
        return msgspec.structs.replace(preset, **changes, exact_background=exact)
    except ValueError as error:
        raise UsageError(str(error)) from error
