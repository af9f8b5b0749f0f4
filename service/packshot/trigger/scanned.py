"""A trigger that knows no SKU beside one that scans it: each press photographs what was scanned last."""

from typing import Protocol

from packshot.trigger.port import Fire, Trigger, TriggerAction


class Scanner(Trigger, Protocol):
    """A trigger that fires with what it scans."""

    @property
    def refused(self) -> bool:
        """Whether the last code was no SKU, so that nothing was fired for it."""


class ScannedSku:
    """Scans set the SKU and fire nothing; presses of the other trigger carry it until the next scan.

    After a code that is no SKU they carry none: another product lies there than the one scanned before.
    """

    def __init__(self, shutter: Trigger, scanner: Scanner) -> None:
        """Both are started and closed by this one."""
        self._shutter = shutter
        self._scanner = scanner
        self._sku = ""

    @property
    def problem(self) -> str:
        """The problems of both."""
        return "; ".join(filter(None, (self._shutter.problem, self._scanner.problem)))

    def start(self, fire: Fire) -> None:
        """Start both."""

        def scanned(_: TriggerAction, sku: str) -> None:
            self._sku = sku

        def pressed(action: TriggerAction, sku: str) -> None:
            known = action is TriggerAction.CAPTURE and not self._scanner.refused
            fire(action, sku or (self._sku if known else ""))

        self._scanner.start(scanned)
        self._shutter.start(pressed)

    def close(self) -> None:
        """Close both."""
        self._shutter.close()
        self._scanner.close()
