"""What a storefront refuses for good is seen, and tried again when a person says so."""

from pathlib import Path

import pytest

from packshot.platform.resources import package_path
from tests.support.appliance import Appliance, Ear
from tests.support.mosquitto import Broker
from tests.support.shop_server import ShopServer

pytestmark = pytest.mark.e2e
ROOT = Appliance.root


def test_a_refused_picture_is_a_dead_letter_until_it_is_retried(tmp_path: Path) -> None:
    with Broker(tmp_path) as broker, ShopServer() as shop, Ear(broker.port) as ear:
        shop.answers += [(422, {})]
        target = {"target": "http", "options": {"base_url": shop.url}}
        with Appliance(tmp_path, broker.port, package_path("samples"), uploader=target) as box:
            box.start("run")
            box.start("uploader")
            ear.wait(f"{ROOT}/status", lambda message: message.payload == b"online")
            ear.publish(f"{ROOT}/cmd/capture", b'{"request_id": "r1", "sku": "A-1"}')
            capture_id = ear.wait(f"{ROOT}/response/capture").json["data"]["capture_id"]
            ear.wait(f"{ROOT}/job/{capture_id}", lambda message: message.json["stage"] == "refused")
            dead = f"packshot/uploader/up-1/dead/{capture_id}"
            ear.wait(dead, lambda message: bool(message.payload))
            status = box.call("uploader", "status")
            assert "1 dead" in status.stdout
            assert capture_id in status.stdout
            assert box.call("uploader", "retry", capture_id).returncode == 0
            ear.wait(dead, lambda message: message.payload == b"")
            assert box.call("spool", "retry", capture_id).returncode == 0
            ear.wait(f"{ROOT}/job/{capture_id}", lambda message: message.json["stage"] == "receipted")
            assert any(name.endswith("A-1_0.webp") for name in shop.objects)
            assert "0 dead" in box.call("uploader", "status").stdout
