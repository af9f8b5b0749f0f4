"""The MQTT bus against a real mosquitto."""

import socket
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from packshot.bus.mqtt import MqttBus
from packshot.bus.port import Incoming, Outcome
from packshot.bus.settings import MqttSettings
from packshot.errors import BrokerError, ConfigError
from tests.bus.client import WAIT_S, Client
from tests.support.amqtt_broker import AmqttBroker
from tests.support.mosquitto import Broker, free_port
from tests.support.proxy import Proxy
from tests.support.waiting import eventually


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_a_message_travels_from_one_client_to_another(client: Callable[..., Client], protocol: str) -> None:
    receiver = client("receiver", protocol=protocol)
    receiver.listen("shop/+/news")
    receiver.start()
    sender = client("sender", protocol=protocol).start()
    publication = sender.bus.publish("shop/1/news", b"hello")
    assert publication.wait(WAIT_S)
    assert publication.outcome is Outcome.TAKEN
    assert publication.reason == ""
    received = receiver.next()
    assert (received.topic, received.payload, received.qos) == ("shop/1/news", b"hello", 1)


def test_correlation_data_travels_on_version_5(client: Callable[..., Client]) -> None:
    receiver = client("receiver")
    receiver.listen("answers")
    receiver.start()
    client("sender").start().bus.publish("answers", b"{}", correlation=b"\x01\x02")
    assert receiver.next().correlation == b"\x01\x02"


def test_status_is_online_while_connected_and_offline_after_a_clean_close(client: Callable[..., Client]) -> None:
    watcher = client("watcher")
    watcher.listen("box/status")
    watcher.start()
    box = client("box", will_topic="box/status").start()
    assert watcher.next().payload == b"online"
    box.bus.close()
    assert watcher.next().payload == b"offline"


def test_the_last_will_says_offline_when_the_box_vanishes(
    broker: Broker, client: Callable[..., Client], proxy: Proxy
) -> None:
    watcher = client("watcher")
    watcher.listen("box/status")
    watcher.start()
    client("box", will_topic="box/status", port=proxy.port).start()
    assert watcher.next().payload == b"online"
    proxy.cut()
    assert watcher.next().payload == b"offline"
    assert watcher.next().payload == b"online", "it comes back by itself"


def test_subscriptions_and_the_hook_are_repeated_when_the_broker_comes_back_empty(
    broker: Broker, client: Callable[..., Client]
) -> None:
    receiver = client("receiver")
    receiver.listen("news")
    receiver.start()
    broker.restart()
    eventually(lambda: receiver.connects == 2)
    sender = client("sender").start()
    sender.bus.publish("news", b"again")
    assert receiver.next().payload == b"again"


def test_a_message_waits_in_the_session_while_its_receiver_is_away(client: Callable[..., Client]) -> None:
    receiver = client("receiver")
    receiver.listen("news")
    receiver.start()
    sender = client("sender").start()
    receiver.bus.close()
    assert sender.bus.publish("news", b"while you were out").wait(WAIT_S)
    again = client("receiver")
    again.listen("news")
    again.start()
    assert again.next().payload == b"while you were out"


def test_an_unacknowledged_message_comes_again_after_a_reconnect(client: Callable[..., Client]) -> None:
    receiver = client("receiver")
    receiver.listen("news", acknowledge=False)
    receiver.start()
    client("sender").start().bus.publish("news", b"keep me")
    assert receiver.next().payload == b"keep me"
    receiver.bus.close()
    again = client("receiver")
    again.listen("news")
    again.start()
    assert again.next().payload == b"keep me"


def test_a_version_5_broker_says_when_nobody_listens(client: Callable[..., Client]) -> None:
    sender = client("sender").start()
    publication = sender.bus.publish("void", b"hello?")
    assert publication.wait(WAIT_S)
    assert publication.outcome is Outcome.UNHEARD


def test_publishing_without_a_broker_fails_at_once_and_is_not_queued(client: Callable[..., Client]) -> None:
    lonely = Client(MqttSettings("127.0.0.1", "lonely", port=free_port(), backoff_first_s=0.05, backoff_cap_s=0.2))
    lonely.start(wait=False)
    eventually(lambda: "nothing listens" in lonely.bus.problem)
    with pytest.raises(BrokerError, match="nothing listens"):
        lonely.bus.publish("news", b"x")
    lonely.bus.close()


def test_a_broker_that_appears_later_is_found(tmp_path: Path, client: Callable[..., Client]) -> None:
    late = Broker(tmp_path / "late")
    waiting = client("waiting", on=late).start(wait=False)
    eventually(lambda: "nothing listens" in waiting.bus.problem)
    with late:
        eventually(lambda: waiting.bus.connected)
        assert waiting.bus.problem == ""


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_a_refused_password_is_no_connect_and_is_tried_again(
    tmp_path: Path, client: Callable[..., Client], protocol: str
) -> None:
    with Broker(tmp_path / "locked", users={"box": "right"}) as locked:
        intruder = client("box", on=locked, username="box", password="wrong", protocol=protocol).start(wait=False)
        eventually(lambda: "refused user box" in intruder.bus.problem)
        assert not intruder.bus.connected
        assert intruder.connects == 0
        attempts = locked.log.count("not authorised")
        eventually(lambda: locked.log.count("not authorised") > attempts)
        assert "\n" not in intruder.bus.problem


