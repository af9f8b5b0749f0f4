"""Why a delivery is left for later: here, or at another uploader."""

from packshot.errors import RetryLater


class NotNow(RetryLater):
    """Give the claim up; the box offers the capture again."""


class StorefrontAway(NotNow):
    """The storefront is unavailable; no offer should be claimed for ``pause_s`` seconds."""

    def __init__(self, text: str, pause_s: float) -> None:
        super().__init__(text)
        self.pause_s = pause_s
