"""Shrinks pictures, cuts sample photos and writes what came out at every step, on one machine and then on the other.

cut_samples.py OUT.npz [STEPS.npz]: with STEPS, network and edges get the other machine's input, and only the whole way
begins at the photo.
"""

import sys

import numpy as np

from packshot.accelerator.litert import LiteRT
from packshot.cutout import CutOptions, Cutter
from packshot.encode.photo import FileDecoder, decode_photo
from packshot.matting.cleanup import drop_specks
from packshot.matting.refine import EdgeSettings, Profile, coarse_matte, fine_alpha
from packshot.matting.shrink import shrink
from packshot.matting.tensor import coarse_mask, glance, network_input
from packshot.platform.resources import released_model, sample_photos

PHOTOS = ("1-bottle", "2-carton", "3-handbag")
SHRUNK = (
    (480, 640, 320, 320),
    (760, 1014, 384, 384),
    (768, 1024, 640, 640),
    (1520, 2028, 768, 1024),
    (640, 640, 320, 320),
    (397, 401, 64, 96),
)
GLANCED = ((380, 507), (378, 504), (375, 500))


def main(out: str, steps: str = "") -> None:
    """Every photo through the network, the edges, and the whole way."""
    card, path = released_model()
    engine = LiteRT(path, card)
    given = dict(np.load(steps)) if steps else {}
    cutter = Cutter(engine, FileDecoder(), CutOptions(), threads=1)
    found = {"engine": np.array(engine.engine)}
    for rows, columns, height, width in SHRUNK:
        noise = np.random.default_rng(rows).integers(0, 256, (rows, columns, 3), np.uint8)
        found[f"{rows}x{columns}.shrunk"] = shrink(noise, height, width)
    for rows, columns in GLANCED:
        noise = np.random.default_rng(rows).integers(0, 256, (rows, columns, 3), np.uint8)
        found[f"{rows}x{columns}.glance"] = glance(noise, card.input.height, card.input.width)
    for photo in sample_photos():
        if photo.stem in PHOTOS:
            pixels = decode_photo(photo.read_bytes()).pixels
            own = network_input(pixels, card)
            tensor = given.get(f"{photo.stem}.input", own)
            logits = engine.infer(tensor)
            mask = coarse_mask(given.get(f"{photo.stem}.logits", logits), card)
            matte = drop_specks(coarse_matte(pixels, mask, Profile.AUTO, EdgeSettings()))
            alpha = fine_alpha(pixels, matte, EdgeSettings())
            whole = cutter.cut(photo.read_bytes()).alpha()
            values = {"pixels": pixels, "input": own, "logits": logits, "alpha": alpha, "whole": whole}
            found |= {f"{photo.stem}.{name}": value for name, value in values.items()}
    np.savez(out, **found)


main(*sys.argv[1:])
