"""The broker as deploy/mosquitto sets it up: TLS with a certificate per client, roles, revocation."""

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from packshot.bus.mqtt import MqttBus
from packshot.bus.port import Incoming
from packshot.errors import BrokerError
from tests.support.delivery import Rig
from tests.support.mosquitto import Broker, free_port
from tests.support.waiting import eventually

pytestmark = pytest.mark.slow

DEPLOY = Path(__file__).parents[2] / "deploy" / "mosquitto"
SILENCE_S = 1.0


@dataclass
class Installation:
    """A certificate authority, a configured broker and the options of clients with certificates."""

    folder: Path
    port: int

    @property
    def ca_folder(self) -> Path:
        return self.folder / "ca"

    def ca(self, *arguments: str) -> None:
        environment = {**os.environ, "PACKSHOT_CA": str(self.ca_folder)}
        subprocess.run([DEPLOY / "packshot-ca", *arguments], env=environment, check=True, capture_output=True)

    def config(self) -> str:
        """deploy/mosquitto/packshot.conf with this installation's folder and port."""
        text = (DEPLOY / "packshot.conf").read_text()
        text = text.replace("/etc/mosquitto/packshot", str(self.ca_folder))
        return f"user root\n{text}".replace("listener 8883", f"listener {self.port} 127.0.0.1")

    def client(self, name: str) -> dict[str, Any]:
        """Settings of a client with its own certificate."""
        if not (self.ca_folder / f"{name}.crt").exists():
            self.ca("client", name)
        return {
            "port": self.port,
            "tls": True,
            "ca_file": self.ca_folder / "ca.crt",
            "cert_file": self.ca_folder / f"{name}.crt",
            "key_file": self.ca_folder / f"{name}.key",
        }


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    made = Installation(tmp_path_factory.mktemp("installation"), free_port())
    made.ca("init")
    made.ca("server", "broker", "localhost", "127.0.0.1")
    for suffix in ("crt", "key"):
        (made.ca_folder / f"server.{suffix}").write_bytes((made.ca_folder / f"broker.{suffix}").read_bytes())
    users = made.folder / "users"
    users.write_text("# who is who\nshop-1 uploader\ntill-1 till\nviewer-1 viewer\noperator-1 operator\n")
    acl = subprocess.run([DEPLOY / "packshot-acl", users], check=True, capture_output=True, text=True).stdout
    (made.ca_folder / "acl").write_text(acl)
    return made


@pytest.fixture
def broker(installation: Installation, tmp_path: Path) -> Iterator[Broker]:
    with Broker(tmp_path, port=installation.port, config=installation.config()) as running:
        yield running


class Peer:
    """A connected client that keeps what it hears."""

    def __init__(self, broker: Broker, client_id: str, options: dict[str, Any]) -> None:
        self.heard: list[Incoming] = []
        self.bus = MqttBus(broker.settings(client_id, **options))

    def listen(self, topic_filter: str) -> None:
        self.bus.subscribe(topic_filter, self._hear)

    def start(self) -> "Peer":
        self.bus.start(lambda: None)
        eventually(lambda: self.bus.connected, "the connection")
        return self

    def say(self, topic: str, payload: bytes, retain: bool = False) -> None:
        """Publish. mosquitto 2.0 may end a TLS connection over a denied message; then go on after the reconnect."""
        eventually(lambda: self.bus.connected, "the connection")
        with suppress(BrokerError):
            self.bus.publish(topic, payload, retain=retain).wait(10)

    def _hear(self, incoming: Incoming) -> None:
        incoming.acknowledge()
        self.heard.append(incoming)


@pytest.fixture
def peers(broker: Broker, installation: Installation) -> Iterator[Any]:
    made: list[Peer] = []

    def make(name: str) -> Peer:
        made.append(Peer(broker, f"client-of-{name}", installation.client(name)))
        return made[-1]

    yield make
    for peer in made:
        peer.bus.close()


def test_a_capture_is_delivered_over_tls_with_certificates(
    broker: Broker, installation: Installation, tmp_path: Path
) -> None:
    rig = Rig(tmp_path, broker)
    box = rig.box("studio-1", mqtt=installation.client("studio-1")).start()
    rig.uploader("shop-1", mqtt=installation.client("shop-1")).start()
    capture = rig.cut({"picture.webp": os.urandom(3_000_000)}, sku="A-1")
    rig.wait_receipted([capture])
    assert len(rig.pictures()) == 1
    assert box.bus.protocol == "5"
    rig.close()


def test_a_box_cannot_read_or_write_the_topics_of_another(peers: Any) -> None:
    victim, spy, viewer = peers("studio-1"), peers("studio-2"), peers("viewer-1")
    victim.listen("packshot/studio-1/cmd/+")
    spy.listen("packshot/studio-1/#")
    spy.listen("packshot/#")
    viewer.listen("packshot/#")
    for peer in (victim, spy, viewer):
        peer.start()
    victim.say("packshot/studio-1/job/x", b"secret")
    spy.say("packshot/studio-2/job/z", b"mine")
    spy.say("packshot/studio-1/cmd/capture", b"PRESS")
    spy.say("packshot/studio-1/status", b"offline", retain=True)
    spy.say("homeassistant/device/studio-1/config", b"{}", retain=True)

    def the_lawful_ones_arrived() -> bool:
        spy.say("packshot/studio-2/job/y", b"mine")
        topics = {one.topic for one in viewer.heard}
        return {"packshot/studio-1/job/x", "packshot/studio-2/job/y"} <= topics

    eventually(the_lawful_ones_arrived)
    time.sleep(SILENCE_S)
    assert victim.heard == []
    assert {one.topic.split("/")[1] for one in spy.heard} <= {"studio-2"}
    assert {one.payload for one in viewer.heard} == {b"secret", b"mine"}


