"""A trigger that knows no SKU beside one that scans it: each press photographs what was scanned last."""

from packshot.trigger.port import Fire, Trigger, TriggerAction


class ScannedSku:
    """Scans set the SKU and fire nothing; presses of the other trigger carry it until the next scan."""

    def __init__(self, shutter: Trigger, scanner: Trigger) -> None:
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
            fire(action, sku or (self._sku if action is TriggerAction.CAPTURE else ""))

        self._scanner.start(scanned)
        self._shutter.start(pressed)

    def close(self) -> None:
        """Close both."""
        self._shutter.close()
        self._scanner.close()
