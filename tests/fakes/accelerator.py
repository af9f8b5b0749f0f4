"""An engine in numpy that computes what the tiny network computes, and can be told to fail.

fake = FakeAccelerator(card)
fake.fault = AcceleratorError("bus error")   # every call raises until it is None again
fake.gate.clear()                            # every call hangs until the gate is set again
"""

import threading

import numpy as np
from numpy.typing import NDArray

from packshot.errors import AcceleratorError
from packshot.matting.card import ModelCard
from packshot.matting.tensor import dequantise, quantise

WEIGHT = 8 / 3


class FakeAccelerator:
    """Implements ``packshot.accelerator.port.Accelerator`` for cards whose input and output sizes are equal."""

    def __init__(self, card: ModelCard, engine: str = "fake") -> None:
        self.card = card
        self.engine = engine
        self.fault: Exception | None = None
        self.gate = threading.Event()
        self.gate.set()
        self.bias = 0.0
        self.closed = False

    def infer(self, tensor: NDArray[np.int8]) -> NDArray[np.int8]:
        """Logit = WEIGHT * sum of the three normalised channels + bias."""
        spec = self.card.input
        if self.closed:
            raise AcceleratorError("the engine is closed")
        if tensor.dtype != np.int8 or tensor.shape != (1, spec.height, spec.width, spec.channels):
            raise ValueError(f"the network takes int8, got {tensor.dtype} {tensor.shape}")
        self.gate.wait()
        if self.fault is not None:
            raise self.fault
        logits = WEIGHT * dequantise(tensor, spec).sum(axis=-1, keepdims=True) + self.bias
        return quantise(logits.astype(np.float32), self.card.output)

    def close(self) -> None:
        """Mark as closed; calls that hang go on hanging, as a real engine's would."""
        self.closed = True
