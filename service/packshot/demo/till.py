"""A till: asks for captures over MQTT and notes everything the box and the uploader say of them."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import msgspec

from packshot.bus.port import Bus, Incoming
from packshot.domain import ENDED, Stage
from packshot.errors import BadMessage, BrokerError
from packshot.messages import CaptureCommand, JobEvent, Offer, Receipt, Response, decode, encode

VISIBLE_END = ENDED | {Stage.HELD}
Note = Callable[[str, str], None]
Message = TypeVar("Message", bound=msgspec.Struct)


@dataclass
class Ticket:
    """What is known of one request."""

    request_id: str
    sku: str
    capture_id: str = ""
    error: str = ""
    stages: list[str] = field(default_factory=list)
    reason: str = ""
    offer: Offer | None = None
    receipt: Receipt | None = None
    asked_at: float = 0.0
    receipted_after_s: float = 0.0

    @property
    def ended(self) -> bool:
        """Whether nothing more will come."""
        return bool(self.error) or any(stage in VISIBLE_END for stage in self.stages)


class Till:
    """Triggers from outside: knows topics and payloads, nothing of the box's inside."""

    def __init__(self, bus: Bus, root: str, note: Note) -> None:
        self._bus = bus
        self._root = root
        self._note = note
        self._tickets: dict[str, Ticket] = {}
        self._changed = threading.Condition()
        self._online = threading.Event()

    def open(self, timeout_s: float) -> None:
        """Connect and wait until the box says that it is online; raises BrokerError."""
        self._bus.subscribe(f"{self._root}/#", self._on_message)
        self._bus.start(lambda: None)
        if not self._online.wait(timeout_s):
            raise BrokerError(self._bus.problem or f"the box did not come online within {timeout_s:.0f} s")

    def order(self, request_id: str, sku: str, **fields: Any) -> Ticket:
        """Ask for one capture."""
        ticket = Ticket(request_id, sku, asked_at=time.monotonic())
        with self._changed:
            self._tickets[request_id] = ticket
        command = CaptureCommand(request_id=request_id, sku=sku, **fields)
        self._bus.publish(f"{self._root}/cmd/capture", encode(command))
        return ticket

    def wait(self, ticket: Ticket, timeout_s: float, done: Callable[[Ticket], bool]) -> bool:
        """Wait until ``done`` or ended."""
        with self._changed:
            return self._changed.wait_for(lambda: done(ticket) or ticket.ended, timeout_s)

    def close(self) -> None:
        """Hang up."""
        self._bus.close()

    def _on_message(self, incoming: Incoming) -> None:
        incoming.acknowledge()
        topic = incoming.topic.removeprefix(f"{self._root}/")
        if topic == "status":
            (self._online.set if incoming.payload == b"online" else self._online.clear)()
            return
        kind, _, about = topic.partition("/")
        with self._changed:
            self._take(kind, about, incoming.payload)
            self._changed.notify_all()

    def _take(self, kind: str, about: str, payload: bytes) -> None:
        if kind == "response" and about == "capture":
            self._on_response(_read(payload, Response))
        elif kind == "job":
            self._on_job(about, _read(payload, JobEvent))
        elif kind == "offer" and (ticket := self._by_capture(about)):
            ticket.offer = _read(payload, Offer) or ticket.offer
        elif kind == "receipt" and (ticket := self._by_capture(about)):
            ticket.receipt = _read(payload, Receipt) or ticket.receipt

    def _on_response(self, response: Response | None) -> None:
        ticket = self._tickets.get(response.request_id) if response else None
        if response and ticket:
            ticket.capture_id = str(response.data.get("capture_id", ""))
            ticket.error = response.error
            self._note(ticket.sku, response.error or "shutter acknowledged")

    def _on_job(self, capture_id: str, job: JobEvent | None) -> None:
        ticket = self._tickets.get(job.request_id) if job else None
        ticket = ticket or self._by_capture(capture_id)
        if job and ticket:
            ticket.capture_id = capture_id
            ticket.stages.append(job.stage)
            ticket.reason = job.reason
            if job.stage == Stage.RECEIPTED:
                ticket.receipted_after_s = time.monotonic() - ticket.asked_at
            self._note(ticket.sku, f"{job.stage} {job.reason}".strip())

    def _by_capture(self, capture_id: str) -> Ticket | None:
        return next((ticket for ticket in self._tickets.values() if ticket.capture_id == capture_id), None)


def _read(payload: bytes, kind: type[Message]) -> Message | None:
    try:
        return decode(payload, kind)
    except BadMessage:
        return None
