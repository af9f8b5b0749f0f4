"""A dispatcher with a clock and a bus in the test's hands."""

from pathlib import Path

import msgspec

from packshot.bus.port import Incoming, Publication
from packshot.domain import Capture, Stage
from packshot.messages import Claim, Receipt, encode
from packshot.outbox.dispatcher import Dispatcher
from packshot.outbox.settings import OutboxSettings
from packshot.outbox.window import MessageKey
from packshot.parts import Range
from packshot.spool.sqlite_spool import SqliteSpool
from tests.fakes.bus import MemoryBus
from tests.support.delivery import add_cut
from tests.support.spool import ROOMY

SETTINGS = OutboxSettings(
    lease_s=30, in_flight=2, window=4, ahead=4, pace_s=2, max_disconnects=2, min_part_bytes=100, ignored_offers=2
)


Ranges = tuple[Range, ...]


class Desk:
    """A dispatcher whose settled messages are handed over at once, as one thread would."""

    def __init__(self, folder: Path, settings: OutboxSettings = SETTINGS, max_message_bytes: int = 1000) -> None:
        self.spool = SqliteSpool(folder / "spool", limits=ROOMY)
        self.bus = MemoryBus(max_message_bytes)
        self.time = 1000.0
        self.announced: list[tuple[str, Stage, str]] = []
        self.dispatcher = Dispatcher(
            self.spool,
            self.bus,
            "packshot/box",
            settings,
            self._announce,
            self._settled,
            uniform=lambda low, high: (low + high) / 2,
            now=lambda: self.time,
        )
        self._count = 0

    def cut(self, size: int = 10, sku: str = "") -> Capture:
        self._count += 1
        data = bytes([self._count % 256]) * size
        capture = add_cut(self.spool, {"picture.webp": data}, f"r{self._count}", sku or f"S-{self._count}")
        self.dispatcher.look_soon()
        return capture

    def turn(self, after_s: float = 0.0) -> list[str]:
        """Let time pass and take a turn; the topics of what was sent, without the root."""
        self.time += after_s
        before = len(self.bus.sent)
        self.dispatcher.turn()
        return [message.topic.removeprefix("packshot/box/") for message in self.bus.sent[before:]]

    def claim(
        self, capture: Capture, uploader: str = "shop-1", stalled: bool = False, have: tuple[Range, ...] = ()
    ) -> None:
        claim = Claim(uploader_id=uploader, stalled=stalled, have={"picture.webp": list(have)} if have else {})
        self.dispatcher.on_claim(Incoming(f"packshot/box/claim/{capture.capture_id}", encode(claim)))

    def receipt(self, capture: Capture, **changes: str) -> None:
        sha256s = {artefact.name: artefact.sha256 for artefact in capture.deliverables()}
        receipt = msgspec.structs.replace(Receipt(sha256s=sha256s, target="folder"), **changes)
        self.dispatcher.on_receipt(Incoming(f"packshot/box/receipt/{capture.capture_id}", encode(receipt)))

    def stage(self, capture: Capture) -> Stage:
        found = self.spool.get(capture.capture_id)
        assert found is not None
        return found.stage

    def _announce(self, capture_id: str, stage: Stage, _request_id: str, reason: str) -> None:
        self.announced.append((capture_id, stage, reason))

    def _settled(self, key: MessageKey, publication: Publication) -> None:
        self.dispatcher.settled(key, publication)


def offer_topic(capture: Capture) -> str:
    return f"offer/{capture.capture_id}"


def parts(capture: Capture, numbers: range, of: int) -> list[str]:
    return [f"cutout/{capture.capture_id}/picture.webp/{number}/{of}" for number in numbers]
