"""Picture to network input and network output to coarse mask; training and the box share this file."""

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from packshot.matting.card import ModelCard, TensorSpec
from packshot.matting.shrink import shrink

RGB8 = NDArray[np.uint8]
Int8 = NDArray[np.int8]
Float = NDArray[np.float32]

GLANCE_SHARE = 15 / 16  # of the network's side: the least that a glance may have
NEARLY = 1.25  # times the network's side: from here on an area average is sharp by itself
SHARPER = np.array([[0, -2, 0], [-2, 24, -2], [0, -2, 0]], np.float32)  # sixteenths
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


def stretch(rgb: RGB8, height: int, width: int) -> RGB8:
    """Resize an (H, W, 3) uint8 picture to (height, width, 3) without keeping its aspect.

    Shrinking averages areas, enlarging is bilinear: no aliasing, and the same on every box and in training.
    """
    if rgb.shape[:2] == (height, width):
        return rgb
    if rgb.shape[0] >= height and rgb.shape[1] >= width:
        return shrink(rgb, height, width)
    return np.asarray(cv2.resize(rgb, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)


def glance(rgb: RGB8, height: int, width: int) -> RGB8:
    """A photo (H, W, 3) uint8 that was reduced to hardly more than the network's size, or a little less, at that size.

    Interpolating between so few pixels blurs, which is undone: of 48 rendered products the network's masks were as good
    as from an area average of four times as many pixels (measured once). In whole numbers: alike on every processor.
    """
    if min(rgb.shape[0] / height, rgb.shape[1] / width) >= NEARLY:
        return stretch(rgb, height, width)
    near = cv2.resize(rgb, (width, height), interpolation=cv2.INTER_LINEAR_EXACT)
    sixteenths = np.asarray(cv2.filter2D(near, cv2.CV_16S, SHARPER, borderType=cv2.BORDER_REPLICATE), np.int16)
    return np.asarray(np.clip((sixteenths + 8) >> 4, 0, 255), np.uint8)


def normalise(rgb: RGB8, mean: tuple[float, float, float], std: tuple[float, float, float]) -> Float:
    """(rgb / 255 - mean) / std as float32, same shape; fixed, never by the picture's own maximum."""
    scaled = rgb.astype(np.float32) / np.float32(255.0)
    centred = scaled - np.array(mean, dtype=np.float32)
    return (centred / np.array(std, dtype=np.float32)).astype(np.float32)


def quantise(values: Float, spec: TensorSpec) -> Int8:
    """Affine int8: q = round(x / scale) + zero_point, saturated to [-128, 127]."""
    q: Float = np.rint(values / np.float32(spec.scale)) + np.float32(spec.zero_point)
    return np.clip(q, -128, 127).astype(np.int8)


def dequantise(q: Int8, spec: TensorSpec) -> Float:
    """Real values of an int8 tensor: scale * (q - zero_point), float32."""
    return np.float32(spec.scale) * (q.astype(np.float32) - np.float32(spec.zero_point))


def network_input(rgb: RGB8, card: ModelCard) -> Int8:
    """An sRGB (H, W, 3) uint8 picture as the network's (1, h, w, 3) int8 input.

    A table of 3 x 256 entries holds ``quantise(normalise(v))`` for every channel value v.
    """
    small = stretch(rgb, card.input.height, card.input.width)
    return np.asarray(cv2.LUT(small, _input_table(card)[np.newaxis]), np.uint8).view(np.int8)[np.newaxis]


@lru_cache(maxsize=8)
def _input_table(card: ModelCard) -> NDArray[np.uint8]:
    every_value = np.repeat(np.arange(256, dtype=np.uint8)[:, np.newaxis], 3, axis=1)
    return quantise(normalise(every_value, card.mean, card.std), card.input).view(np.uint8)


def coarse_mask(output: Int8, card: ModelCard) -> Float:
    """The network's (1, h, w, 1) int8 logits as a coarse mask (h, w), float32 in [0, 1]."""
    table = 1.0 / (1.0 + np.exp(-dequantise(np.arange(-128, 128, dtype=np.int8), card.output)))
    return table.astype(np.float32)[output[0, :, :, 0].astype(np.int16) + 128]
