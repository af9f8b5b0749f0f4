"""The counter's own screen: the unit of deploy/, with cage and Chromium from Debian, under a systemd of its own.

There is no screen and no terminal in a container, so wlroots draws into memory; everything else is as installed. Run it
with TEST_TOUCH_SCREEN=1: the first run fetches Chromium's packages.
"""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.container.device import Device, base_root, what_is_missing
from tests.support.kiosk import KioskBox
from tests.support.mosquitto import Broker
from tests.support.waiting import eventually

REASON = what_is_missing() if os.environ.get("TEST_TOUCH_SCREEN") else "minutes long: set TEST_TOUCH_SCREEN=1"
pytestmark = [pytest.mark.container, pytest.mark.skipif(bool(REASON), reason=f"touch screen: {REASON}")]

DEPLOY = Path(__file__).parents[2] / "deploy"
UNIT = "packshot-kiosk.service"
SCREENLESS = "[Service]\nEnvironment=WLR_BACKENDS=headless WLR_RENDERER=pixman PACKSHOT_KIOSK_URL={url}/\n"
ESTABLISHED = "01"
PACKAGES = "systemd systemd-sysv dbus procps cage xwayland seatd chromium"
BROWSER = "/usr/lib/chromium/chromium"


class Counter(Device):
    """A device on the network of the box itself, so that the box's pages are on its loopback, too."""

    boot_s = run_s = 240.0

    def _options(self) -> list[str]:
        return []

    def _connect(self) -> None:
        """Nothing to connect."""

    def pid(self, program: str) -> int:
        """The first process of the touch screen's user with this name, as numbered inside; 0 while there is none."""
        found = self.out("pgrep", "-o", "-u", "packshot-kiosk", "-x", program).split()
        return int(found[0]) if found else 0


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, kiosk_broker: Broker, stage: Path) -> Iterator[KioskBox]:
    folder = tmp_path_factory.mktemp("served")
    with KioskBox(folder, kiosk_broker.port, stage / "products", camera={"kind": "scenes"}) as box:
        box.open()
        yield box


@pytest.fixture(scope="module")
def counter(tmp_path_factory: pytest.TempPathFactory, served: KioskBox) -> Iterator[Counter]:
    """With the unit, its user and its drop-in, started."""
    folder = tmp_path_factory.mktemp("counter")
    root = base_root(PACKAGES)
    with Counter(folder, root, folder, "counter") as device:
        device.boot()
        device.write(f"/etc/systemd/system/{UNIT}", (DEPLOY / "systemd" / UNIT).read_text())
        device.write(f"/etc/systemd/system/{UNIT}.d/screenless.conf", SCREENLESS.format(url=served.url))
        device.write("/etc/sysusers.d/packshot-kiosk.conf", (DEPLOY / "sysusers.d/packshot-kiosk.conf").read_text())
        device.run("systemd-sysusers")
        device.run("systemctl", "daemon-reload")
        device.run("systemctl", "start", UNIT)
        yield device


def lines(port: int) -> int:
    """Connections to the box that are open: a page that lives keeps two, one for news and one for the live picture."""
    entries = [row.split() for row in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(row[2].endswith(f":{port:04X}") and row[3] == ESTABLISHED for row in entries)


def page_lives(served: KioskBox, counter: Counter) -> None:
    try:
        eventually(lambda: lines(served.port) >= 2, "a page that lives", 120)
    except AssertionError as error:
        raise AssertionError(f"{error}\n{counter.journal(UNIT)[-3000:]}") from error


def test_the_screen_shows_the_booth(counter: Counter, served: KioskBox) -> None:
    page_lives(served, counter)
    assert counter.property(UNIT, "NRestarts") == "0"
    assert f"/{UNIT}" in counter.out("cat", f"/proc/{counter.pid('chromium')}/cgroup")  # so the unit's limits hold


@pytest.mark.parametrize("victim", ["chromium", "cage"])
def test_a_crash_brings_the_page_back(counter: Counter, served: KioskBox, victim: str) -> None:
    page_lives(served, counter)
    restarts, browser = int(counter.property(UNIT, "NRestarts")), counter.pid("chromium")
    counter.run("kill", "-SEGV", str(counter.pid(victim)))
    eventually(lambda: int(counter.property(UNIT, "NRestarts")) > restarts, "a restart of the unit")
    eventually(lambda: counter.pid("chromium") not in (0, browser), "another browser")
    page_lives(served, counter)


def test_the_page_outlives_the_box(counter: Counter, served: KioskBox) -> None:
    page_lives(served, counter)
    browser = counter.pid("chromium")
    served.stop("run", signal.SIGKILL)
    eventually(lambda: lines(served.port) == 0, "the page being left alone")
    served.open()
    page_lives(served, counter)
    assert counter.pid("chromium") == browser


def test_a_screen_that_is_not_there_yet_is_tried_again(counter: Counter, served: KioskBox) -> None:
    """As at a boot that is quicker than the display."""
    late = f"/etc/systemd/system/{UNIT}.d/zz-late.conf"
    counter.write(late, "[Service]\nEnvironment=WLR_BACKENDS=drm\n")
    counter.run("systemctl", "daemon-reload")
    counter.run("systemctl", "restart", UNIT)
    eventually(lambda: int(counter.property(UNIT, "NRestarts")) >= 2, "tries")
    counter.run("rm", late)
    counter.run("systemctl", "daemon-reload")
    page_lives(served, counter)
