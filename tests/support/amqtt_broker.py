"""amqtt in this process: a broker that speaks only MQTT 3.1.1 and knows no shared subscriptions."""

import asyncio
import contextlib
import importlib.util
import logging
import threading
from typing import Any, Self

import pytest

from packshot.bus.settings import MqttSettings
from tests.support.mosquitto import free_port

START_S = 15.0


class AmqttBroker:
    """Like ``tests.support.mosquitto.Broker``, as far as that goes."""

    def __init__(self) -> None:
        if importlib.util.find_spec("amqtt") is None:
            pytest.skip("amqtt is not installed: pip install packshot[demo]")
        logging.getLogger("amqtt").setLevel(logging.CRITICAL)
        logging.getLogger("transitions").setLevel(logging.CRITICAL)
        self.port = free_port()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._broker: Any = None

    def __enter__(self) -> Self:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._start(), self._loop).result(START_S)
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(Exception):  # its shutdown is best effort
            asyncio.run_coroutine_threadsafe(self._broker.shutdown(), self._loop).result(START_S)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(START_S)

    def settings(self, client_id: str, **changes: Any) -> MqttSettings:
        values: dict[str, Any] = {
            "host": "127.0.0.1",
            "port": self.port,
            "client_id": client_id,
            "backoff_first_s": 0.05,
            "connect_timeout_s": 1.0,
            "backoff_cap_s": 0.5,
            "stable_after_s": 0.5,
        }
        return MqttSettings(**{**values, **changes})

    async def _start(self) -> None:
        from amqtt.broker import Broker

        self._broker = Broker(
            {
                "listeners": {"default": {"type": "tcp", "bind": f"127.0.0.1:{self.port}"}},
                "plugins": {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}},
            }
        )
        await self._broker.start()
