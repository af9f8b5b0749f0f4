"""Where `packshot cut` reads and writes, and what it says of each photo."""

import json
import sys
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

from packshot.cli.common import write_file
from packshot.composer import Picture
from packshot.cut_result import CutResult
from packshot.domain import Decision
from packshot.encode.port import PictureFormat
from packshot.errors import BadImage, UsageError

FORMATS = [form.value for form in PictureFormat]
PHOTO_SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff"}
STDIO = "-"


class Outputs:
    """Where each cutout goes: no two of one call into one file, and none over a picture that the call reads."""

    def __init__(self, output: str, suffix: str, single: bool, read: Iterable[Path]) -> None:
        self._stdout = output == STDIO
        self._suffix = suffix
        path = Path(output)
        self._file = path if single and path.suffix and not path.is_dir() else None
        self._folder = path
        self._read = {path.resolve() for path in read}
        self._taken: dict[Path, Path] = {}

    def path_for(self, photo: Path, number: int = 0) -> Path | None:
        """The file of a photo's cutout, None for stdout; ``number`` from 1 tells several products of a photo apart.

        Raises UsageError on a collision.
        """
        if self._stdout:
            return None
        return self._claimed(self._target(photo, f"-{number}" if number else ""), photo)

    def beside(self, target: Path, suffix: str, photo: Path) -> Path:
        """A further file of a photo, beside ``target``; raises UsageError on a collision."""
        return self._claimed(target.with_suffix(suffix), photo)

    def write(self, target: Path | None, data: bytes) -> None:
        """Write whole files only; folders are made."""
        if target is None:
            rest = memoryview(data)
            while rest:  # without a buffer (PYTHONUNBUFFERED) a write may take only a part, on a full disk for one
                rest = rest[sys.stdout.buffer.write(rest) :]
            sys.stdout.buffer.flush()
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            write_file(target, data)

    def _claimed(self, target: Path, photo: Path) -> Path:
        if target.resolve() == photo.resolve():
            raise UsageError(f"{target} is the photo itself; choose another folder with -o")
        if target.resolve() in self._read:
            raise UsageError(f"{target} is another picture of this call; choose another folder with -o")
        if target in self._taken:
            raise UsageError(f"{target} already holds the cutout of {self._taken[target]}; rename one of the two")
        self._taken[target] = photo
        return target

    def _target(self, photo: Path, mark: str) -> Path:
        if self._file:
            return self._file.with_stem(self._file.stem + mark)
        stem = "stdin" if str(photo) == STDIO else photo.stem
        return self._folder / f"{stem}{mark}.{self._suffix}"


def find_photos(inputs: Iterable[str]) -> list[Path]:
    """The photos that the arguments name; raises UsageError for a folder without any."""
    return [photo for name in inputs for photo in _expanded(name)]


def read_photo(photo: Path) -> bytes:
    """The bytes of a photo or of stdin; raises BadImage when they cannot be read."""
    if str(photo) == STDIO:
        return _stdin()
    try:
        return photo.read_bytes()
    except OSError as error:
        raise BadImage(f"{photo.name} cannot be read: {error.strerror}") from error


@lru_cache(maxsize=1)
def _stdin() -> bytes:
    """Its bytes come once; a file with layers needs the photo a second time."""
    return sys.stdin.buffer.read()


def tell(photo: Path, target: Path | None, result: CutResult, picture: Picture, as_json: bool) -> None:
    """One JSON line, or one line on stderr where a person should look."""
    if as_json:
        print(json.dumps(_facts(photo, target, result, picture)), file=sys.stderr if target is None else sys.stdout)
    elif result.verdict.decision is not Decision.PUBLISH:
        reasons = "; ".join(result.verdict.reasons)
        print(f"packshot: {photo}: {result.verdict.decision.value}: {reasons}", file=sys.stderr)


def tell_failure(photo: Path, text: str, as_json: bool) -> None:
    """One line on stderr, and a JSON line where those were asked for."""
    line = " ".join(text.split())
    if as_json:
        print(json.dumps({"input": str(photo), "error": line}))
    print(f"packshot: {photo}: {line}", file=sys.stderr)


def _expanded(name: str) -> Iterator[Path]:
    path = Path(name)
    if name == STDIO or not path.is_dir():
        yield path
        return
    photos = sorted(file for file in path.iterdir() if file.suffix.lower() in PHOTO_SUFFIXES)
    if not photos:
        raise UsageError(f"{path} holds no photos ({', '.join(sorted(PHOTO_SUFFIXES))})")
    yield from photos


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
