"""A broker, a proxy before it, and clients that are closed at the end."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.bus.client import Client
from tests.support.mosquitto import Broker
from tests.support.proxy import Proxy


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    with Broker(tmp_path) as running:
        yield running


@pytest.fixture
def proxy(broker: Broker) -> Iterator[Proxy]:
    with Proxy(broker.port) as between:
        yield between


@pytest.fixture
def client(broker: Broker) -> Iterator[Callable[..., Client]]:
    made: list[Client] = []

    def make(client_id: str, on: Broker | None = None, **changes: object) -> Client:
        made.append(Client((on or broker).settings(client_id, **changes)))
        return made[-1]

    yield make
    for each in made:
        each.bus.close()
