"""The crash points by name, and which of them a system call is: by its path, its thread and what came before."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from tools.torturing.acks import Acks
from tools.torturing.calls import Call

POINTS = {
    "S1": "mid-write of a new capture",
    "S2": "before the flush of a file",
    "S3": "before the rename",
    "S4": "before the flush of the folder",
    "S5": "before the row",
    "S6": "before the acknowledgement",
    "S7": "mid-cutout",
    "S8": "cutout written, row not",
    "S9": "published, no PUBACK",
    "S10": "PUBACK, no receipt",
    "S11": "receipt not committed",
    "S12": "file not deleted",
    "S13": "mid-checkpoint",
    "S14": "before the upload is whole",
    "S15": "after the upload, before the record",
    "S16": "after the record, before the receipt",
    "S17": "receipt lost",
    "S18": "broker killed",
    "S19": "broker away for long",
    "S20": "broker's queue overflows",
    "S21": "message over the broker's limit",
    "S22": "duplicates and reordering",
    "S23": "disk full",
    "S24": "I/O error on a flush",
    "S25": "flipped bytes on the disk",
    "S26": "index damaged or gone",
}


class Victim(StrEnum):
    """Whose system calls are looked at."""

    DAEMON = "run"
    UPLOADER = "uploader"


@dataclass
class _Daemon:
    """What the calls so far have shown of a daemon."""

    last: dict[int, str] = field(default_factory=dict)  # thread -> the point its last step in the spool stood for
    unanswered: bool = False  # a row was committed whose response has not been sent
    phase: str = ""  # of delivery: S10, S11
    acks: Acks = field(default_factory=Acks)

    def point(self, call: Call) -> str:
        if call.name in ("sendto", "recvfrom"):
            return self._on_wire(call)
        point = self._in_spool(call)
        if point:
            self.last[call.thread] = point
        if point == "S5":
            self.unanswered = True
        return point

    def _on_wire(self, call: Call) -> str:
        before = "S6" if self.unanswered else self._delivery()
        if call.name == "recvfrom":
            self.acks.received(call)
        if "/response/capture" in call.text:
            self.unanswered = False
        elif call.name == "sendto" and ("/offer/" in call.text or "/cutout/" in call.text):
            self.acks.sent(call)
            self.phase = "S10"
        elif "/receipt/" in call.text:
            self.phase = "S11"
        return before

    def _delivery(self) -> str:
        return "S9" if self.phase == "S10" and self.acks.waiting else self.phase

    def _in_spool(self, call: Call) -> str:
        path, name = call.path, call.path.rpartition("/")[2]
        if name == "cutting.json":
            return "S7"
        if name == "index.sqlite-wal" or path.endswith("/spool"):
            return self._row(call.thread)
        if name == "index.sqlite":
            return "S13"
        if "/captures" not in path:
            return ""
        if ".new" in path:
            return _staging(call, name)
        if name == "captures":
            return "S12" if self.phase == "S11" and self.last.get(call.thread) == "S12" else "S4"
        return self._in_capture(call, name)

    def _row(self, thread: int) -> str:
        last = self.last.get(thread, "")
        return {"S4": "S5", "S5": "S5", "S7": "S8", "S8": "S8", "S11": "S11", "S12": "S12"}.get(last, self._delivery())

    def _in_capture(self, call: Call, name: str) -> str:
        if call.name in ("unlink", "rmdir") and not name.endswith("~"):
            return "S12"
        if self.last.get(call.thread) not in ("S7", "S8"):
            return "S11"
        whole = call.name in ("fsync", "rename") or name.startswith("_capture")
        return "S8" if whole or self.last[call.thread] == "S8" else "S7"


def _staging(call: Call, name: str) -> str:
    if call.name in ("mkdir", "write"):
        return "S1"
    return "S3" if call.name == "rename" or name.endswith(".new") else "S2"


@dataclass
class _Uploader:
    """What the calls so far have shown of an uploader."""

    last: dict[int, str] = field(default_factory=dict)
    sent: dict[int, str] = field(default_factory=dict)  # thread -> what its last PUT was about, of a web storefront
    recorded: int = 0  # outcomes in the ledger whose receipt has not been sent

    def point(self, call: Call) -> str:
        if call.name in ("sendto", "recvfrom"):
            return self._on_wire(call)
        point = self._on_disk(call)
        if point:
            self.last[call.thread] = point
        # The record is made by its flush: a death at the entry comes before it.
        return "S15" if point == "S16" and call.name == "fdatasync" else point

    def _on_wire(self, call: Call) -> str:
        if call.name == "sendto" and "/receipt/" in call.text:
            self.recorded = max(0, self.recorded - 1)
            return "S16"
        return self._in_web_shop(call) or ("S16" if self.recorded else "")

    def _in_web_shop(self, call: Call) -> str:
        """A sidecar that follows a picture makes the delivery complete: once it is sent, it may be in the shop."""
        sent, last = self.sent.get(call.thread, ""), self.last.get(call.thread, "")
        if call.name == "sendto" and '"PUT /shop/' in call.text:
            sidecar = ".packshot.json" in call.text
            self.sent[call.thread] = ("whole" if sent == "picture" else "begun") if sidecar else "picture"
            self.last[call.thread] = "S14"
            return "S14"
        if call.name == "recvfrom" and sent == "whole":
            self.last[call.thread] = "S15"
        return self.last[call.thread] if sent and last in ("S14", "S15") else ""

    def _on_disk(self, call: Call) -> str:
        name, last = call.path.rpartition("/")[2], self.last.get(call.thread, "")
        if name == "ledger.sqlite-wal":
            if last != "S15":
                return "S14"
            self.recorded += call.name == "fdatasync"
            return "S16" if call.name == "fdatasync" else "S15"
        if last == "S16":
            return "S16" if self.recorded else ""
        if "/shop" in call.path:
            if call.name == "rename" and name.endswith(".packshot.json"):
                self.last[call.thread] = "S15"
                return ""
            return "S15" if last == "S15" and ".incoming/" not in call.path else "S14"
        return "S14" if "/parts/" in call.path and last != "S15" else ""


def name_points(victim: Victim, calls: Iterable[Call]) -> Iterator[tuple[Call, str]]:
    """Each call with the crash point that a death at its entry is, "" where it is none."""
    witness = _Daemon() if victim is Victim.DAEMON else _Uploader()
    for call in calls:
        point = witness.point(call)
        yield call, point