def test_the_password_is_never_shown() -> None:
    settings = MqttSettings("localhost", "box", username="box", password="s3cret")
    assert "s3cret" not in repr(settings)


def test_a_missing_certificate_file_is_a_configuration_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="ca_file"):
        MqttBus(MqttSettings("localhost", "box", tls=True, ca_file=tmp_path / "absent.pem"))


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_two_clients_with_one_id_do_not_throw_each_other_out_for_ever(
    broker: Broker, client: Callable[..., Client], protocol: str
) -> None:
    changes = {"takeover_backoff_s": 60, "stable_after_s": 5, "protocol": protocol}
    twins = [client("twin", **changes).start(), client("twin", **changes).start(wait=False)]
    eventually(lambda: any("our id twin" in twin.bus.problem for twin in twins))
    eventually(lambda: any(twin.bus.connected for twin in twins))
    connects = sum(twin.connects for twin in twins)
    time.sleep(1.0)
    assert sum(twin.connects for twin in twins) == connects, "one of them waits for a long time"


def test_publications_in_flight_are_lost_when_the_broker_is_killed(
    broker: Broker, client: Callable[..., Client]
) -> None:
    box = client("box").start()
    broker.kill()
    settled = threading.Event()
    try:
        publication = box.bus.publish("news", b"x", on_settled=lambda _: settled.set())
    except BrokerError:
        return
    assert settled.wait(WAIT_S)
    assert publication.outcome is Outcome.LOST
    assert not publication.wait(0)


def test_a_broker_that_leaves_version_5_unanswered_is_spoken_to_in_3_1_1() -> None:
    with AmqttBroker() as old:
        box = Client(old.settings("box"))
        box.listen("news")
        box.start()
        assert box.bus.protocol == "3.1.1"
        assert box.bus.publish("news", b"old school").wait(WAIT_S)
        assert box.next().payload == b"old school"
        box.bus.close()


def test_a_port_that_never_answers_is_given_up_and_tried_again() -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        settings = MqttSettings("127.0.0.1", "box", port=mute.getsockname()[1], connect_timeout_s=0.5)
        box = Client(settings)
        box.start(wait=False)
        eventually(lambda: "no answer to CONNECT" in box.bus.problem)
        assert not box.bus.connected
        box.bus.close()


def test_a_handler_that_fails_does_not_end_the_connection(client: Callable[..., Client]) -> None:
    receiver = client("receiver")

    def explode(_: Incoming) -> None:
        raise ZeroDivisionError

    receiver.bus.subscribe("bad", explode)
    receiver.listen("good")
    receiver.start()
    sender = client("sender").start()
    sender.bus.publish("bad", b"")
    sender.bus.publish("good", b"still here")
    assert receiver.next().payload == b"still here"
    assert receiver.connects == 1


def test_shared_subscriptions_give_each_message_to_one_of_two(client: Callable[..., Client]) -> None:
    workers = [client("worker-a"), client("worker-b")]
    for worker in workers:
        worker.listen("$share/team/jobs/+")
        worker.start()
    sender = client("sender").start()
    for number in range(10):
        assert sender.bus.publish(f"jobs/{number}", b"").wait(WAIT_S)
    eventually(lambda: sum(worker.inbox.qsize() for worker in workers) == 10)
    assert all(worker.inbox.qsize() for worker in workers)


def test_no_message_comes_after_unsubscribe(client: Callable[..., Client]) -> None:
    receiver = client("receiver")
    receiver.listen("a")
    receiver.listen("b")
    receiver.start()
    sender = client("sender").start()
    receiver.bus.unsubscribe("a")
    sender.bus.publish("a", b"1")
    sender.bus.publish("b", b"2")
    assert receiver.next().topic == "b"
    assert receiver.inbox.empty()


def test_threads_that_come_and_go_at_once_do_not_undo_each_other_s_subscriptions(
    client: Callable[..., Client],
) -> None:
    receiver = client("receiver")

    def come_and_go(thread: int) -> None:
        for number in range(100):
            receiver.listen(f"kept/{thread}/{number}")
            receiver.listen(f"left/{thread}/{number}")
            receiver.bus.unsubscribe(f"left/{thread}/{number}")

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(come_and_go, range(4)))
    finally:
        sys.setswitchinterval(before)
    receiver.start()
    sender = client("sender").start()
    names = [f"{thread}/{number}" for thread in range(4) for number in range(100)]
    for topic in [f"{kind}/{name}" for kind in ("left", "kept") for name in names]:
        sender.bus.publish(topic, b"")
    assert sender.bus.publish("kept/0/0", b"last").wait(WAIT_S)
    assert {receiver.next().topic for _ in names} == {f"kept/{name}" for name in names}
    assert receiver.next().payload == b"last"


def test_many_publishers_at_once_all_get_their_own_answer(client: Callable[..., Client]) -> None:
    receiver = client("receiver")
    receiver.listen("load/#")
    receiver.start()
    sender = client("sender").start()

    def publish(thread: int) -> None:
        for number in range(100):
            assert sender.bus.publish(f"load/{thread}/{number}", b"x" * 100).wait(WAIT_S)

    threads = [threading.Thread(target=publish, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    topics = {receiver.next().topic for _ in range(400)}
    assert len(topics) == 400
