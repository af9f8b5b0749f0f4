"""A till that orders captures without a pause, and knows afterwards which of them were promised."""

import itertools
import json
import threading
from typing import Self

from tests.fleet.fleet import Fleet
from tests.fleet.headquarters import TILL
from tests.support.appliance import Ear
from tests.support.waiting import eventually

AT_ONCE = 3
PAUSE_S = 1.0
END_S = 300.0


class BusyTill:
    """Keeps one box busy until the end of the ``with``: as soon as a capture has come to its end, it orders another."""

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

    def finish(self) -> tuple[int, int]:
        """Order no more, wait for the end of all that was promised; how many are in the storefront, how many held.

        A capture that is held for a person's eye is as safe as one that is delivered.
        """
        self._stop.set()
        self._thread.join()
        eventually(lambda: not self._outstanding(), "the end of all captures that the box had accepted", END_S)
        ends = [self._ends()[capture] for capture in self.promised.values()]
        assert ends, "the box has accepted no capture at all"
        return ends.count("receipted"), ends.count("held")

    def _order(self) -> None:
        for number in itertools.count():
            while len(self._outstanding()) >= AT_ONCE:
                if self._stop.wait(PAUSE_S):
                    return
            if self._stop.wait(PAUSE_S):
                return
            order = {"request_id": f"load-{number}", "sku": f"L-{number}"}
            self._ear.publish(f"{self._root}/cmd/capture", json.dumps(order).encode())

    def _outstanding(self) -> set[str]:
        for message in self._ear.find(f"{self._root}/response/capture"):
            if message.json["status"] == "ok":
                self.promised[str(message.json["request_id"])] = str(message.json["data"]["capture_id"])
        return set(self.promised.values()) - set(self._ends())

    def _ends(self) -> dict[str, str]:
        """Capture id to the stage it came to rest in."""
        jobs = self._ear.find(f"{self._root}/job/+")
        stages = {message.topic.rpartition("/")[2]: str(message.json["stage"]) for message in jobs}
        return {capture: stage for capture, stage in stages.items() if stage in ("receipted", "held")}
