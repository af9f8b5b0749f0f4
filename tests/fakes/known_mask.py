"""An accelerator that answers with a mask known beforehand, whatever the photo."""

import cv2
import numpy as np
from numpy.typing import NDArray

from packshot.errors import AcceleratorError
from packshot.matting.card import ModelCard, TensorSpec
from packshot.matting.tensor import IMAGENET_MEAN, IMAGENET_STD


class KnownMask:
    """Answers every photo with ``mask`` (H, W) in [0, 1] as int8 logits of ``size`` x ``size``.

    >>> KnownMask(np.ones((4, 4), np.float32), 8).infer(np.zeros((1, 320, 320, 3), np.int8)).shape
    (1, 8, 8, 1)
    """

    engine = "known-mask"

    def __init__(self, mask: NDArray[np.float32], size: int = 160) -> None:
        small = np.clip(cv2.resize(mask, (size, size), interpolation=cv2.INTER_AREA), 1e-5, 1 - 1e-5)
        logits = np.rint(np.log(small / (1 - small)) / 0.1)
        self._answer = np.clip(logits, -128, 127).astype(np.int8)[np.newaxis, :, :, np.newaxis]
        self._closed = False
        self.card = ModelCard(
            name="known-mask",
            version="0",
            file="",
            sha256="",
            input=TensorSpec(320, 320, 3, 0.02, 0),
            output=TensorSpec(size, size, 1, 0.1, 0),
            mean=IMAGENET_MEAN,
            std=IMAGENET_STD,
            fit="stretch",
        )

    def infer(self, tensor: NDArray[np.int8]) -> NDArray[np.int8]:
        """The mask as logits."""
        if self._closed:
            raise AcceleratorError("closed")
        if tensor.shape != (1, 320, 320, 3) or tensor.dtype != np.int8:
            raise ValueError(f"wanted (1, 320, 320, 3) int8, got {tensor.shape} {tensor.dtype}")
        return self._answer.copy()

    def close(self) -> None:
        """Nothing to free."""
        self._closed = True
