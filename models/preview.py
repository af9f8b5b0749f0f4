"""A quick look at the averaged weights during training: figures on part of the validation lists, masks, curves."""

from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from models.checkpoint import read_history
from models.data import SLICES, Pictures, UInt8, validation_pictures
from models.u2net_lite import Config
from packshot.matting.tensor import IMAGENET_MEAN, IMAGENET_STD, normalise

PER_SLICE = 24
SHOWN = 8  # pictures of each slice on the contact sheet
TILE = 128


class Preview:
    """Validation pictures held in memory at the network's input size; nothing of them is learnt from."""

    def __init__(self, data: Path, config: Config, device: torch.device) -> None:
        self._device = device
        self._slices = {name: validation_pictures(data, config.input_size, name, PER_SLICE) for name in SLICES}

    def look(self, network: nn.Module, folder: Path) -> dict[str, str]:
        """Mean error and IoU of every slice; writes ``masks.jpg`` with pictures above their masks."""
        row: dict[str, str] = {}
        sheet: list[UInt8] = []
        for name, pictures in self._slices.items():
            masks = self._masks(network, pictures.images)
            truth = np.stack(
                [cv2.resize(mask, masks.shape[:0:-1], interpolation=cv2.INTER_AREA) for mask in pictures.masks]
            )
            row |= _figures(name, masks, np.asarray(truth / 255, np.float32))
            sheet.append(_strip(pictures, masks))
        cv2.imwrite(str(folder / "masks.jpg"), np.concatenate(sheet)[..., ::-1])
        return row

    @torch.no_grad()
    def _masks(self, network: nn.Module, images: UInt8) -> NDArray[np.float32]:
        parts = []
        for start in range(0, len(images), 8):
            values = normalise(images[start : start + 8], IMAGENET_MEAN, IMAGENET_STD)
            x = torch.from_numpy(values).permute(0, 3, 1, 2).to(self._device)
            parts.append(torch.sigmoid(network(x)[-1])[:, 0].float().cpu().numpy())
        return np.concatenate(parts)

    def plot(self, folder: Path) -> None:
        """Write ``curves.png`` from the history."""
        import matplotlib as mpl

        mpl.use("Agg")
        from matplotlib import pyplot as plt

        rows = read_history(folder)
        figure, axes = plt.subplots(1, 3, figsize=(15, 4))
        for axis, wanted in zip(axes, (("loss",), ("_iou",), ("_mae",)), strict=True):
            for key in rows[0]:
                if key.endswith(wanted):
                    axis.plot([int(r["samples"]) for r in rows], [float(r[key]) for r in rows], label=key)
            axis.set_xlabel("samples")
            axis.legend()
        figure.savefig(folder / "curves.png", bbox_inches="tight")
        plt.close(figure)


def _figures(name: str, masks: NDArray[np.float32], truth: NDArray[np.float32]) -> dict[str, str]:
    found = {f"{name}_mae": f"{np.abs(masks - truth).mean():.4f}"}
    if name != "empty":
        inside, outside = (masks > 0.5) & (truth > 0.5), (masks > 0.5) | (truth > 0.5)
        iou = inside.sum((1, 2)) / np.maximum(outside.sum((1, 2)), 1)
        found[f"{name}_iou"] = f"{iou.mean():.4f}"
    return found


def _strip(pictures: Pictures, masks: NDArray[np.float32]) -> UInt8:
    """(2 TILE, SHOWN TILE, 3): pictures above, masks below."""
    step = max(1, len(pictures) // SHOWN)
    above = [cv2.resize(image, (TILE, TILE), interpolation=cv2.INTER_AREA) for image in pictures.images[::step][:SHOWN]]
    below = [cv2.resize((mask * 255).astype(np.uint8), (TILE, TILE)) for mask in masks[::step][:SHOWN]]
    return np.concatenate([np.concatenate(above, 1), np.stack([np.concatenate(below, 1)] * 3, -1)])
