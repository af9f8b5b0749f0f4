"""A new box: its own key, a certificate by the shop's authority, the broker as documented, and a photo receipted."""

import shutil
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from packshot.platform.resources import package_path
from tests.support.appliance import Appliance, Ear
from tests.support.mosquitto import Broker, free_port
from tests.support.waiting import eventually

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed"),
]
MOSQUITTO = Path(__file__).resolve().parents[2] / "deploy/mosquitto"
USERS = "shop-1 uploader\ntill-1 till\n"
UPLOADER = {"id": "shop-1"}  # the name in its certificate


class Shop:
    """The authority, the broker's files and the boxes of one installation, by the commands of deploy/mosquitto."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ca = folder / "ca"
        self.port = free_port()
        self.authority("init")
        self.authority("server", "server", "localhost", "127.0.0.1")
        for name in ("shop-1", "till-1"):
            self.authority("client", name)

    def authority(self, *arguments: str) -> None:
        """``packshot-ca ARGUMENTS``."""
        environment = {"PACKSHOT_CA": str(self.ca), "PATH": "/usr/bin:/bin"}
        subprocess.run([MOSQUITTO / "packshot-ca", *arguments], env=environment, check=True, capture_output=True)

    def broker_config(self) -> str:
        """The documented configuration at another port and place, without leave to become another user."""
        (self.folder / "users").write_text(USERS)
        acl = subprocess.run([MOSQUITTO / "packshot-acl", self.folder / "users"], check=True, capture_output=True)
        (self.ca / "acl").write_bytes(acl.stdout)
        text = (MOSQUITTO / "packshot.conf").read_text()
        return "user root\n" + text.replace("/etc/mosquitto/packshot", str(self.ca)).replace("8883", str(self.port))

    def tls(self, certificate: Path, key: Path) -> dict[str, object]:
        """The table ``mqtt`` of a client."""
        files = {"ca_file": self.ca / "ca.crt", "cert_file": certificate, "key_file": key}
        return {
            "host": "localhost",
            "port": self.port,
            "tls": True,
            **{name: str(path) for name, path in files.items()},
        }

    def till(self) -> Ear:
        """A till with its certificate."""
        context = ssl.create_default_context(cafile=str(self.ca / "ca.crt"))
        context.load_cert_chain(self.ca / "till-1.crt", self.ca / "till-1.key")
        return Ear(self.port, host="localhost", tls=context)


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)


@pytest.fixture
def broker(shop: Shop) -> Iterator[Broker]:
    with Broker(shop.folder, port=shop.port, config=shop.broker_config()) as running:
        yield running


def first_boot(folder: Path, device_id: str) -> Path:
    """``packshot provision``; where its key, its request and later its certificate lie."""
    command = [sys.executable, "-m", "packshot", "provision", "--folder", str(folder), "--device-id", device_id]
    subprocess.run(command, check=True, capture_output=True)
    return folder / "tls"


def test_a_provisioned_box_is_signed_connects_over_tls_and_its_photo_is_receipted(shop: Shop, broker: Broker) -> None:
    tls = first_boot(shop.folder / "box", "studio-1")
    shop.authority("sign", str(tls / "client.csr"))
    shutil.copy(shop.ca / "studio-1.crt", tls / "client.crt")
    box_tls, shop_tls = shop.tls(tls / "client.crt", tls / "client.key"), shop.tls(*pair(shop, "shop-1"))
    photos = package_path("samples")
    (shop.folder / "uploader").mkdir()
    with (
        shop.till() as till,
        Appliance(shop.folder / "box", shop.port, photos, mqtt=box_tls) as box,
        Appliance(shop.folder / "uploader", shop.port, photos, mqtt=shop_tls, uploader=UPLOADER) as uploader,
    ):
        box.start("run")
        uploader.start("uploader")
        till.wait("packshot/studio-1/status", lambda message: message.payload == b"online")
        till.publish("packshot/studio-1/cmd/capture", b'{"request_id": "first", "sku": "A-1"}')
        till.wait("packshot/studio-1/job/+", lambda message: message.json["stage"] == "receipted")
        assert any(name.startswith("A-1/") for name in uploader.shop_files())
    assert "u'studio-1'" in broker.log


def test_a_box_whose_request_nobody_signed_gets_no_further_than_the_handshake(shop: Shop, broker: Broker) -> None:
    tls = first_boot(shop.folder / "box", "studio-1")
    own = [
        "openssl",
        "x509",
        "-req",
        "-in",
        tls / "client.csr",
        "-signkey",
        tls / "client.key",
        "-out",
        tls / "client.crt",
    ]
    subprocess.run(own, check=True, capture_output=True)
    mqtt = shop.tls(tls / "client.crt", tls / "client.key")
    with Appliance(shop.folder / "box", shop.port, package_path("samples"), mqtt=mqtt) as box:
        box.start("run")
        eventually(lambda: "mqtt.cert_file" in box.log("run"), "a word about the certificate")
    assert "studio-1" not in broker.log


def pair(shop: Shop, name: str) -> tuple[Path, Path]:
    """Certificate and key that the authority made."""
    return shop.ca / f"{name}.crt", shop.ca / f"{name}.key"
