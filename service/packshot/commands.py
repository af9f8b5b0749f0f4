"""Commands over MQTT: from ``cmd/<verb>`` to an answer on ``response/<verb>``."""

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec

from packshot.bus.port import Bus, Incoming
from packshot.capture import CaptureDesk, Outcome, Respond
from packshot.domain import ENDED, IN_DELIVERY, Capture, CaptureRequest, Stage, mint_request_id
from packshot.errors import BadMessage, BrokerError, PackshotError, RetryLater, StopDaemon
from packshot.messages import PRESS, CaptureVerb, PlainVerb, PlateVerb, Response, capture_request, decode, encode
from packshot.platform.logs import event
from packshot.spool.port import Spool

log = logging.getLogger(__name__)

RETRYABLE = frozenset({Stage.HELD, Stage.FAILED, Stage.REFUSED, Stage.CANCELLED, Stage.EMPTY})

Verb = TypeVar("Verb", PlainVerb, PlateVerb)

CompleteRequest = Callable[[CaptureRequest], CaptureRequest]
"""Fills in what a request leaves open; raises BadMessage when profile, preset or SKU are not known here."""

PlainAction = Callable[[], Mapping[str, Any]]
"""What a plain verb does, in a thread of its own; returns the response's data, raises PackshotError."""


@dataclass(frozen=True)
class Reply:
    """Where the answer to one command goes."""

    verb: str
    incoming: Incoming


class Commands:
    """Routes ``cmd/+`` below the device's root. Retained commands are ignored: nobody presses a button for ever."""

    def __init__(
        self,
        bus: Bus,
        root: str,
        desk: CaptureDesk,
        spool: Spool,
        complete: CompleteRequest,
        announce: Callable[[str, Stage, str, str], None],
        wake: Callable[[], None],
        plain: Mapping[str, PlainAction],
        plate: Callable[[PlateVerb, Respond], None],
    ) -> None:
        self._bus = bus
        self._root = root
        self._desk = desk
        self._spool = spool
        self._complete = complete
        self._announce = announce
        self._wake = wake
        self._plain = plain
        self._at_work: set[str] = set()
        self._lock = threading.Lock()
        self._plate = plate

    def start(self) -> None:
        """Listen."""
        self._bus.subscribe(f"{self._root}/cmd/+", self._on_command)

    def _on_command(self, incoming: Incoming) -> None:
        verb = incoming.topic.rsplit("/", 1)[-1]
        if incoming.retain:
            event(log, "retained command ignored", logging.WARNING, verb=verb)
            incoming.acknowledge()
            return
        reply = Reply(verb, incoming)
        try:
            self._dispatch(reply)
        except StopDaemon:
            self._answer(reply, "", error="the service stops over this command; its log says why")
            raise
        except PackshotError as error:
            self._answer(reply, _request_id_of(incoming.payload), error=str(error))

    def _dispatch(self, reply: Reply) -> None:
        match reply.verb:
            case "capture":
                self._on_capture(reply)
            case "plate":
                self._plate(self._decoded(reply, PlateVerb), lambda outcome: self._answer_outcome(reply, outcome))
            case "release" | "refuse" | "cancel":
                self._on_capture_verb(reply)
            case verb if verb in self._plain:
                self._begin(reply, self._decoded(reply, PlainVerb).request_id)
            case verb:
                known = ", ".join(sorted(["capture", "plate", "release", "refuse", "cancel", *self._plain]))
                raise BadMessage(f"no command {verb[:40]!r}; this device knows {known}")

    def _begin(self, reply: Reply, request_id: str) -> None:
        """Not in the bus's thread: reading a configuration or asking the network takes its time. One of a kind."""
        with self._lock:
            if reply.verb in self._at_work:
                raise RetryLater(f"{reply.verb} is at work already; ask again after its answer")
            self._at_work.add(reply.verb)
        threading.Thread(target=self._do, args=(reply, request_id), name=reply.verb, daemon=True).start()

    def _do(self, reply: Reply, request_id: str) -> None:
        data, problem = None, ""
        try:
            data = self._plain[reply.verb]()
        except PackshotError as error:
            problem = str(error)
        finally:
            with self._lock:
                self._at_work.discard(reply.verb)
        self._answer(reply, request_id, data, problem)

    def _on_capture(self, reply: Reply) -> None:
        request = self._complete(capture_request(reply.incoming.payload, source="mqtt"))
        self._desk.submit(request, lambda outcome: self._answer_outcome(reply, outcome))

    def _decoded(self, reply: Reply, kind: type[Verb]) -> Verb:
        """The payload with a request id, minted where it brings none."""
        payload = reply.incoming.payload.strip()
        command = decode(b"{}" if payload in (b"", PRESS) else payload, kind)
        return command if command.request_id else msgspec.structs.replace(command, request_id=mint_request_id())

    def _on_capture_verb(self, reply: Reply) -> None:
        command = decode(reply.incoming.payload, CaptureVerb)
        capture = decide(self._spool, reply.verb, command.capture_id, command.reason)
        self._announce(capture.capture_id, capture.stage, capture.request.request_id, capture.reason)
        self._wake()
        self._answer(reply, command.request_id, {"capture_id": capture.capture_id, "stage": capture.stage.value})

    def _answer_outcome(self, reply: Reply, outcome: Outcome) -> None:
        self._answer(reply, outcome.request_id, outcome_data(outcome), outcome.error)

    def _answer(self, reply: Reply, request_id: str, data: Mapping[str, Any] | None = None, error: str = "") -> None:
        response = Response(request_id, "error" if error else "ok", dict(data or {}), error)
        payload = encode(response)
        topics = {f"{self._root}/response/{reply.verb}", _harmless(reply.incoming.response_topic)} - {""}
        for topic in sorted(topics):
            try:
                self._bus.publish(topic, payload, correlation=reply.incoming.correlation)
            except BrokerError as problem:
                event(log, "response not sent", logging.WARNING, request=request_id, error=problem)
        reply.incoming.acknowledge()


