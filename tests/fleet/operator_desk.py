"""Whoever orders an update of one box by MQTT, and reads what the box says of it."""

from typing import Any, Self

from tests.fleet.fleet import Fleet
from tests.fleet.headquarters import OPERATOR
from tests.support.appliance import Ear


class UpdateDesk:
    """``phases`` are those that the box has told of since the ``with`` began, each once for every change."""

    def __init__(self, fleet: Fleet, box: str) -> None:
        self._fleet = fleet
        self._root = f"packshot/{box}/update"
        self._ear = self._listen(OPERATOR)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._ear.__exit__(*_)

    def order(self, who: str) -> None:
        """Ask the box to update, as this client of the broker."""
        with self._listen(who) as ear:
            ear.publish(f"{self._root}/cmd", b"install")

    @property
    def orders(self) -> int:
        """How many the broker has passed on."""
        return len(self._ear.find(f"{self._root}/cmd"))

    def says(self, field: str) -> Any:
        """What the box said last."""
        said = self._ear.find(f"{self._root}/state")
        return said[-1].json[field] if said else None

    @property
    def phases(self) -> list[str]:
        """In the order in which they were heard."""
        heard = [str(message.json["phase"]) for message in self._ear.find(f"{self._root}/state")]
        return [phase for phase, before in zip(heard, ["", *heard], strict=False) if phase != before]

    def _listen(self, who: str) -> Ear:
        return Ear(self._fleet.broker.port, f"{self._root}/#", tls=self._fleet.authority.context(who))
