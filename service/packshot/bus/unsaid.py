"""Notices that this broker does not take: left out and told of, so that they cannot end the connection for ever.

Brokers limit the size of messages. Some say so when we connect, some end the connection over each message that is too
large, or that their access list denies. It is taken for one of the largest that were under way; a notice that was among
them ``ENDINGS`` times in a row is not sent for ``QUIET_S``. Notices are messages whose sender does not ask what became
of them.
"""

import logging
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass

from packshot.errors import BrokerError

log = logging.getLogger(__name__)

ENDINGS = 3
QUIET_S = 3600.0  # then it is tried again: somebody may have raised the broker's limit
TOLD = 4  # topics that are remembered; others are found out anew


@dataclass(frozen=True)
class _Entry:
    line: str
    size: int  # bytes of payload; a smaller one is sent
    until: float


class Unsaid:
    """By topic. Thread-safe, as operations on a dict are atomic."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._endings: dict[str, int] = {}
        self._entries: dict[str, _Entry] = {}

    def __str__(self) -> str:
        """One line that stays the same while the topics do; empty where everything is said."""
        topics = ", ".join(sorted(topic[:80] for topic in list(self._entries)))
        advice = "the broker does not take them; check its size limits and access list"
        return f"{topics} left out: {advice}" if topics else ""

    def check(self, topic: str, size: int) -> None:
        """Raise BrokerError if a notice of that size is to be left out."""
        entry = self._entries.get(topic)
        if entry is None:
            return
        if size >= entry.size and self._now() < entry.until:
            raise BrokerError(entry.line)
        self._entries.pop(topic, None)

    def over_limit(self, topic: str, size: int, allowed: int) -> None:
        """The broker has said that it takes ``allowed`` bytes; it may say something else on the next connection."""
        line = f"{topic[:200]} of {size} bytes is over the broker's limit of {allowed} and left out"
        self._add(topic, _Entry(f"{line}; raise max_packet_size there", size, self._now()))

    def ended(self, notices: Collection[tuple[str, int]]) -> None:
        """The connection ended, and of what was under way nothing was larger than these: (topic, size)."""
        self._endings = {topic: self._endings.get(topic, 0) + 1 for topic, _ in notices}
        for topic, size in notices:
            if self._endings[topic] >= ENDINGS:
                line = f"{topic[:200]} of {size} bytes ended the connection {ENDINGS} times in a row and is left out"
                line += "; check the broker's limit of message or packet size, and its access list"
                self._add(topic, _Entry(line, size, self._now() + QUIET_S))

    def taken(self, topic: str) -> None:
        """The broker has such a notice."""
        self._endings.pop(topic, None)

    def _add(self, topic: str, entry: _Entry) -> None:
        if topic not in self._entries:
            log.warning("%s", entry.line)
        self._entries[topic] = entry
        for oldest in list(self._entries)[:-TOLD]:
            self._entries.pop(oldest, None)
