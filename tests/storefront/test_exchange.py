"""What an uploader says to a box about parts that came with many gaps."""

import hashlib
import threading
from pathlib import Path

import pytest

from packshot.bus.port import Incoming
from packshot.messages import Claim, Offer, OfferedArtefact, decode, part_topic
from packshot.parts import from_ranges
from packshot.platform.web import Web
from packshot.storefront.delivery.downloads import Downloads
from packshot.storefront.delivery.exchange import Exchange
from tests.fakes.bus import MemoryBus
from tests.support.targets import capture_id

ROOT, CAPTURE, PARTS = "packshot/studio-1", capture_id(0), 4096
NAMES = [f"view-{number}.webp" for number in range(8)]


def an_exchange(folder: Path, bus: MemoryBus) -> Exchange:
    artefacts = [
        OfferedArtefact(name, "picture", hashlib.sha256(name.encode()).hexdigest(), PARTS, "image/webp", PARTS)
        for name in NAMES
    ]
    offer = Offer(sku="A-1", angle=0, revision=1, supersedes=None, artefacts=artefacts)
    closing = threading.Event()
    return Exchange(bus, ROOT, CAPTURE, "shop-1", folder, offer, 10**6, Downloads(Web(), (), closing), closing)


@pytest.mark.parametrize("limit", [1024, 4096, 256 * 1024])
def test_a_claim_with_thousands_of_gaps_is_small_enough_and_true(tmp_path: Path, limit: int) -> None:
    bus = MemoryBus(limit)
    exchange = an_exchange(tmp_path, bus)
    exchange.open()
    (receive,) = bus.handlers.values()
    for name in NAMES[:2]:
        for part in range(0, PARTS, 2):
            receive(Incoming(f"{ROOT}/{part_topic(CAPTURE, name, part, PARTS)}", b"x"))
    exchange.claim(stalled=True)
    claim = decode(bus.sent[-1].payload, Claim)
    told = from_ranges(claim.have[NAMES[0]], PARTS)
    assert len(told) > limit // 64 or len(told) > 1000
    assert all(part % 2 == 0 for part in told)
