"""No local trigger: captures come over MQTT alone."""

from packshot.trigger.port import Fire


class AbsentTrigger:
    """Never fires."""

    @property
    def problem(self) -> str:
        """None: nothing is missed that was asked for."""
        return ""

    def start(self, fire: Fire) -> None:
        """Nothing to listen to."""

    def close(self) -> None:
        """Nothing to stop."""
