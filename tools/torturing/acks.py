"""Which published offers and parts wait for their PUBACK, read from the bytes that a daemon sends and receives."""

import re

from tools.torturing.calls import Call

TOKEN = r"(?:\\[0-7]{1,3}|\\.|[^\\])"
"""One byte as strace prints it."""
SENT = re.compile(r"/(?:offer/[0-9a-z]{26}|cutout/[^\\\"]+/\d+/\d+?)(" + TOKEN + "{2})")
DATA = re.compile(r'^(?:\d+<[^>]*>, )?"(.*?)"')
PUBACK = "@"


class Acks:
    """Packet ids under way. A PUBACK comes in pieces: its type, its length, then the packet id."""

    def __init__(self) -> None:
        self.waiting: set[str] = set()
        self._pieces: list[str] = []

    def sent(self, call: Call) -> None:
        """A message was published, all of it in one call."""
        match = SENT.search(call.text)
        if match:
            self.waiting.add(match[1])

    def received(self, call: Call) -> None:
        """Some bytes have come in."""
        match = DATA.match(call.text)
        if not match:
            return
        if match[1] == PUBACK or self._pieces:
            self._pieces.append(match[1])
        if len(self._pieces) == 3:
            acknowledged, self._pieces = self._pieces[2], []
            self.waiting = {packet for packet in self.waiting if not acknowledged.startswith(packet)}
