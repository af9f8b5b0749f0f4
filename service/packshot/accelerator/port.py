"""The port of every inference engine."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from packshot.matting.card import ModelCard


class Accelerator(Protocol):
    """One loaded network on one engine; not thread-safe, the caller serialises ``infer``.

    Construction raises ModelError (file truncated, not int8, not matching its card) or AcceleratorError
    (runtime or device missing). The creator calls ``close`` once; afterwards ``infer`` raises AcceleratorError.
    """

    @property
    def engine(self) -> str:
        """What really runs, as results name it: "litert-xnnpack", "litert-builtin", "tflite-runtime-builtin"."""

    @property
    def card(self) -> ModelCard:
        """The card of the loaded network."""

    def infer(self, tensor: NDArray[np.int8]) -> NDArray[np.int8]:
        """(1, H, W, 3) int8 as the card's input says -> (1, h, w, 1) int8 logits, a copy the caller owns.

        Raises AcceleratorError when the engine fails, ValueError when shape or dtype are not the card's.
        """

    def close(self) -> None:
        """Free the engine; calling it again does nothing."""
