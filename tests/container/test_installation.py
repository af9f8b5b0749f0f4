"""What install.sh leaves on a machine, the first time and the second."""

from pathlib import Path

from tests.container.conftest import INSTALL, configure, device_id, state_becomes, topic
from tests.container.device import Device
from tests.support.appliance import Ear

UNITS = ("packshotd.service", "packshot-uploader.service", "packshot.target")
OURS = ("/opt/packshot", "/etc/packshot", "/usr/local", "/etc/systemd/system", "/etc/passwd", "/etc/group")


def everything(device: Device) -> str:
    """Name, type, time, mode, owner and size of all files an installation may touch."""
    return device.out("find", *OURS, "-not", "-name", "*.pyc", "-printf", "%p %y %T@ %m %u %g %s %l\n")


def test_a_bare_debian_serves_after_one_command_though_nothing_is_configured(fresh: Device) -> None:
    for unit in UNITS:
        assert fresh.out("systemctl", "is-active", unit) == "active", fresh.journal(unit)
        assert fresh.out("systemctl", "is-enabled", unit) == "enabled"
    assert fresh.out("systemctl", "--failed", "--plain", "--no-legend") == ""
    assert fresh.property("packshotd", "NRestarts") == "0"
    assert fresh.out("stat", "-c", "%U %a", "/var/lib/packshot") == "packshot 750"


def test_the_first_boot_gives_the_box_its_id_its_key_and_a_certificate_request(fresh: Device) -> None:
    name = device_id(fresh)
    assert name.startswith("packshot-")
    subject = fresh.out("openssl", "req", "-in", "/etc/packshot/tls/client.csr", "-noout", "-subject", "-verify")
    assert f"CN = {name}" in subject
    assert fresh.out("stat", "-c", "%U %G %a", "/etc/packshot/tls/client.key") == "root packshot 640"
    assert f"serving device={name}" in fresh.journal("packshotd")


def test_a_second_installation_changes_nothing(device: Device) -> None:
    before, pid = everything(device), device.property("packshotd", "MainPID")
    printed = device.run(*INSTALL).stdout
    assert "nothing to change" in printed
    assert everything(device) == before
    assert device.property("packshotd", "MainPID") == pid


def test_the_first_installation_said_what_it_did(fresh: Device) -> None:
    printed = (Path(fresh.folder) / "installation.log").read_text()
    for deed in ("write /usr/local/lib/systemd/system/packshotd.service", "build /opt/packshot/releases/", "switch "):
        assert deed in printed


def test_what_the_operator_wrote_survives_an_installation(device: Device) -> None:
    device.run("sh", "-c", "echo '# ours' >>/etc/packshot/packshot.toml; rm /usr/local/bin/packshot")
    printed = device.run(*INSTALL).stdout
    assert printed.endswith(": 1 change\n")
    assert device.out("tail", "-n1", "/etc/packshot/packshot.toml") == "# ours"
    assert device.run("packshot", "--version").stdout.startswith("packshot ")


def test_a_dry_run_does_nothing(device: Device) -> None:
    device.run("rm", "/usr/local/lib/tmpfiles.d/packshot.conf")
    before = everything(device)
    printed = device.run(*INSTALL, "--dry-run").stdout
    assert "would write /usr/local/lib/tmpfiles.d/packshot.conf" in printed
    assert everything(device) == before
    device.run(*INSTALL)


def test_without_a_camera_the_box_serves_and_says_what_is_wrong(device: Device, ear: Ear) -> None:
    configure(device, camera={"kind": "absent"})
    ear.publish(topic(device, "cmd/capture"), b'{"request_id": "no-camera"}')
    answer = ear.wait(topic(device, "response/capture"), lambda message: message.json["request_id"] == "no-camera").json
    assert answer["status"] == "error"
    state_becomes(device, ear, lambda state: "camera" in str(state["degraded"]), "a state that names the camera")
    assert device.out("systemctl", "is-active", "packshotd") == "active"
    test = device.run("packshot", "selftest", check=False)
    assert test.returncode == 3
    assert "camera       FAIL" in test.stdout


def test_udev_understands_the_rules(device: Device) -> None:
    done = device.run("udevadm", "test", "/sys/class/mem/null", check=False)
    printed = done.stdout + done.stderr
    assert "70-packshot.rules" in printed
    assert not [line for line in printed.splitlines() if "70-packshot.rules:" in line and "nvalid" in line], printed


def test_the_support_bundle_has_the_log_and_no_secret(device: Device) -> None:
    device.write("/etc/packshot/conf.d/60-shop.toml", '[uploader.options]\npath = "/srv/packshot"\n')
    device.run("logger", "-t", "packshotd", "connecting to rtsp://till:opensesame@10.0.0.1/")
    device.run("packshot", "support-bundle", "-o", "/root/bundle.tar.gz")
    assert device.out("stat", "-c", "%a", "/root/bundle.tar.gz") == "600"
    text = device.run("tar", "xzOf", "/root/bundle.tar.gz").stdout
    assert "serving device=" in text
    assert "Condition: start condition failed" in text or "packshot-provision" in text
    assert "opensesame" not in text
    assert "PRIVATE KEY" not in text
    assert "secret-of-the-test" not in text
    device.run("rm", "/root/bundle.tar.gz", "/etc/packshot/conf.d/60-shop.toml")
