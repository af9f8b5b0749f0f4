"""The outbox: from the spool to an uploader over MQTT, and the receipt back."""

from packshot.outbox.outbox import Outbox
from packshot.outbox.settings import OutboxSettings
from packshot.outbox.staging import ClaimCheck

__all__ = ["ClaimCheck", "Outbox", "OutboxSettings"]
