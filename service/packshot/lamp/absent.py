"""No lamp attached: the room's light has to do."""

from contextlib import AbstractContextManager, nullcontext

from packshot.lamp.port import Sign


class AbsentLamp:
    """Lights nothing, tells nobody."""

    @property
    def problem(self) -> str:
        """None: nothing is missed that was asked for."""
        return ""

    def lit(self, backdrop: str) -> AbstractContextManager[None]:  # noqa: ARG002  the port's signature
        """Nothing to wait for."""
        return nullcontext()

    def show(self, sign: Sign) -> None:
        """Nothing to show it with."""

    def close(self) -> None:
        """Nothing to switch off."""
