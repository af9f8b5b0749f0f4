"""Training pictures: tar files of WebP images and masks, decoded once into memory; validation lists kept apart.

Names are ``<set>/<stem>``, e.g. ``duts-tr/n03100240_6944``. Every picture is stretched to one square side with the very
function that the box uses.
"""

import tarfile
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from packshot.errors import UsageError
from packshot.matting.tensor import stretch

UInt8 = NDArray[np.uint8]

SLICES = {  # validation list -> set of its bare stems; val_empty names its sets itself
    "product": "duts-tr",
    "general": "duts-tr",
    "person": "ccp-person",
    "render": "product-render",
    "empty": "",
}
PAIRED = ("duts-tr", "ccp-person", "product-render")
BACKGROUNDS = ("houses-backgrounds", "dtd-textures")
CALIBRATION_SHARES = {
    "duts-tr": 0.4,
    "ccp-person": 0.1,
    "product-render": 0.2,
    "houses-backgrounds": 0.1,
    "clothing-unlabelled": 0.2,
}


@dataclass(frozen=True)
class Pictures:
    """Decoded pictures: ``images`` (N, S, S, 3) RGB or (N, S, S, 4) RGBA uint8; ``masks`` (N, S, S) uint8 or empty."""

    names: tuple[str, ...]
    images: UInt8
    masks: UInt8

    def __len__(self) -> int:
        return len(self.names)


def validation_names(root: Path) -> dict[str, tuple[str, ...]]:
    """Slice -> names of its pictures, from the ``val_*.txt`` lists; raises UsageError where one is missing."""
    slices = {}
    for slice_name, folder in SLICES.items():
        stems = _lines(root / f"val_{slice_name}.txt")
        slices[slice_name] = tuple(f"{folder}/{stem}" if folder else stem for stem in stems)
    return slices


def product_synsets(root: Path) -> tuple[str, ...]:
    """ImageNet ids of product-like DUTS-TR names."""
    return tuple(_lines(root / "product_synsets.txt"))


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text().split()
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}; --data must name the training data folder") from error


class Splits:
    """Which names are held out: the validation lists, and for renders every view of an object that is on one."""

    def __init__(self, root: Path) -> None:
        self.slices = validation_names(root)
        self._names = {name for names in self.slices.values() for name in names}
        self._objects = {_render_object(name) for name in self.slices["render"]}

    def held_out(self, name: str) -> bool:
        """Must this picture never be trained or calibrated on?"""
        if name.startswith("product-render/"):
            return _render_object(name) in self._objects
        return name in self._names


def _render_object(name: str) -> str:
    """``product-render/YcbBanana_07`` -> ``product-render/YcbBanana``."""
    return name.rpartition("_")[0]


def training_pairs(root: Path, side: int, limit: int | None = None) -> Pictures:
    """Every labelled picture that may be trained on."""
    splits = Splits(root)
    return _load(root, PAIRED, "images", side, lambda name: not splits.held_out(name), limit)


def training_cutouts(root: Path, side: int, limit: int | None = None) -> Pictures:
    """Bare RGBA renders of the objects that may be trained on."""
    splits = Splits(root)
    return _load(root, ("product-render-rgba",), "rgba", side, lambda name: not splits.held_out(name), limit)


def training_backgrounds(root: Path, side: int, limit: int | None = None) -> Pictures:
    """Rooms and textures without a subject that may be trained on."""
    splits = Splits(root)
    return _load(root, BACKGROUNDS, "images", side, lambda name: not splits.held_out(name), limit)


def validation_pictures(root: Path, side: int, slice_name: str, limit: int | None = None) -> Pictures:
    """One validation list, stretched to ``side``; ``limit`` of it, evenly spread."""
    names, images, masks = zip(*_validation(root, side, slice_name, limit), strict=True)
    return Pictures(names, np.stack(images), np.stack(masks))


def validation_originals(root: Path, slice_name: str, limit: int | None = None) -> Iterator[tuple[str, UInt8, UInt8]]:
    """Name, picture (H, W, 3) RGB and mask (H, W) of one validation list at their own sizes."""
    return _validation(root, None, slice_name, limit)


