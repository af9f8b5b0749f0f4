"""A device whose root forgets everything at the next start, but for the places that firmware/ keeps on a partition."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.container.conftest import device_id, order, receipted
from tests.container.device import SOURCE, Device
from tests.support.appliance import Ear

INIT = "/usr/local/sbin/packshot-overlay-init"
# The partition labelled "packshot" is a folder of the host here.
DATA_MOUNT = "[Mount]\nWhat=/run/disk\nType=none\nOptions=bind\n"


class ReadOnlyBoot:
    """Starts the device as the changed kernel options would."""

    def __init__(self, device: Device, partition: Path) -> None:
        self.device = device
        self._partition = partition

    def __call__(self) -> None:
        self.device.boot(f"--bind={self._partition}:/run/disk", INIT)
        self.device.until_active("packshotd")


@pytest.fixture
def boot(device: Device, tmp_path: Path) -> Iterator[ReadOnlyBoot]:
    device.write("/boot/firmware/config.txt", "")
    device.write("/boot/firmware/cmdline.txt", "root=/dev/mmcblk0p2\n")
    applied = device.run(f"{SOURCE}/firmware/apply", "pi4", "--with", "read-only-root").stdout
    written = [line.removeprefix("wrote /") for line in applied.splitlines() if line.startswith("wrote ")]
    assert f"init={INIT}" in device.out("cat", "/boot/firmware/cmdline.txt")
    device.write("/etc/systemd/system/data.mount.d/test.conf", DATA_MOUNT)
    device.power_off()
    yield ReadOnlyBoot(device, tmp_path)
    device.cut_power()
    for name in [*written, "etc/systemd/system/data.mount.d/test.conf"]:
        (device.root / name).unlink()
    device.boot()


def test_the_root_forgets_and_the_spool_the_key_and_the_log_do_not(boot: ReadOnlyBoot) -> None:
    device = boot.device
    boot()
    name = device_id(device)
    assert device.out("findmnt", "-n", "-o", "FSTYPE", "/") == "overlay"
    device.write("/etc/written-by-mistake", "x")
    device.write("/etc/packshot/conf.d/70-kept.toml", "# kept\n")
    with Ear(1883, host=device.address) as ear:
        capture_id = order(device, ear, "read-only")
        receipted(device, ear, capture_id)
    boots = device.out("journalctl", "--list-boots", "-q")
    device.cut_power()

    boot()
    assert device.run("test", "-e", "/etc/written-by-mistake", check=False).returncode == 1
    assert device.out("cat", "/etc/packshot/conf.d/70-kept.toml") == "# kept"
    assert capture_id in device.out("packshot", "spool", "ls")
    assert device_id(device) == name
    assert device.run("touch", "/mnt/below/etc/x", check=False).returncode == 1
    assert len(device.out("journalctl", "--list-boots", "-q").splitlines()) > len(boots.splitlines())
