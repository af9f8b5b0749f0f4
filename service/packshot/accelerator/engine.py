"""What all engines have in common: a name, a card, a network that runs until it is closed."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from packshot.errors import AcceleratorError
from packshot.matting.card import ModelCard

Run = Callable[[NDArray[np.int8]], NDArray[np.int8]]


class Engine:
    """An ``Accelerator`` made of a function. The function alone holds the network, so that closing frees it."""

    def __init__(self, engine: str, card: ModelCard, run: Run) -> None:
        """``run`` is ``Accelerator.infer`` of a network that is open."""
        self._engine = engine
        self._card = card
        self._run: Run | None = run

    @property
    def engine(self) -> str:
        """What really runs."""
        return self._engine

    @property
    def card(self) -> ModelCard:
        """The card of the loaded network."""
        return self._card

    def infer(self, tensor: NDArray[np.int8]) -> NDArray[np.int8]:
        """See ``Accelerator.infer``."""
        if self._run is None:
            raise AcceleratorError("the engine is closed; open a new one")
        return self._run(tensor)

    def close(self) -> None:
        """Free the network."""
        self._run = None
