"""The whole appliance on a broker that takes less than the box would like to say."""

from pathlib import Path

import pytest

from packshot.platform.resources import package_path
from tests.support.appliance import Appliance, Ear
from tests.support.mosquitto import Broker

pytestmark = pytest.mark.e2e
ROOT = Appliance.root


def test_what_is_too_large_is_left_out_and_said_and_the_picture_arrives(tmp_path: Path) -> None:
    """``info``, the announcement to Home Assistant and the small last image are larger than a packet may be."""
    with (
        Broker(tmp_path, global_options=("max_packet_size 1500",)) as broker,
        Appliance(tmp_path, broker.port, package_path("samples")) as box,
        Ear(broker.port) as ear,
    ):
        box.start("run")
        box.start("uploader")
        ear.wait(f"{ROOT}/status", lambda message: message.payload == b"online")
        ear.publish(f"{ROOT}/cmd/capture", b'{"request_id": "r1", "sku": "A-1"}')
        ear.wait(f"{ROOT}/job/+", lambda message: message.json["stage"] == "receipted")
        state = ear.wait(f"{ROOT}/state", lambda message: any("last/image" in why for why in message.json["degraded"]))
        assert state.json["degraded"] == [
            "notices: homeassistant/device/box/config, packshot/box/info, packshot/box/last/image left out: "
            "the broker does not take them; check its size limits and access list"
        ]
        assert "packshot/box/info of " in box.log("run")
        assert "A-1/A-1_0.webp" in box.shop_files()
