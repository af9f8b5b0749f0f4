"""Engines that hang, and the plug pulled out of the whole device."""

import hashlib
import json
from pathlib import Path

from tests.container.conftest import INSIDE, configure, device_id, order, receipted, topic
from tests.container.device import Device
from tests.support.appliance import Ear
from tests.support.waiting import eventually

MODELS = "/opt/packshot/current/lib/python3.11/site-packages/packshot/released"
SHORT_WATCHDOG = f"[Service]\nWatchdogSec=4\nEnvironment=PYTHONPATH={INSIDE}\n"


def with_engines_that_fail_on_order(device: Device, **tables: dict[str, object]) -> None:
    device.write("/run/systemd/system/packshotd.service.d/faults.conf", SHORT_WATCHDOG)
    device.run("mkdir", "-p", "/run/faults")
    device.run("systemctl", "daemon-reload")
    configure(device, **tables)


def test_the_watchdog_ends_a_hanging_engine_and_the_photo_in_hand_is_not_lost(device: Device, ear: Ear) -> None:
    with_engines_that_fail_on_order(device, cut={"timeout_s": 4.0})
    device.run("touch", "/run/faults/cpu-hangs")
    capture_id = order(device, ear, "hangs")
    eventually(lambda: device.property("packshotd", "NRestarts") == "1", "the watchdog's restart")
    device.run("rm", "/run/faults/cpu-hangs")
    receipted(device, ear, capture_id)
    log = device.journal("packshotd")
    assert "Watchdog timeout" in log
    assert "Fatal Python error: Aborted" in log, "the log must show where it hung"
    assert "in invoke" in log


def test_a_tpu_that_hangs_is_replaced_by_the_cpu_and_comes_back(device: Device, ear: Ear) -> None:
    compiled = compile_for_the_pretended_tpu(device)
    with_engines_that_fail_on_order(device, model={"edgetpu_path": compiled})
    ear.wait(topic(device, "status"), lambda message: message.payload == b"online")
    eventually(lambda: "edgetpu agrees with the CPU" in device.journal("packshotd"), "the TPU's start")
    engines = [engine_of(device, ear, "on-the-tpu")]
    device.run("touch", "/run/faults/tpu-hangs", "/run/faults/tpu-gone")
    engines.append(engine_of(device, ear, "tpu-hangs"))
    device.run("rm", "/run/faults/tpu-hangs")
    engines.append(engine_of(device, ear, "tpu-gone"))
    device.run("rm", "/run/faults/tpu-gone")
    eventually(lambda: device.journal("packshotd").count("edgetpu agrees with the CPU") == 2, "the TPU's return")
    engines.append(engine_of(device, ear, "tpu-back"))
    assert engines == ["edgetpu", "litert-xnnpack", "litert-xnnpack", "edgetpu"]
    assert device.property("packshotd", "NRestarts") == "0"


def engine_of(device: Device, ear: Ear, request_id: str) -> str:
    """The engine named by the offer of a new capture."""
    capture_id = order(device, ear, request_id)
    receipted(device, ear, capture_id)
    return str(ear.find(topic(device, f"offer/{capture_id}"))[-1].json["engine"])


def compile_for_the_pretended_tpu(device: Device) -> str:
    """The released network with the mark of edgetpu_compiler and a library of libedgetpu's name; returns its path."""
    folder = Path(f"/proc/{device.leader}/root{MODELS}")
    card = json.loads((folder / json.loads((folder / "released.json").read_text())["default"]).read_text())
    data = (folder / card["runtime"]["file"]).read_bytes() + b"edgetpu-custom-op"
    target = Path(f"/proc/{device.leader}/root/srv/model")
    target.mkdir(exist_ok=True)
    (target / "tpu.tflite").write_bytes(data)
    card["runtime"] |= {"file": "tpu.tflite", "sha256": hashlib.sha256(data).hexdigest()}
    (target / "tpu.json").write_text(json.dumps(card))
    device.run("sh", "-c", "ln -sf /lib/*/libdl.so.2 /usr/lib/libedgetpu.so.1 && ldconfig")
    return "/srv/model/tpu.tflite"


def test_captures_survive_the_plug_pulled_out_of_the_whole_device(device: Device, ear: Ear) -> None:
    """Kill -9 of every process at once, broker and uploader included.

    Their disk keeps its page cache, so that this proves recovery, and not what the medium does with a flush.
    """
    captures = [order(device, ear, f"before-{number}", sku=f"P-{number}") for number in range(5)]
    device.cut_power()
    device.boot()
    device.until_active("packshotd")
    name = device_id(device)
    with Ear(1883, host=device.address) as later:
        after = order(device, later, "after", sku="P-after")
        receipted(device, later, after)
        eventually(lambda: stages(device, captures) == {"receipted"}, "the receipts of all captures")
    assert device_id(device) == name
    for number in range(5):
        folder = f"/srv/packshot/P-{number}"
        assert device.out("find", folder, "-name", "*.webp") == f"{folder}/P-{number}_0.webp"
    assert "0 findings" in device.run("packshot", "spool", "check").stdout


def stages(device: Device, captures: list[str]) -> set[str]:
    listed = [json.loads(line) for line in device.out("packshot", "spool", "ls", "--json").splitlines()]
    return {entry["stage"] for entry in listed if entry["capture_id"] in captures}


def test_a_device_switched_off_in_good_order_comes_back_as_it_was(device: Device) -> None:
    name = device_id(device)
    device.power_off()
    device.boot()
    device.until_active("packshotd")
    assert f"serving device={name}" in device.journal("packshotd")
    assert device.out("systemctl", "--failed", "--plain", "--no-legend") == ""
