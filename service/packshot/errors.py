"""Errors in three families, by what the caller does next; each class carries its exit code.

``RetryLater``      the same call may succeed later (camera unplugged, broker away, disk full)
``GiveUpCapture``   this photo, message or capture can never succeed; the next one may
``StopDaemon``      going on would be wrong (configuration, model, spool); leave with the exit code

The text of an error is one line that says what is wrong and what to do about it.
"""

EXIT_OTHER = 1
EXIT_USAGE = 2
EXIT_DEVICE = 3
EXIT_NETWORK = 4
EXIT_SPOOL = 5


class PackshotError(Exception):
    """Root of all errors that packshot raises on purpose."""

    exit_code = EXIT_OTHER


class RetryLater(PackshotError):
    """The same call may succeed later."""


class GiveUpCapture(PackshotError):
    """This input can never succeed; others may."""


class StopDaemon(PackshotError):
    """Nothing that follows can be right; stop with ``exit_code``."""


class UsageError(StopDaemon):
    """The command line asks for something that does not exist or does not fit together."""

    exit_code = EXIT_USAGE


class ConfigError(StopDaemon):
    """The configuration cannot be read; the text names key path, value and file."""

    exit_code = EXIT_USAGE


class ModelError(StopDaemon):
    """The network or its card is damaged, or the two do not belong together."""

    exit_code = EXIT_USAGE


class CameraError(RetryLater):
    """No frame now: unplugged, stalled, timed out, nothing attached."""

    exit_code = EXIT_DEVICE


class AcceleratorError(RetryLater):
    """The inference engine failed or did not answer in time."""

    exit_code = EXIT_DEVICE


class BrokerError(RetryLater):
    """The MQTT broker cannot be reached, refused us or went away."""

    exit_code = EXIT_NETWORK


class TargetUnavailable(RetryLater):
    """The storefront cannot be reached or asks us to come back; ``retry_after_s`` if it said when."""

    exit_code = EXIT_NETWORK

    def __init__(self, text: str, retry_after_s: float | None = None) -> None:
        super().__init__(text)
        self.retry_after_s = retry_after_s


class TargetRefused(GiveUpCapture):
    """The storefront will never take this picture (too large, unknown product, forbidden)."""

    exit_code = EXIT_NETWORK


class SpoolFull(RetryLater):
    """No room for another capture; nothing was overwritten."""

    exit_code = EXIT_SPOOL


class SpoolError(StopDaemon):
    """The spool cannot be trusted any more (EIO, corrupt index); reopen before going on."""

    exit_code = EXIT_SPOOL


class IntegrityError(GiveUpCapture):
    """Bytes do not have the sha256 that was recorded for them."""

    exit_code = EXIT_SPOOL


class BadImage(GiveUpCapture):
    """Not a picture that packshot reads, or one beyond its limits."""


class BadMessage(GiveUpCapture):
    """A message from the wire that is not what its topic promises."""
