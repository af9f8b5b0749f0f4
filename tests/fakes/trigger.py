"""A trigger that a test presses, and a place where what was fired is kept."""

import queue

from packshot.trigger.port import Fire, TriggerAction


class FakeTrigger:
    """Implements ``packshot.trigger.port.Trigger``; ``press`` is the finger."""

    def __init__(self, problem: str = "") -> None:
        self.problem = problem
        self.refused = False  # a scanner's, see ``trigger.scanned.Scanner``
        self._fire: Fire | None = None

    def start(self, fire: Fire) -> None:
        """Arm."""
        self._fire = fire

    def press(self, sku: str = "", action: TriggerAction = TriggerAction.CAPTURE) -> None:
        """Fire, if armed."""
        if self._fire is not None:
            self._fire(action, sku)

    def close(self) -> None:
        """Disarm."""
        self._fire = None


class Fired:
    """Passed as ``fire``; ``next`` waits for what was fired."""

    def __init__(self) -> None:
        self._queue: queue.Queue[tuple[TriggerAction, str]] = queue.Queue()

    def __call__(self, action: TriggerAction, sku: str) -> None:
        self._queue.put((action, sku))

    def next(self, timeout_s: float = 10.0) -> tuple[TriggerAction, str]:
        """The next shot; ``queue.Empty`` if none comes."""
        return self._queue.get(timeout=timeout_s)

    def count(self) -> int:
        """How many were fired and not asked for yet."""
        return self._queue.qsize()
