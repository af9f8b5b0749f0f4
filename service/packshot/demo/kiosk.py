"""``packshot demo --kiosk``: the whole appliance with its pages, for a browser, until Ctrl-C."""

import socket
import subprocess
import time
import urllib.request
from pathlib import Path

from packshot.demo.broker import private_broker
from packshot.demo.show import fresh, process, write_config
from packshot.demo.stage import build_scenes
from packshot.errors import EXIT_OTHER, PackshotError, RetryLater
from packshot.kiosk.check import check_kiosk
from packshot.platform.control import Control, signals
from packshot.platform.resources import package_path, sample_photos
from packshot.sections import KioskSection

PIN = "246810"
START_S = 60.0
LOOK_S = 0.3


def run_kiosk(folder: Path, preset: str, port: int) -> int:
    """Serve until Ctrl-C or SIGTERM; 1 if the daemon ends by itself."""
    check_kiosk(KioskSection(enabled=True))
    fresh(folder)
    port = _free(port)
    print("setting the stage ...", flush=True)
    build_scenes(folder / "products", sample_photos())
    build_scenes(folder / "people", sorted(package_path("samples", "people").glob("*.jpg")))
    pin = folder / "pin"
    pin.write_text(PIN, "utf-8")
    kiosk = {"enabled": True, "port": port, "pin_file": str(pin)}
    with private_broker(folder) as broker:
        config = write_config(
            folder,
            broker,
            preset,
            camera={"kind": "scenes", "source": str(folder / "products")},
            id_camera={"kind": "scenes", "source": str(folder / "people")},
            kiosk=kiosk,
        )
        with process(folder, "run", config) as daemon, process(folder, "uploader", config):
            url = f"http://127.0.0.1:{port}/"
            _wait_until_served(url, daemon)
            print(f"product booth  {url}\nID photos      {url}id\nset-up         {url}admin (PIN {PIN})")
            print(f"storefront     {folder / 'storefront'}\nCtrl-C ends it", flush=True)
            return _until_stopped(daemon)


def _until_stopped(daemon: subprocess.Popen[bytes]) -> int:
    control = Control()
    with signals(control):
        while not control.wait(LOOK_S):
            if daemon.poll() is not None:
                return EXIT_OTHER
    return 0


def _wait_until_served(url: str, daemon: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and daemon.poll() is None:
        try:
            with urllib.request.urlopen(f"{url}healthz", timeout=2):  # noqa: S310 - our own address
                return
        except OSError:
            time.sleep(LOOK_S)
    raise _NotServed("the pages are not served; the log beside the demo's configuration says why")


class _NotServed(RetryLater):
    """The daemon did not come up."""


def _free(port: int) -> int:
    """This port, or a free one if it is taken."""
    for wanted in (port, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", wanted))
            except OSError:
                continue
            found: int = probe.getsockname()[1]
            return found
    raise PackshotError("no free port on this machine")
