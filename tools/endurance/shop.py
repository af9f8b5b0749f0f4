"""A whole appliance for measurements: broker, daemon, uploader to a folder, and a till that orders one by one."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.appliance import Appliance, Ear
from tests.support.mosquitto import Broker

SYSTEMD = Path(__file__).parents[2] / "deploy/systemd"
ENDED = ("receipted", "held", "empty", "failed", "refused")


@dataclass(frozen=True)
class Journey:
    """One order: seconds from its message to the answer (the photo is durable) and to the end, and which end."""

    answered_s: float
    ended_s: float
    stage: str


class Till:
    """Orders and waits."""

    def __init__(self, ear: Ear, root: str) -> None:
        self._ear = ear
        self._root = root
        self._ordered = 0

    def order(self) -> Journey:
        """One capture, from the message to its end."""
        self._ordered += 1
        request = f"order-{os.getpid()}-{self._ordered}"
        began = time.monotonic()
        self._ear.publish(f"{self._root}/cmd/capture", f'{{"request_id": "{request}"}}'.encode())
        answer = self._ear.wait(f"{self._root}/response/capture", lambda message: message.json["request_id"] == request)
        if answer.json["status"] != "ok":
            raise SystemExit(f"the box refused: {answer.json['error']}")
        topic = f"{self._root}/job/{answer.json['data']['capture_id']}"
        end = self._ear.wait(topic, lambda message: message.json["stage"] in ENDED)
        self._ear.forget()
        return Journey(answer.at - began, end.at - began, end.json["stage"])


@contextmanager
def open_shop(folder: Path, photos: Path) -> Iterator[tuple[Appliance, Till]]:
    """Everything started and serving; all of it ended afterwards."""
    with Broker(folder) as broker, Appliance(folder, broker.port, photos) as box, Ear(broker.port) as ear:
        box.start("run", **environment("packshotd.service"))
        box.start("uploader", **environment("packshot-uploader.service"))
        ear.wait(f"{box.root}/status", lambda message: message.payload == b"online")
        ear.wait("packshot/uploader/up-1/status", lambda message: message.payload == b"online")
        yield box, Till(ear, box.root)


def environment(unit: str) -> dict[str, str]:
    """What systemd sets for the unit: allocator and interpreter behave as on a box."""
    lines = (SYSTEMD / unit).read_text().splitlines()
    words = " ".join(line.removeprefix("Environment=") for line in lines if line.startswith("Environment=")).split()
    return dict(word.split("=", 1) for word in words)
