"""Which message loses us the link? Messages that were under way when it broke are suspects.

While more than one was under way nobody can tell, so after a loss messages go one at a time until things are calm.
A message that alone was under way at ``max_disconnects`` losses in a row is convicted. An outage of the broker
convicts nobody: any PUBACK acquits.
"""

from collections.abc import Collection, Hashable
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)

CALM_AFTER = 8  # messages taken in a row before several may be under way again


class Suspects(Generic[Key]):
    """Counts losses per message; a key is whatever names a message."""

    def __init__(self, max_disconnects: int) -> None:
        self._max = max_disconnects
        self._losses: dict[Key, int] = {}
        self._calm = CALM_AFTER

    def window(self, usual: int) -> int:
        """How many messages may be under way now."""
        return usual if self._calm >= CALM_AFTER else 1

    def taken(self, key: Key) -> None:
        """The broker has this message: it is innocent."""
        self._losses.pop(key, None)
        self._calm += 1

    def lost(self, keys: Collection[Key]) -> Key | None:
        """The link broke with these under way; the message that this convicts, if any."""
        if not keys:
            return None
        self._calm = 0
        if len(keys) > 1:
            return None
        (key,) = keys
        self._losses[key] = self._losses.get(key, 0) + 1
        if self._losses[key] < self._max:
            return None
        del self._losses[key]
        return key


class PartSize:
    """The size of parts: halved when one is convicted, doubled again after a long calm."""

    def __init__(self, smallest: int, double_after: int = 256) -> None:
        self._smallest = smallest
        self._double_after = double_after
        self._halvings = 0
        self._taken = 0

    def bytes(self, largest: int) -> int:
        """Bytes per part where the bus allows ``largest``."""
        return max(min(self._smallest, largest), largest >> self._halvings)

    def taken(self) -> None:
        """A part got through."""
        self._taken += 1
        if self._taken >= self._double_after and self._halvings:
            self._halvings -= 1
            self._taken = 0

    def shrink(self, below: int, largest: int) -> bool:
        """Halve until parts have fewer bytes than ``below``; False if that is less than the smallest may have."""
        if below <= min(self._smallest, largest):
            return False
        while self.bytes(largest) >= below:
            self._halvings += 1
        self._taken = 0
        return True
