"""Commands over the bus that need neither camera nor spool."""

import json
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from packshot.bus.port import Incoming
from packshot.commands import Commands
from packshot.errors import CameraError
from packshot.spool.sqlite_spool import SqliteSpool
from tests.fakes.bus import MemoryBus
from tests.support.spool import ROOMY
from tests.support.waiting import eventually

ROOT = "packshot/box"


class Box:
    """Takes orders; what it answers is kept."""

    def __init__(self, folder: Path, action: Callable[[], Mapping[str, Any]]) -> None:
        self.bus = MemoryBus()
        spool: Any = SqliteSpool(folder / "spool", limits=ROOMY)
        unused: Any = None
        plain = {"selftest": action}
        Commands(self.bus, ROOT, unused, spool, unused, unused, unused, plain, unused).start()

    def order(self, request_id: str) -> None:
        payload = json.dumps({"request_id": request_id}).encode()
        self.bus.handlers[f"{ROOT}/cmd/+"](Incoming(f"{ROOT}/cmd/selftest", payload))

    def answers(self) -> dict[str, str]:
        """Request id -> the error in its answer."""
        responses = [json.loads(message.payload) for message in self.bus.sent]
        return {response["request_id"]: response["error"] for response in responses}


def test_a_flood_of_one_command_is_worked_on_once_at_a_time(tmp_path: Path) -> None:
    go_on, began = threading.Event(), list[int]()

    def action() -> Mapping[str, Any]:
        began.append(threading.active_count())
        assert go_on.wait(10)
        return {}

    box = Box(tmp_path, action)
    for number in range(50):
        box.order(f"r{number}")
    refused = box.answers()
    assert len(refused) == 49
    assert set(refused.values()) == {"selftest is at work already; ask again after its answer"}
    assert len(began) == 1
    go_on.set()
    eventually(lambda: box.answers().get("r0") == "")
    box.order("later")
    eventually(lambda: box.answers().get("later") == "")


def test_a_command_that_fails_may_be_given_again(tmp_path: Path) -> None:
    def action() -> Mapping[str, Any]:
        raise CameraError("the camera is gone; look at its cable")

    box = Box(tmp_path, action)
    box.order("r1")
    eventually(lambda: "r1" in box.answers())
    box.order("r2")
    eventually(lambda: "r2" in box.answers())
    assert set(box.answers().values()) == {"the camera is gone; look at its cable"}
