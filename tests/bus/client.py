"""A client of the bus for tests."""

import queue

from packshot.bus.mqtt import MqttBus
from packshot.bus.port import Incoming
from packshot.bus.settings import MqttSettings
from tests.support.waiting import eventually

WAIT_S = 10.0


class Client:
    """A bus with an inbox, closed at the end of the test."""

    def __init__(self, settings: MqttSettings) -> None:
        self.bus = MqttBus(settings)
        self.inbox: queue.Queue[Incoming] = queue.Queue()
        self.connects = 0

    def start(self, wait: bool = True) -> "Client":
        self.bus.start(self._count)
        if wait:
            eventually(lambda: self.bus.connected)
        return self

    def listen(self, topic_filter: str, acknowledge: bool = True) -> None:
        def handle(incoming: Incoming) -> None:
            if acknowledge:
                incoming.acknowledge()
            self.inbox.put(incoming)

        self.bus.subscribe(topic_filter, handle)

    def next(self, timeout_s: float = WAIT_S) -> Incoming:
        return self.inbox.get(timeout=timeout_s)

    def _count(self) -> None:
        self.connects += 1
