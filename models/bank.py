"""All training pictures in the memory of the device that trains, decoded once, with what drawing from them needs."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.data import Pictures, UInt8, product_synsets, training_backgrounds, training_cutouts, training_pairs

PRODUCT_WEIGHT = 2.0  # product-like photos are drawn this much more often
RENDER_WEIGHT = 6.0  # and rendered products, whose masks are true to a fraction of a pixel
TEXTURE_WEIGHT = 3.0  # textures among empty scenes: far harder than rooms


@dataclass(frozen=True)
class Bank:
    """Everything that can be drawn from, uint8 on the device; boxes are (left, top, right, bottom) in [-1, 1]."""

    photos: Tensor  # (N, S, S, 3)
    masks: Tensor  # (N, S, S)
    boxes: Tensor  # (N, 4) of the masks
    exact: Tensor  # (N,) 1 where the mask is true alpha
    weights: Tensor  # (N,) how often a photo is drawn
    people: Tensor  # indices into photos
    whole: Tensor  # indices of photos whose subject stands clear of the frame and can be cut out
    cutouts: Tensor  # (M, S, S, 4)
    cutout_boxes: Tensor  # (M, 4)
    scenes: Tensor  # (K, S, S, 3)
    scene_weights: Tensor  # (K,) how often a scene is shown empty


def load_bank(root: Path, side: int, device: torch.device, limit: int | None = None) -> Bank:
    """Decode the training data at ``side``; ``limit`` pictures of each kind for a trial run."""
    pairs = training_pairs(root, side, limit)
    cutouts = training_cutouts(root, side, limit)
    scenes = training_backgrounds(root, side, limit)
    products = tuple(f"duts-tr/{synset}_" for synset in product_synsets(root))
    return make_bank(pairs, cutouts, scenes, products, device)


def make_bank(
    pairs: Pictures, cutouts: Pictures, scenes: Pictures, products: tuple[str, ...], device: torch.device
) -> Bank:
    """Bank of decoded pictures; names that start with one of ``products`` are product-like."""
    boxes = bounding_boxes(pairs.masks)
    product = np.array([name.startswith(products) for name in pairs.names])
    person = np.array([name.startswith("ccp-person/") for name in pairs.names])
    rendered = np.array([name.startswith("product-render/") for name in pairs.names])
    texture = np.array([name.startswith("dtd-textures/") for name in scenes.names])
    clear = (np.abs(boxes) < 0.97).all(axis=1) & (boxes[:, 2] - boxes[:, 0] > 0.3)

    def put(values: NDArray[np.generic]) -> Tensor:
        return torch.from_numpy(values).to(device)

    return Bank(
        photos=put(pairs.images),
        masks=put(pairs.masks),
        boxes=put(boxes),
        exact=put(rendered.astype(np.float32)),
        weights=put((PRODUCT_WEIGHT**product * RENDER_WEIGHT**rendered).astype(np.float32)),
        people=put(np.flatnonzero(person)),
        whole=put(np.flatnonzero(clear & product) if (clear & product).any() else np.flatnonzero(clear)),
        cutouts=put(cutouts.images),
        cutout_boxes=put(bounding_boxes(cutouts.images[..., 3])),
        scenes=put(scenes.images),
        scene_weights=put((TEXTURE_WEIGHT**texture).astype(np.float32)),
    )


def bounding_boxes(masks: UInt8) -> NDArray[np.float32]:
    """(N, H, W) -> (N, 4): left, top, right, bottom of what exceeds half, in [-1, 1]; the frame if nothing does."""
    boxes = np.tile(np.array([-1, -1, 1, 1], np.float32), (len(masks), 1))
    for box, mask in zip(boxes, masks, strict=True):
        rows, columns = np.flatnonzero((mask > 127).any(1)), np.flatnonzero((mask > 127).any(0))
        if len(rows):
            height, width = mask.shape
            edges = columns[0] / width, rows[0] / height, (columns[-1] + 1) / width, (rows[-1] + 1) / height
            box[:] = 2 * np.array(edges) - 1
    return boxes