def _harmless(response_topic: str) -> str:
    """A v5 response topic we are willing to write to: no wildcard, no command to this or another device."""
    unfit = any(char in response_topic for char in "+#\0") or "/cmd/" in response_topic or len(response_topic) > 150
    return "" if unfit or response_topic.startswith("$") else response_topic


def outcome_data(outcome: Outcome) -> dict[str, Any]:
    """What ``response/capture`` says of a capture."""
    if not outcome.capture:
        return {}
    capture = outcome.capture
    shutter = {"proof": capture.shutter.proof.value, "lag_s": capture.shutter.lag_s}
    return {
        "capture_id": capture.capture_id,
        "sku": capture.request.sku,
        "angle": capture.request.angle,
        "revision": capture.revision,
        "stage": capture.stage.value,
        "repeat": outcome.repeat,
        "shutter": shutter,
    }


def decide(spool: Spool, verb: str, capture_id: str, reason: str) -> Capture:
    """Release or refuse a held capture, cancel one that is under way; raises BadMessage when its stage forbids it."""
    allowed, stage = {
        "release": ({Stage.HELD}, Stage.CUT),
        "refuse": ({Stage.HELD}, Stage.REFUSED),
        "cancel": ({Stage.ACCEPTED, Stage.HELD, *IN_DELIVERY}, Stage.CANCELLED),
    }[verb]
    known = spool.get(capture_id)
    if not known:
        raise BadMessage(f"no capture {capture_id} in the spool; `packshot spool ls` lists them")
    capture = spool.advance(capture_id, stage, reason or f"by command {verb}", only_from=allowed)
    if capture.stage is not stage:
        wanted = "ended" if capture.stage in ENDED else "not " + " or ".join(sorted(allowed))
        raise BadMessage(f"capture {capture_id} is {capture.stage.value}, so it cannot be {verb}d: it is {wanted}")
    return capture


def retry(spool: Spool, capture_id: str, reason: str = "by command retry") -> Capture:
    """Deliver or cut out again what ended undelivered or is held; raises BadMessage for any other capture."""
    known = spool.get(capture_id)
    if not known:
        raise BadMessage(f"no capture {capture_id} in the spool; `packshot spool ls` lists them")
    to = Stage.CUT if known.deliverables() else Stage.ACCEPTED
    retried = spool.advance(capture_id, to, reason, only_from=RETRYABLE)
    if retried.stage is not to:
        raise BadMessage(f"capture {capture_id} is {retried.stage.value}; only ended, undelivered ones are retried")
    return retried


def _request_id_of(payload: bytes) -> str:
    try:
        return decode(payload, PlainVerb).request_id
    except BadMessage:
        return ""
