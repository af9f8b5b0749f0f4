"""Scenes of rendered products: RGBA pictures from a tar file or a folder, enlarged, before the seeded backdrops."""

import tarfile
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from tools.make_scenes import BACKDROPS, RGB8, Float, Scene, photograph

SUFFIXES = (".webp", ".png")
FILL = 0.7  # of the scene's shorter side
SHARPER = 0.6  # the enlarged outline is this many pixels of the render's own blur narrower


def read_renders(source: Path, count: int) -> Iterator[tuple[str, RGB8]]:
    """Name and RGBA pixels of ``count`` renders spread evenly over a tar file or a folder."""
    if source.is_dir():
        files = sorted(path for path in source.rglob("*") if path.suffix in SUFFIXES)
        for path in files[:: max(1, len(files) // count)][:count]:
            yield path.stem, _rgba(path.read_bytes())
        return
    with tarfile.open(source) as tar:
        members = [member for member in tar.getmembers() if Path(member.name).suffix in SUFFIXES]
        for member in members[:: max(1, len(members) // count)][:count]:
            content = tar.extractfile(member)
            if content is not None:
                yield Path(member.name).stem, _rgba(content.read())


def rendered_scene(name: str, rgba: RGB8, height: int, width: int, seed: int, noise: float = 2.0) -> Scene:
    """A render (h, w, 4), enlarged to the middle of a scene; its outline is drawn as sharp as the scene allows."""
    rng = np.random.default_rng([seed, *name.encode()])
    scale = FILL * min(height, width) / max(rgba.shape[:2])
    across = cv2.getRotationMatrix2D((rgba.shape[1] / 2, rgba.shape[0] / 2), 0.0, scale)
    across[:, 2] += (width / 2 - rgba.shape[1] / 2, height / 2 - rgba.shape[0] / 2)
    share = rgba[..., 3:].astype(np.float32) / 255
    premultiplied = np.dstack([rgba[..., :3] / np.float32(255) * share, share]).astype(np.float32)
    large = cv2.warpAffine(premultiplied, across, (width, height), flags=cv2.INTER_CUBIC)
    coverage = large[..., 3]
    steeper = max(1.0, SHARPER * scale)
    alpha = np.asarray(np.clip((coverage - 0.5) * steeper + 0.5, 0, 1), np.float32)
    colours = np.asarray(np.clip(large[..., :3] / np.maximum(coverage, 0.2)[..., None], 0, 1), np.float32)
    background: Float = BACKDROPS[int(rng.integers(len(BACKDROPS)))](rng, height, width)
    return Scene(name, photograph(alpha, colours, background, noise, rng), alpha, colours, background)


def _rgba(data: bytes) -> RGB8:
    return np.asarray(Image.open(BytesIO(data)).convert("RGBA"), np.uint8)
