"""Whose turn it is: which captures get one of the few places in delivery."""

from collections.abc import Collection

from packshot.domain import IN_DELIVERY, Capture
from packshot.spool.port import Spool


class Line:
    """Captures in delivery, oldest first; those that nobody takes get only places that no other capture wants."""

    def __init__(self, spool: Spool, places: int) -> None:
        self._spool = spool
        self._places = places
        self._set_aside: set[str] = set()

    def waiting(self, placed: Collection[Capture]) -> list[Capture]:
        """Captures that may take a place beside ``placed``, in their order.

        Of one SKU and angle there is only one in delivery at a time, so that retakes arrive in their order.
        """
        limit = 4 * self._places + len(self._set_aside)
        ids = {capture.capture_id for capture in placed}
        products = {_product(capture) for capture in placed if capture.request.sku}
        free: list[Capture] = []
        for capture in self._spool.captures(IN_DELIVERY, limit):
            if capture.capture_id not in ids and _product(capture) not in products:
                free.append(capture)
                products |= {_product(capture)} if capture.request.sku else set()
        return sorted(free, key=lambda capture: capture.capture_id in self._set_aside)

    def others_wait(self, placed: Collection[Capture]) -> bool:
        """Whether a capture waits that was not set aside."""
        return any(capture.capture_id not in self._set_aside for capture in self.waiting(placed))

    def set_aside(self, capture_id: str) -> None:
        """Nobody takes this one: others first."""
        self._set_aside.add(capture_id)

    def welcome(self, capture_id: str) -> None:
        """Somebody took it, or it is done."""
        self._set_aside.discard(capture_id)


def _product(capture: Capture) -> tuple[str, int]:
    return capture.request.sku, capture.request.angle
