"""A data folder as training wants it, of a few drawn pictures."""

import io
import tarfile
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from tests.models.scenes import product_scenes

SIDE = 64
PER_SET = 6


def write_tiny_data(root: Path) -> Path:
    """Write tar files and lists into ``root``; the last name of each labelled set is held out."""
    scenes = list(product_scenes(PER_SET, SIDE))
    for archive, names in _names().items():
        files: dict[str, bytes] = {}
        folder = "product-render" if archive.startswith("product-render") else archive.removesuffix("-01")
        for name, (rgb, alpha) in zip(names, scenes, strict=True):
            mask = np.rint(alpha * 255).astype(np.uint8)
            if archive == "product-render-rgba":
                files[f"{folder}/rgba/{name}.webp"] = _webp(np.dstack([rgb[..., ::-1], mask]))
                continue
            files[f"{folder}/images/{name}.webp"] = _webp(rgb[..., ::-1])
            if archive in ("duts-tr-01", "ccp-person", "product-render"):
                files[f"{folder}/masks/{name}.webp"] = _webp(mask)
        write_tar(root / f"{archive}.tar", files)
    for slice_name, held_out in HELD_OUT.items():
        (root / f"val_{slice_name}.txt").write_text(f"{held_out}\n")
    (root / "product_synsets.txt").write_text("n01\n")
    return root


HELD_OUT = {
    "product": "n01_5",
    "general": "n01_4",
    "person": "0005",
    "render": "Lamp_00",  # its other view, Lamp_01, must go unseen as well
    "empty": "houses-backgrounds/5_bathroom",
}


def _names() -> dict[str, list[str]]:
    renders = ["Cup_00", "Cup_01", "Pen_00", "Pen_01", "Lamp_00", "Lamp_01"]
    return {
        "duts-tr-01": [f"n01_{n}" for n in range(PER_SET)],
        "ccp-person": [f"{n:04}" for n in range(PER_SET)],
        "product-render": renders,
        "product-render-rgba": renders,
        "houses-backgrounds": [f"{n}_bathroom" for n in range(PER_SET)],
        "dtd-textures": [f"dotted_{n}" for n in range(PER_SET)],
        "clothing-unlabelled": [f"Hat_{n}" for n in range(PER_SET)],
    }


def _webp(pixels: NDArray[np.uint8]) -> bytes:
    encoded = cv2.imencode(".webp", pixels, [cv2.IMWRITE_WEBP_QUALITY, 101])[1]  # above 100 is lossless
    return encoded.tobytes()


def write_tar(path: Path, files: dict[str, bytes]) -> None:
    with tarfile.open(path, "w") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
