"""Taking packshot away again; last, because the device is bare afterwards."""

from tests.container.conftest import INSTALL, TEST_CONFIG, device_id, order, receipted
from tests.container.device import SOURCE, Device
from tests.support.appliance import Ear
from tests.support.waiting import eventually

UNINSTALL = f"{SOURCE}/deploy/install.sh"
SOFTWARE = ("/opt/packshot", "/usr/local/bin/packshot", "/usr/local/lib/systemd/system/packshotd.service")


def test_uninstalling_keeps_who_the_box_is_and_what_it_holds_and_purging_does_not(installed: Device) -> None:
    with Ear(1883, host=installed.address) as ear:
        receipted(installed, ear, order(installed, ear, "before-the-end"))
    name, spool = device_id(installed), installed.out("packshot", "spool", "ls")
    installed.run(UNINSTALL, "--uninstall")
    for path in SOFTWARE:
        assert installed.run("test", "-e", path, check=False).returncode == 1, path
    assert installed.property("packshotd", "LoadState") == "not-found"
    assert installed.property("packshotd", "MainPID") == "0"

    installed.run(*INSTALL)
    eventually(lambda: f"serving device={name}" in installed.journal("packshotd"), "the same box")
    assert installed.out("packshot", "spool", "ls") == spool

    installed.run(UNINSTALL, "--uninstall", "--purge")
    left = installed.out("find", "/etc", "/var/lib", "/usr/local", "/opt", "-iname", "*packshot*")
    assert left == ""
    assert "packshot" not in installed.out("cat", "/etc/passwd", "/etc/group")
    assert "nothing to change" in installed.run(UNINSTALL, "--uninstall", "--purge").stdout
    assert installed.run("test", "-e", TEST_CONFIG, check=False).returncode == 1
