"""One device with packshot installed from this checkout, shared by the tests of this folder: booting it is cheap,
installing is not. Every test leaves it serving, with the folder camera and the shop's broker, as it found it.
"""

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from packshot.config import to_toml
from tests.container.device import SOURCE, WHEELS, Device, base_root, what_is_missing, wheelhouse
from tests.support.appliance import Ear
from tests.support.waiting import eventually

INSIDE = f"{SOURCE}/tests/container/inside"
INSTALL = (f"{SOURCE}/deploy/install.sh", "--wheelhouse", WHEELS, "--uploader", "--system-site-packages")
SAMPLES = "/opt/packshot/current/lib/python3.11/site-packages/packshot/samples"
TEST_CONFIG = "/etc/packshot/conf.d/50-test.toml"
BROKER = "listener 1883\nallow_anonymous true\npersistence true\nautosave_on_changes true\nautosave_interval 1\n"
LIFE = ("test_installation", "test_service", "test_faults", "test_read_only_root", "test_uninstallation")
FOLDER_CAMERA = {"kind": "folder", "source": SAMPLES}
BASE = {
    "mqtt": {"host": "127.0.0.1"},
    "camera": FOLDER_CAMERA,
    "spool": {"min_free_bytes": 0},
    "outbox": {"lease_s": 5.0},
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark, skip where a part is missing, and keep to the life of a device."""
    missing = what_is_missing()
    ours = [item for item in items if Path(__file__).parent in item.path.parents]
    for item in ours:
        item.add_marker(pytest.mark.container)
        if missing:
            item.add_marker(pytest.mark.skip(reason=f"container tests: {missing}"))
    in_order = iter(sorted(ours, key=lambda item: LIFE.index(item.path.stem)))
    items[:] = [next(in_order) if item in ours else item for item in items]


def or_skip(make: Callable[[], Path], what: str) -> Path:
    try:
        return make()
    except subprocess.CalledProcessError as error:
        pytest.skip(f"container tests: no {what}, is there a network? {str(error.stderr)[-300:]}")


@pytest.fixture(scope="session")
def wheels() -> Path:
    return or_skip(wheelhouse, "wheels from PyPI")


@pytest.fixture(scope="session")
def root() -> Path:
    return or_skip(base_root, "Debian root from mmdebstrap")


@pytest.fixture(scope="session")
def fresh(tmp_path_factory: pytest.TempPathFactory, root: Path, wheels: Path) -> Iterator[Device]:
    """Booted, packshot installed as anybody would, nothing configured; ``installation.log`` beside it."""
    folder = tmp_path_factory.mktemp("device")
    with Device(folder, root, wheels) as device:
        device.boot()
        device.write("/etc/hosts", "127.0.0.1 localhost\n")
        device.write("/etc/mosquitto/conf.d/shop.conf", BROKER)
        device.write("/etc/credstore/mqtt-password", "secret-of-the-test")
        device.run("systemctl", "restart", "mosquitto")
        (folder / "installation.log").write_text(device.run(*INSTALL).stdout)
        yield device


@pytest.fixture(scope="session")
def installed(fresh: Device) -> Device:
    """With a camera, and the broker that other machines reach too."""
    configure(fresh)
    return fresh


@pytest.fixture
def device(installed: Device) -> Iterator[Device]:
    """As ``installed``; what a test configured or broke is put right afterwards."""
    yield installed
    installed.run("rm", "-rf", "/run/faults", "/run/systemd/system/packshotd.service.d")
    installed.run("systemctl", "daemon-reload")
    configure(installed)


@pytest.fixture
def ear(device: Device) -> Iterator[Ear]:
    """A till on another machine."""
    with Ear(1883, host=device.address) as listening:
        yield listening


def configure(device: Device, **tables: dict[str, object]) -> None:
    """Write the test's configuration and start the daemon anew; returns when systemd calls it ready."""
    device.write(TEST_CONFIG, to_toml({**BASE, **tables}))
    device.run("systemctl", "restart", "packshotd", "packshot-uploader")


def device_id(device: Device) -> str:
    return device.out("sed", "-n", 's/^id = "\\(.*\\)"/\\1/p', "/etc/packshot/conf.d/10-device.toml")


def topic(device: Device, name: str) -> str:
    return f"packshot/{device_id(device)}/{name}"


def order(device: Device, ear: Ear, request_id: str, sku: str = "A-1") -> str:
    """Ask for a photo as a till does; the capture id of the answer."""
    ear.wait(topic(device, "status"), lambda message: message.payload == b"online")
    ear.publish(topic(device, "cmd/capture"), f'{{"request_id": "{request_id}", "sku": "{sku}"}}'.encode())
    answer = ear.wait(topic(device, "response/capture"), lambda message: message.json["request_id"] == request_id).json
    assert answer["status"] == "ok", answer
    return str(answer["data"]["capture_id"])


def receipted(device: Device, ear: Ear, capture_id: str) -> None:
    ear.wait(topic(device, f"job/{capture_id}"), lambda message: message.json["stage"] == "receipted")


def state_becomes(device: Device, ear: Ear, condition: Callable[[dict[str, object]], bool], what: str) -> None:
    eventually(lambda: any(condition(message.json) for message in ear.find(topic(device, "state"))[-1:]), what)
