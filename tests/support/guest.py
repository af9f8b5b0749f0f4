"""A machine with packshot on it, seen through a shell inside: what a container and an emulated PC have in common."""

import subprocess
from abc import ABC, abstractmethod

from packshot.config import to_toml
from tests.support.appliance import Ear
from tests.support.waiting import eventually

TEST_CONFIG = "/etc/packshot/conf.d/50-test.toml"
SAMPLES = "/opt/packshot/current/lib/python3.11/site-packages/packshot/samples"
FOLDER_CAMERA = {"kind": "folder", "source": SAMPLES}
BASE = {
    "mqtt": {"host": "127.0.0.1"},
    "camera": FOLDER_CAMERA,
    "spool": {"min_free_bytes": 0},
    "outbox": {"lease_s": 5.0},
}
BROKER = "listener 1883\nallow_anonymous true\npersistence true\nautosave_on_changes true\nautosave_interval 1\n"


class Guest(ABC):
    """One machine under test; all commands run as root."""

    @abstractmethod
    def run(self, *command: str, check: bool = True, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """A command inside; with ``check`` a failure of it fails the test."""

    def out(self, *command: str) -> str:
        """What a command inside prints, whatever its exit code."""
        return self.run(*command, check=False).stdout.strip()

    def property(self, unit: str, name: str) -> str:
        """``systemctl show -p NAME --value``."""
        return self.out("systemctl", "show", "-p", name, "--value", unit)

    def until_active(self, unit: str) -> None:
        """Wait for a unit to be up; what it logged is the failure's text."""
        try:
            eventually(lambda: self.out("systemctl", "is-active", unit) == "active", f"{unit} being up")
        except AssertionError as error:
            status = self.out("systemctl", "status", "--no-pager", unit)
            raise AssertionError(f"{error}\n{status}\n{self.journal(unit)[-3000:]}") from error

    def write(self, path: str, text: str) -> None:
        """Create a file inside."""
        self.run("sh", "-c", 'mkdir -p "$(dirname "$0")" && cat >"$0"', path, stdin=text)

    def journal(self, unit: str, *arguments: str) -> str:
        """The unit's log of this boot."""
        return self.out("journalctl", "-b", "-u", unit, "-o", "cat", "--no-pager", *arguments)


def configure(device: Guest, **tables: dict[str, object]) -> None:
    """Write the test's configuration and start the daemon anew; returns when systemd calls it ready."""
    device.write(TEST_CONFIG, to_toml({**BASE, **tables}))
    device.run("systemctl", "restart", "packshotd", "packshot-uploader")


def device_id(device: Guest) -> str:
    """Who the box is, as its first boot decided."""
    return device.out("sed", "-n", 's/^id = "\\(.*\\)"/\\1/p', "/etc/packshot/conf.d/10-device.toml")


def topic(device: Guest, name: str) -> str:
    """A topic below the box's root."""
    return f"packshot/{device_id(device)}/{name}"


def ask(device: Guest, ear: Ear, request_id: str, sku: str = "A-1") -> dict[str, object]:
    """Order a photo as a till does; the answer, good or bad."""
    ear.wait(topic(device, "status"), lambda message: message.payload == b"online")
    ear.publish(topic(device, "cmd/capture"), f'{{"request_id": "{request_id}", "sku": "{sku}"}}'.encode())
    return ear.wait(topic(device, "response/capture"), lambda message: message.json["request_id"] == request_id).json


def order(device: Guest, ear: Ear, request_id: str, sku: str = "A-1") -> str:
    """As ``ask``; the capture id of an answer that must be good."""
    answer = ask(device, ear, request_id, sku)
    assert answer["status"] == "ok", answer
    data = answer["data"]
    assert isinstance(data, dict)
    return str(data["capture_id"])


def receipted(device: Guest, ear: Ear, capture_id: str) -> None:
    """Wait for the storefront's receipt."""
    ear.wait(topic(device, f"job/{capture_id}"), lambda message: message.json["stage"] == "receipted")


def stage_of(device: Guest, ear: Ear, capture_id: str, stages: tuple[str, ...]) -> str:
    """Wait until a capture has come to one of the stages; which one."""
    message = ear.wait(topic(device, f"job/{capture_id}"), lambda message: message.json["stage"] in stages)
    return str(message.json["stage"])
