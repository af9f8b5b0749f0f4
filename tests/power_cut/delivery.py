"""One delivery into a folder storefront, in a process of its own that is killed or failed at any system call.

The uploader's own job runs, from the offer to the receipt; the box is played by a bus that sends the parts as soon as
the capture is claimed, and again when the claim says that it is stalled. ``ack`` is said where the receipt is
published.
"""

import hashlib
import os
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from packshot.bus.port import Handler, Incoming, Outcome
from packshot.errors import PackshotError
from packshot.messages import Claim, Offer, OfferedArtefact, decode, part_topic
from packshot.parts import part_count, part_span
from packshot.platform.web import Web
from packshot.storefront.delivery.downloads import Downloads
from packshot.storefront.delivery.job import Desk, Job
from packshot.storefront.delivery.limits import delivery_key
from packshot.storefront.delivery.settings import DeliverySettings
from packshot.storefront.ledger import Ledger
from packshot.storefront.targets.folder import FolderTarget
from packshot.storefront.targets.port import DeliveryKey
from tests.power_cut.driver import say
from tests.support.targets import capture_id

DEVICE = "studio-1"
ROOT = f"packshot/{DEVICE}"
PART_BYTES = 1000
FORMER, NEWER = 1, 2
NOT_DELIVERED = 75


def pictures(revision: int) -> dict[str, bytes]:
    """What one take looks like."""
    return {"picture.webp": b"picture %d " % revision * 300, "cutout.png": b"cutout %d " % revision * 100}


def offer(revision: int) -> Offer:
    """A box's offer of that take of one product."""
    artefacts = [
        OfferedArtefact(
            name=name,
            kind="picture" if name.startswith("picture") else "cutout",
            sha256=hashlib.sha256(data).hexdigest(),
            bytes=len(data),
            content_type="image/webp" if name.endswith("webp") else "image/png",
            parts=part_count(len(data), PART_BYTES),
        )
        for name, data in pictures(revision).items()
    ]
    return Offer(sku="A-1", angle=0, revision=revision, supersedes=None, artefacts=artefacts)


def key(revision: int) -> DeliveryKey:
    """The same as a delivery."""
    return delivery_key(DEVICE, capture_id(revision), offer(revision))


class BoxBus:
    """The broker and the box in one: parts follow the claim, a receipt is ``ack``."""

    connected = True
    connects = 1
    protocol = "5"
    problem = ""
    unsaid = ""
    max_message_bytes = PART_BYTES
    outcome = Outcome.TAKEN
    reason = ""
    suspect = False

    def __init__(self, revision: int) -> None:
        self._revision = revision
        self._handler: Handler = lambda _: None
        self._sent = False

    def subscribe(self, topic_filter: str, handler: Handler, qos: int = 1) -> None:
        self._handler = handler

    def unsubscribe(self, topic_filter: str) -> None:
        return

    def publish(self, topic: str, payload: bytes, *_: Any, **__: Any) -> "BoxBus":
        if "/receipt/" in topic:
            say("ack")
        if "/claim/" in topic and (not self._sent or decode(payload, Claim).stalled):
            self._sent = True
            self._send_parts(self._handler)
        return self

    def wait(self, timeout_s: float) -> bool:
        return True

    def start(self, on_connected: Callable[[], None]) -> None:
        on_connected()

    def close(self) -> None:
        return

    def _send_parts(self, handler: Handler) -> None:
        for name, data in pictures(self._revision).items():
            of = part_count(len(data), PART_BYTES)
            for part in range(of):
                start, end = part_span(len(data), part, of)
                topic = f"{ROOT}/{part_topic(capture_id(self._revision), name, part, of)}"
                handler(Incoming(topic, data[start:end]))


def deliver(root: Path, revision: int) -> int:
    """From the offer to the receipt; the exit code, NOT_DELIVERED if it was left for later."""
    try:
        ledger = Ledger(root / "work" / "ledger.sqlite")
        settings = DeliverySettings(reserve_bytes=0, hold_s=0.0, retry_first_s=0.01)
        closing = threading.Event()
        downloads = Downloads(Web(), (), closing)
        target = FolderTarget(str(root / "shop"))
        desk = Desk(BoxBus(revision), ledger, target, "shop-1", root / "work" / "parts", settings, downloads, closing)
        desk.work.mkdir(parents=True, exist_ok=True)
        say("begin")
        Job(desk, key(revision), offer(revision), Incoming("", b"")).run()
        ledger.close()
    except PackshotError as error:
        os.write(2, f"{type(error).__name__}: {error}\n".encode())
        return NOT_DELIVERED
    return 0


former = partial(deliver, revision=FORMER)
newer = partial(deliver, revision=NEWER)
