"""The MQTT bus and messages that are too large: for the broker, for us, for either without a word."""

import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from packshot.bus.port import Outcome
from packshot.errors import BrokerError
from tests.bus.client import WAIT_S, Client
from tests.support.mosquitto import Broker
from tests.support.waiting import eventually


def test_the_broker_s_packet_limit_is_known_and_kept(tmp_path: Path, client: Callable[..., Client]) -> None:
    with Broker(tmp_path / "small", global_options=("max_packet_size 4096",)) as small:
        box = client("box", on=small).start()
        assert box.bus.max_message_bytes < 4096
        with pytest.raises(BrokerError, match="over the limit"):
            box.bus.publish("news", b"x" * 5000)
        assert box.bus.publish("news", b"x" * box.bus.max_message_bytes).wait(WAIT_S)
        assert box.bus.connected


def test_a_message_over_the_configured_limit_is_refused(client: Callable[..., Client]) -> None:
    box = client("box", max_message_bytes=1000).start()
    with pytest.raises(BrokerError, match="over the limit of 1000"):
        box.bus.publish("news", b"x" * 1001)


def test_a_message_that_ends_the_connection_is_lost_and_never_repeated_by_the_bus(
    tmp_path: Path, client: Callable[..., Client]
) -> None:
    # message_size_limit is not announced in CONNACK; a version 5 broker disconnects over it.
    with Broker(tmp_path / "strict", global_options=("message_size_limit 1000",)) as strict:
        box = client("box", on=strict).start()
        publication = box.bus.publish("news", b"x" * 2000)
        assert not publication.wait(WAIT_S)
        assert publication.outcome is Outcome.LOST
        eventually(lambda: box.connects == 2)
        time.sleep(0.5)
        assert box.bus.connected
        assert box.connects == 2


@pytest.mark.parametrize(
    "protocol, option, qos",
    [("5", "message_size_limit 1000", 1), ("3.1.1", "max_packet_size 1000", 1), ("3.1.1", "max_packet_size 1000", 0)],
)
def test_a_notice_that_ends_the_connection_is_left_out_and_all_else_goes_on(
    tmp_path: Path, client: Callable[..., Client], protocol: str, option: str, qos: int
) -> None:
    """The broker never says how much it takes; what is published on every connect must not end it for ever."""
    with Broker(tmp_path / "strict", global_options=(option,)) as strict:
        box = Client(strict.settings("box", protocol=protocol, backoff_first_s=0.02, backoff_cap_s=0.05))
        box.listen("hello")

        def say_all() -> None:
            for topic, size in (("box/info", 2000), ("box/config", 3000), ("hello", 10)):
                with suppress(BrokerError):
                    box.bus.publish(topic, bytes(size), qos=qos if size > 1000 else 1)

        box.bus.start(say_all)
        eventually(lambda: box.bus.unsaid.startswith("box/config, box/info left out: "))
        eventually(lambda: box.bus.connected)
        connects = box.bus.connects
        assert box.bus.publish("hello", b"again").wait(WAIT_S)
        eventually(lambda: box.next().payload == b"again")
        assert box.bus.connects == connects
        box.bus.close()


def test_only_the_largest_of_what_was_under_way_is_suspected(tmp_path: Path, client: Callable[..., Client]) -> None:
    with Broker(tmp_path / "strict", global_options=("max_packet_size 1000",)) as strict:
        box = Client(strict.settings("box", protocol="3.1.1", keepalive_s=60)).start()
        sizes = (10, 20, 2000)
        small, other, large = (box.bus.publish("here", bytes(size), on_settled=lambda _: None) for size in sizes)
        eventually(lambda: large.outcome is Outcome.LOST)
        assert large.suspect
        assert not small.suspect
        assert not other.suspect
        box.bus.close()


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_a_message_larger_than_any_for_us_is_not_taken_in_and_stops_nothing(
    client: Callable[..., Client], protocol: str
) -> None:
    box = client("box", protocol=protocol, max_receive_bytes=1000)
    box.listen("box/#")
    box.start()
    till = client("till", max_message_bytes=3_000_000).start()
    for payload in (bytes(2_000_000), bytes(1001), b"order"):
        till.bus.publish("box/cmd", payload)
    # A broker of version 5 is told the limit of whole packets, of which the topic is a part.
    assert box.next().payload == b"order"
    assert box.inbox.empty()
    assert box.connects == 1