def _validation(root: Path, side: int | None, slice_name: str, limit: int | None) -> Iterator[tuple[str, UInt8, UInt8]]:
    """An empty scene's mask is all background."""
    names = validation_names(root)[slice_name]
    chosen = names if limit is None else names[:: max(1, len(names) // limit)][:limit]
    empty = slice_name == "empty"
    sets = BACKGROUNDS if empty else (SLICES[slice_name],)
    wanted = set(chosen)
    images = {name: data for name, data in members(root, sets, "images") if name in wanted}
    masks = {} if empty else {name: data for name, data in members(root, sets, "masks") if name in wanted}
    for name in chosen:
        if name not in images or not (empty or name in masks):
            raise UsageError(f"{name} of val_{slice_name}.txt is missing in {root}; fetch the data again")
        image = decode(name, images[name], side, "images")
        yield name, image, np.zeros(image.shape[:2], np.uint8) if empty else decode(name, masks[name], side, "masks")


def calibration_pictures(root: Path, side: int, count: int) -> Pictures:
    """``count`` pictures for int8 calibration from all kinds of sets, none of them on a validation list.

    Deterministic: every k-th name of each set. Raises UsageError if the folder holds fewer.
    """
    splits = Splits(root)
    parts = []
    for folder, share in CALIBRATION_SHARES.items():
        names = [name for name, _ in members(root, (folder,), "images") if not splits.held_out(name)]
        wanted = set(names[:: max(1, int(len(names) / (share * count)))][: round(share * count)])
        parts.append(_load(root, (folder,), "images", side, wanted.__contains__, None))
    images = np.concatenate([part.images for part in parts])
    if len(images) < 0.95 * count:
        raise UsageError(f"{root} holds {len(images)} calibration pictures, {count} are needed")
    return Pictures(tuple(name for part in parts for name in part.names), images, np.empty((0, 0, 0), np.uint8))


def members(root: Path, sets: Iterable[str], kind: str) -> Iterator[tuple[str, bytes]]:
    """(name, encoded bytes) of every file of one kind ("images", "masks", "rgba") in the sets' tar files."""
    for folder in sets:
        paths = sorted([*root.glob(f"{folder}.tar"), *root.glob(f"{folder}-[0-9][0-9].tar")])
        if not paths:
            raise UsageError(f"no {folder}*.tar in {root}; --data must name the training data folder")
        for path in paths:
            yield from _tar_members(path, kind)


def _tar_members(path: Path, kind: str) -> Iterator[tuple[str, bytes]]:
    try:
        with tarfile.open(path) as tar:
            for member in tar:
                folder, _, rest = member.name.partition("/")
                stream = tar.extractfile(member) if rest.startswith(f"{kind}/") else None
                if stream is not None:
                    yield f"{folder}/{Path(rest).stem}", stream.read()
    except (OSError, tarfile.TarError) as error:
        raise UsageError(f"cannot read {path}: {error}; fetch it again") from error


def _load(
    root: Path, sets: Iterable[str], kind: str, side: int, wanted: Callable[[str], bool], limit: int | None
) -> Pictures:
    encoded = {name: data for name, data in members(root, sets, kind) if wanted(name)}
    names = tuple(encoded) if limit is None else tuple(encoded)[:: max(1, len(encoded) // limit)]
    masks = dict(members(root, [s for s in sets if s in PAIRED], "masks")) if kind == "images" else {}
    drawn = tuple(name for name in names if name in masks)
    if drawn and drawn != names:
        raise UsageError(f"{len(names) - len(drawn)} pictures in {root} have no mask; fetch the data again")
    channels = 4 if kind == "rgba" else 3
    images = _decode_all(names, encoded, (side, side, channels), kind)
    return Pictures(names, images, _decode_all(drawn, masks, (side, side), "masks"))


def _decode_all(names: Sequence[str], encoded: dict[str, bytes], shape: tuple[int, ...], kind: str) -> UInt8:
    """(N, *shape) of the named pictures, each decoded straight into its place: gigabytes are held only once."""
    pixels = np.empty((len(names), *shape), np.uint8)

    def place(row: int) -> None:
        pixels[row] = decode(names[row], encoded[names[row]], shape[0], kind)

    with ThreadPoolExecutor(2) as pool:
        deque(pool.map(place, range(len(names))), maxlen=0)
    return pixels


def decode(name: str, data: bytes, side: int | None, kind: str) -> UInt8:
    """One encoded picture as (side, side, 3) RGB, (side, side, 4) RGBA or, for masks, (side, side) uint8.

    Without a ``side`` at its own size.
    """
    flag = {"images": cv2.IMREAD_COLOR, "rgba": cv2.IMREAD_UNCHANGED, "masks": cv2.IMREAD_GRAYSCALE}[kind]
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), flag)
    if pixels is None or (kind == "rgba" and pixels.shape[-1] != 4):
        raise UsageError(f"{name} ({kind}) is not a picture that can be read; fetch the data again")
    if kind == "images":
        pixels = cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB)
    elif kind == "rgba":
        pixels = cv2.cvtColor(pixels, cv2.COLOR_BGRA2RGBA)
    decoded = np.asarray(pixels, np.uint8)
    return decoded if side is None else stretch(decoded, side, side)
