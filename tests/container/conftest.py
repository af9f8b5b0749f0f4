"""One device with packshot installed from this checkout, shared by the tests of this folder: booting it is cheap,
installing is not. Every test leaves it serving, with the folder camera and the shop's broker, as it found it.
"""

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.container.device import SOURCE, WHEELS, Device, base_root, what_is_missing, wheelhouse
from tests.support.appliance import Ear
from tests.support.guest import BROKER, TEST_CONFIG, configure, device_id, order, receipted, topic
from tests.support.waiting import eventually

INSIDE = f"{SOURCE}/tests/container/inside"
INSTALL = (f"{SOURCE}/deploy/install.sh", "--wheelhouse", WHEELS, "--uploader", "--system-site-packages")
LIFE = (
    "test_installation",
    "test_service",
    "test_faults",
    "test_read_only_root",
    "test_uninstallation",
    "test_other_systems",
)

__all__ = ["TEST_CONFIG", "configure", "device_id", "order", "receipted", "state_becomes", "topic"]


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


def state_becomes(device: Device, ear: Ear, condition: Callable[[dict[str, object]], bool], what: str) -> None:
    eventually(lambda: any(condition(message.json) for message in ear.find(topic(device, "state"))[-1:]), what)
