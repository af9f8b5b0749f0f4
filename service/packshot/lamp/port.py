"""The port of every lamp."""

from contextlib import AbstractContextManager
from enum import StrEnum
from typing import Protocol


class Sign(StrEnum):
    """What the box tells people without a screen."""

    READY = "ready"
    BUSY = "busy"
    ERROR = "error"


class Lamp(Protocol):
    """Light before and while a frame is exposed. Missing hardware is a state: ``problem`` names it, nothing raises."""

    @property
    def problem(self) -> str:
        """Empty while all is well, else one line that says what is missing."""

    def lit(self, backdrop: str) -> AbstractContextManager[None]:
        """Light for ``backdrop`` ("" the usual one) inside the ``with``; entered once the light is steady."""

    def show(self, sign: Sign) -> None:
        """Tell people; returns at once."""

    def close(self) -> None:
        """Switch everything off; calling it again does nothing."""
