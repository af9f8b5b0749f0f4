"""The outbox: from the spool to an uploader over MQTT, and the receipt back."""

from packshot.outbox.outbox import Outbox
from packshot.outbox.settings import OutboxSettings

__all__ = ["Outbox", "OutboxSettings"]
