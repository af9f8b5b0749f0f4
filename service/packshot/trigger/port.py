"""The port of every local trigger."""

from collections.abc import Callable
from enum import StrEnum
from typing import Protocol


class TriggerAction(StrEnum):
    """What a trigger can ask for."""

    CAPTURE = "capture"
    PLATE = "plate"


Fire = Callable[[TriggerAction, str], None]
"""``fire(action, sku)``: sku is empty where the trigger knows none. Returns at once, never raises."""


class Trigger(Protocol):
    """Something a person or a clock sets off.

    Missing hardware is a state: ``problem`` names it, ``start`` does not raise.
    """

    @property
    def problem(self) -> str:
        """Empty while all is well, else one line that says what is missing."""

    def start(self, fire: Fire) -> None:
        """Begin to listen in a background thread; ``fire`` is called from that thread."""

    def close(self) -> None:
        """Stop listening and join the thread; calling it again does nothing."""
