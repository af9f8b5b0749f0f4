"""A box's outbox and an uploader on a real broker, put together for tests.

rig = Rig(tmp_path, broker)
rig.box().start()
rig.uploader("shop-1").start()
capture = rig.spool.add_cut({"picture.webp": b"..."}, sku="A-1")
rig.wake(); rig.wait_receipted([capture])
"""

import itertools
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from packshot.bus.mqtt import MqttBus
from packshot.domain import (
    Capture,
    CaptureRequest,
    Decision,
    Frame,
    Shutter,
    ShutterProof,
    Stage,
    Verdict,
)
from packshot.outbox import ClaimCheck, Outbox, OutboxSettings
from packshot.spool.port import CutRecord, NewArtefact, Spool
from packshot.spool.sqlite_spool import SqliteSpool
from packshot.storefront.delivery import Delivery, DeliverySettings
from packshot.storefront.ledger import Ledger
from packshot.storefront.targets.folder import FolderTarget
from packshot.storefront.targets.port import Target
from tests.support.mosquitto import Broker
from tests.support.spool import ROOMY
from tests.support.waiting import WAIT_S, eventually

DEVICE = "studio-1"
ROOT = f"packshot/{DEVICE}"


MEDIA = {"png": "image/png", "webp": "image/webp", "jpg": "image/jpeg"}


def add_cut(spool: Spool, files: Mapping[str, bytes], request_id: str, sku: str = "", angle: int = 0) -> Capture:
    """A capture with these deliverables, ready to be offered; the first file is the picture."""
    request = CaptureRequest(request_id=request_id, sku=sku, angle=angle)
    capture = spool.accept(request, [Frame(b"original", "image/jpeg", Shutter(ShutterProof.PROVEN, 0.02))])
    kinds = itertools.chain(["picture"], itertools.repeat("cutout"))
    artefacts = [
        NewArtefact(name, kind, MEDIA[name.rsplit(".", 1)[-1]], data)
        for (name, data), kind in zip(files.items(), kinds, strict=False)
    ]
    record = CutRecord(artefacts, Verdict(Decision.PUBLISH), "test", (0, 0, 1, 1), 0.5)
    return spool.store_cut(capture.capture_id, record)


class Box:
    """The outbox of one device with its own connection."""

    def __init__(
        self,
        broker: Broker,
        spool: Spool,
        settings: OutboxSettings,
        device: str,
        claim_check: ClaimCheck | None,
        **mqtt: Any,
    ) -> None:
        self.root = f"packshot/{device}"
        self.bus = MqttBus(broker.settings(f"packshot-{device}", will_topic=f"{self.root}/status", **mqtt))
        self.announced: list[tuple[str, Stage, str]] = []
        self.fatal: list[Exception] = []
        self.outbox = Outbox(
            spool, self.bus, self.root, settings, self._announce, self.fatal.append, claim_check=claim_check
        )

    def start(self) -> "Box":
        self.outbox.start()
        self.bus.start(self.outbox.wake)
        return self

    def close(self) -> None:
        self.outbox.close()
        self.bus.close()

    def stages(self, capture: Capture) -> list[Stage]:
        return [stage for capture_id, stage, _ in self.announced if capture_id == capture.capture_id]

    def _announce(self, capture_id: str, stage: Stage, _request_id: str, reason: str) -> None:
        self.announced.append((capture_id, stage, reason))


class Uploader:
    """One uploader with its own connection, ledger and work folder."""

    def __init__(
        self, broker: Broker, folder: Path, uploader_id: str, target: Target, settings: DeliverySettings, **mqtt: Any
    ) -> None:
        self.uploader_id = uploader_id
        self.target = target
        self.work = folder / uploader_id / "work"
        self.bus = MqttBus(
            broker.settings(
                f"packshot-uploader-{uploader_id}", will_topic=f"packshot/uploader/{uploader_id}/status", **mqtt
            )
        )
        self.ledger = Ledger(folder / uploader_id / "ledger.sqlite")
        self.fatal: list[Exception] = []
        self.delivery = Delivery(
            self.bus, self.ledger, target, uploader_id, self.work, settings, on_fatal=self.fatal.append
        )

    def start(self) -> "Uploader":
        self.delivery.start()
        eventually(lambda: self.bus.connected, "the uploader's connection")
        return self

    def close(self) -> None:
        self.delivery.close()
        self.bus.close()
        self.ledger.close()


class Rig:
    """A box and uploaders on one broker; closes them all."""

    def __init__(self, folder: Path, broker: Any, spool: Spool | None = None) -> None:
        self.folder = folder
        self.broker = broker
        self.shop = folder / "shop"
        self.spool = spool or SqliteSpool(folder / "spool", limits=ROOMY)
        self._requests = 0
        self.boxes: list[Box] = []
        self.uploaders: list[Uploader] = []

    def box(self, device: str = DEVICE, mqtt: dict[str, Any] | None = None, blobs: Any = None, **settings: Any) -> Box:
        values = {"lease_s": 2.0, "unheard_s": 0.1, "resend_after_s": 0.3, "pace_s": 0.5}
        claim_check = ClaimCheck(blobs, self.folder / "copies", sweep_s=0.5) if blobs else None
        given = OutboxSettings(**{**values, **settings})
        box = Box(self.broker, self.spool, given, device, claim_check, **(mqtt or {}))
        self.boxes.append(box)
        return box

    def uploader(
        self,
        uploader_id: str = "shop-1",
        target: Target | None = None,
        mqtt: dict[str, Any] | None = None,
        **settings: Any,
    ) -> Uploader:
        values = {"reserve_bytes": 0, "retry_first_s": 0.1, "retry_cap_s": 0.5}
        uploader = Uploader(
            self.broker,
            self.folder,
            uploader_id,
            target or FolderTarget(str(self.shop)),
            DeliverySettings(**{**values, **settings}),
            **(mqtt or {}),
        )
        self.uploaders.append(uploader)
        return uploader

    def cut(self, files: Mapping[str, bytes], sku: str = "", angle: int = 0) -> Capture:
        """A new capture, ready to be delivered."""
        self._requests += 1
        capture = add_cut(self.spool, files, f"request-{self._requests}", sku, angle)
        self.wake()
        return capture

    def wake(self) -> None:
        for box in self.boxes:
            box.outbox.wake()

    def wait_stage(self, captures: Iterable[Capture], stage: Stage, timeout_s: float = WAIT_S) -> None:
        waiting = {capture.capture_id for capture in captures}

        def all_there() -> bool:
            for capture_id in list(waiting):
                found = self.spool.get(capture_id)
                if found is not None and found.stage is stage:
                    waiting.discard(capture_id)
            return not waiting

        eventually(all_there, f"stage {stage.value} of {len(waiting)} captures", timeout_s)

    def wait_receipted(self, captures: Iterable[Capture], timeout_s: float = WAIT_S) -> None:
        self.wait_stage(captures, Stage.RECEIPTED, timeout_s)

    def pictures(self) -> dict[str, bytes]:
        """What the shop shows: path below its folder -> bytes, without sidecars and former revisions."""
        return {
            path.relative_to(self.shop).as_posix(): path.read_bytes()
            for path in sorted(self.shop.rglob("*"))
            if path.is_file() and not path.name.endswith(".json") and ".superseded" not in path.parts
        }

    def close(self) -> None:
        for box in self.boxes:
            box.close()
        for uploader in self.uploaders:
            uploader.close()
        self.spool.close()