def test_a_till_orders_captures_and_cannot_forge_receipts(peers: Any) -> None:
    box, till = peers("studio-1"), peers("till-1")
    box.listen("packshot/studio-1/cmd/+")
    box.listen("packshot/studio-1/receipt/+")
    till.listen("packshot/+/response/+")
    till.listen("packshot/+/offer/+")
    box.start()
    till.start()
    till.say("packshot/studio-1/receipt/x", b"{}")
    box.say("packshot/studio-1/offer/x", b"{}")
    box.say("packshot/studio-1/response/capture", b"ok")

    def the_order_arrived() -> bool:
        till.say("packshot/studio-1/cmd/capture", b"PRESS")
        return bool(box.heard and till.heard)

    eventually(the_order_arrived)
    time.sleep(SILENCE_S)
    assert {one.topic for one in box.heard} == {"packshot/studio-1/cmd/capture"}
    assert {one.topic for one in till.heard} == {"packshot/studio-1/response/capture"}


def test_an_operator_orders_updates_and_a_till_does_not(peers: Any) -> None:
    box, till, operator = peers("studio-1"), peers("till-1"), peers("operator-1")
    box.listen("packshot/studio-1/update/cmd")
    box.listen("packshot/studio-1/cmd/+")
    for peer in (box, till, operator):
        peer.start()
    till.say("packshot/studio-1/update/cmd", b"install, says a till")
    operator.say("packshot/studio-1/cmd/capture", b"PRESS")

    def the_order_arrived() -> bool:
        operator.say("packshot/studio-1/update/cmd", b"install")
        return bool(box.heard)

    eventually(the_order_arrived)
    time.sleep(SILENCE_S)
    assert {(one.topic, one.payload) for one in box.heard} == {("packshot/studio-1/update/cmd", b"install")}


def test_without_a_certificate_nobody_comes_in(broker: Broker, installation: Installation) -> None:
    options = {"port": installation.port, "tls": True, "ca_file": installation.ca_folder / "ca.crt"}
    stranger = MqttBus(broker.settings("stranger", **options))
    stranger.start(lambda: None)
    eventually(lambda: "hung up before it answered; does it expect a client certificate?" in stranger.problem)
    time.sleep(SILENCE_S)
    assert stranger.connects == 0
    stranger.close()


def test_without_tls_the_line_asks_for_it(broker: Broker, installation: Installation) -> None:
    plain = MqttBus(broker.settings("plain", port=installation.port))
    plain.start(lambda: None)
    eventually(lambda: "hung up before it answered; does it expect TLS?" in plain.problem)
    plain.close()


def test_a_broker_of_another_authority_is_not_trusted(
    broker: Broker, installation: Installation, tmp_path: Path
) -> None:
    other = Installation(tmp_path / "other", installation.port)
    other.folder.mkdir()
    other.ca("init")
    options = {**installation.client("studio-1"), "ca_file": other.ca_folder / "ca.crt"}
    careful = MqttBus(broker.settings("careful", **options))
    careful.start(lambda: None)
    eventually(lambda: "is not trusted" in careful.problem)
    assert careful.connects == 0
    careful.close()


def test_a_revoked_certificate_is_refused(broker: Broker, installation: Installation) -> None:
    options = installation.client("stolen-1")
    thief = MqttBus(broker.settings("thief", **options))
    thief.start(lambda: None)
    eventually(lambda: thief.connected)
    installation.ca("revoke", "stolen-1")
    kept = {**options, "cert_file": installation.ca_folder / "stolen-1.revoked.crt"}
    thief.close()
    broker.restart()
    again = MqttBus(broker.settings("thief", **kept))
    again.start(lambda: None)
    eventually(lambda: "still valid and not revoked?" in again.problem)
    time.sleep(SILENCE_S)
    assert again.connects == 0
    again.close()


@pytest.mark.parametrize("line", ["shop-1 king", "shop-1", "shop-1 device", "Shop uploader", "a/b uploader"])
def test_a_mistake_in_the_list_of_users_is_an_error_not_a_hole(tmp_path: Path, line: str) -> None:
    users = tmp_path / "users"
    users.write_text(f"{line}\n")
    result = subprocess.run([DEPLOY / "packshot-acl", users], capture_output=True, text=True)
    assert result.returncode == 2
    assert result.stderr.startswith("packshot-acl: ")


@pytest.mark.parametrize("name", ["../x", "A", "uploader", "-x", "a b", ""])
def test_the_authority_signs_no_name_that_is_no_topic(installation: Installation, name: str) -> None:
    environment = {**os.environ, "PACKSHOT_CA": str(installation.ca_folder)}
    result = subprocess.run([DEPLOY / "packshot-ca", "client", name], env=environment, capture_output=True, text=True)
    assert result.returncode != 0


def test_a_name_that_has_a_certificate_gets_no_second_one(installation: Installation) -> None:
    installation.client("studio-9")
    before = (installation.ca_folder / "studio-9.key").read_bytes()
    with pytest.raises(subprocess.CalledProcessError):
        installation.ca("client", "studio-9")
    assert (installation.ca_folder / "studio-9.key").read_bytes() == before
