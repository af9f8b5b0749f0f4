"""A till that orders captures without a pause, and knows afterwards which of them were promised."""

import itertools
import json
import threading
from typing import Self

from tests.fleet.fleet import Fleet
from tests.fleet.headquarters import TILL
from tests.support.appliance import Ear
from tests.support.waiting import eventually

PAUSE_S = 1.0
RECEIPTS_S = 180.0


class BusyTill:
    """Orders from one box until the end of the ``with``; an order without an answer is repeated under its id."""

    def __init__(self, fleet: Fleet, box: str) -> None:
        self.promised: dict[str, str] = {}  # request id -> capture id
        self._root = f"packshot/{box}"
        self._ear = Ear(fleet.broker.port, f"{self._root}/#", tls=fleet.authority.context(TILL))
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._order, daemon=True)

    def __enter__(self) -> Self:
        self._ear.__enter__()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        self._ear.__exit__(*_)

    def finish(self) -> int:
        """Order no more and wait until all that was promised has reached the storefront; how many that were."""
        self._stop.set()
        self._thread.join()
        eventually(self._all_receipted, "receipts of all captures that the box had accepted", RECEIPTS_S)
        return len(self.promised)

    def _order(self) -> None:
        for number in itertools.count():
            if self._stop.wait(PAUSE_S):
                return
            order = {"request_id": f"load-{number}", "sku": f"L-{number}"}
            self._ear.publish(f"{self._root}/cmd/capture", json.dumps(order).encode())
            self._note_answers()

    def _note_answers(self) -> None:
        for message in self._ear.find(f"{self._root}/response/capture"):
            if message.json["status"] == "ok":
                self.promised[str(message.json["request_id"])] = str(message.json["data"]["capture_id"])

    def _all_receipted(self) -> bool:
        self._note_answers()
        receipted = {
            message.topic.rpartition("/")[2]
            for message in self._ear.find(f"{self._root}/job/+")
            if message.json["stage"] == "receipted"
        }
        return bool(self.promised) and set(self.promised.values()) <= receipted
