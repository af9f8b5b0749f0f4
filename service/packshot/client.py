"""The other end of a command: asks a box over MQTT and listens for its answer and its steps, as a till does."""

import queue
import secrets
import time
from collections.abc import Iterator
from types import TracebackType
from typing import Self

from packshot import wiring
from packshot.bus.port import Incoming
from packshot.config import Config
from packshot.domain import ENDED, Stage
from packshot.errors import BadMessage, BrokerError
from packshot.messages import JobEvent, Response, decode

CONNECT_S = 6.0
VISIBLE_END = frozenset(stage.value for stage in ENDED) | {Stage.HELD.value}


class CommandClient:
    """A short-lived connection. Raises BrokerError when the broker or the box does not answer in time."""

    def __init__(self, config: Config, device_id: str | None = None) -> None:
        self._root = f"{config.mqtt.root}/{device_id or wiring.device_id(config)}"
        self._bus = wiring.build_bus(config, f"packshot-cli-{secrets.token_hex(4)}", will_topic="")
        self._responses: queue.Queue[Response] = queue.Queue()
        self._jobs: queue.Queue[tuple[str, JobEvent]] = queue.Queue()

    def __enter__(self) -> Self:
        self._bus.subscribe(f"{self._root}/response/+", self._on_response)
        self._bus.subscribe(f"{self._root}/job/+", self._on_job)
        self._bus.start(lambda: None)
        deadline = time.monotonic() + CONNECT_S
        while not self._bus.connected:
            if time.monotonic() > deadline:
                problem = self._bus.problem
                self._bus.close()
                raise BrokerError(problem or f"the broker did not answer within {CONNECT_S:.0f} s")
            time.sleep(0.02)
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._bus.close()

    def ask(self, verb: str, request_id: str, payload: bytes, timeout_s: float) -> Response:
        """Send a command and return the response with its request id."""
        self._bus.publish(f"{self._root}/cmd/{verb}", payload)
        deadline = time.monotonic() + timeout_s
        while True:
            try:
                response = self._responses.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                raise BrokerError(
                    f"{self._root} did not answer within {timeout_s:.0f} s; is the daemon running?"
                ) from None
            if response.request_id == request_id:
                return response

    def steps(self, capture_id: str, timeout_s: float) -> Iterator[JobEvent]:
        """The capture's steps as they are announced, until it has ended or is held; stops silently when time is up."""
        deadline = time.monotonic() + timeout_s
        while True:
            try:
                about, job = self._jobs.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                return
            if about == capture_id:
                yield job
                if job.stage in VISIBLE_END:
                    return

    def _on_response(self, incoming: Incoming) -> None:
        incoming.acknowledge()
        try:
            self._responses.put(decode(incoming.payload, Response))
        except BadMessage:
            return  # not from a box of ours

    def _on_job(self, incoming: Incoming) -> None:
        incoming.acknowledge()
        try:
            self._jobs.put((incoming.topic.rsplit("/", 1)[-1], decode(incoming.payload, JobEvent)))
        except BadMessage:
            return
