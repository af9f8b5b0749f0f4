"""From another machine: nothing without the PIN, and by https where there is a certificate."""

import http.client
import json
import shutil
import socket
import ssl
import subprocess
import time
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.support.chromium import Chromium
from tests.support.kiosk import OPEN_S, PIN, TOKEN, KioskBox
from tests.support.mosquitto import Broker

pytestmark = pytest.mark.e2e


def own_address() -> str:
    """An address of this machine that is not loopback."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # nothing is sent
        except OSError:
            pytest.skip("this machine has no network")
        return str(probe.getsockname()[0])


class Stranger:
    """A browser on another machine."""

    def __init__(self, host: str, port: int, context: ssl.SSLContext | None = None) -> None:
        self.host, self.port, self.context = host, port, context
        self.headers: dict[str, str] = {"Content-Type": "application/json"}

    def ask(self, method: str, path: str, body: object = None) -> tuple[int, dict[str, str], bytes]:
        if self.context:
            connection = http.client.HTTPSConnection(self.host, self.port, timeout=20, context=self.context)
        else:
            connection = http.client.HTTPConnection(self.host, self.port, timeout=20)
        try:
            connection.request(method, path, None if body is None else json.dumps(body), self.headers)
            answer = connection.getresponse()
            return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
        finally:
            connection.close()

    def enter(self) -> str:
        """Open a session; returns the role."""
        _, headers, body = self.ask("GET", "/api/session")
        session = json.loads(body)
        self.headers.update({"Cookie": headers["set-cookie"].partition(";")[0], "X-Packshot-Csrf": session["csrf"]})
        return str(session["role"])


def wait_until_served(box: KioskBox, stranger: Stranger) -> None:
    deadline = time.monotonic() + OPEN_S
    while True:
        try:
            if stranger.ask("GET", "/healthz")[0] == 200:
                return
        except OSError:
            assert time.monotonic() < deadline, box.log("run")
            time.sleep(0.2)


def test_another_machine_sees_nothing_before_the_pin_and_works_after_it(
    tmp_path: Path, kiosk_broker: Broker, stage: Path
) -> None:
    kiosk = {"host": "0.0.0.0"}
    with KioskBox(
        tmp_path, kiosk_broker.port, stage / "products", camera={"kind": "scenes"}, device={"id": "lan"}, kiosk=kiosk
    ) as box:
        box.start("run")
        stranger = Stranger(own_address(), box.port)
        wait_until_served(box, stranger)
        assert stranger.enter() == "nobody"
        for path in ("/api/captures", "/api/state", "/api/preview", "/api/events", "/api/id/specs", "/api/admin/logs"):
            assert stranger.ask("GET", path)[0] == 401
        assert stranger.ask("POST", "/api/captures", {})[0] == 401
        assert stranger.ask("POST", "/api/session", {"pin": "000000"})[0] == 403
        assert stranger.ask("POST", "/api/captures", {})[0] == 401
        assert stranger.ask("POST", "/api/session", {"pin": PIN})[0] == 200
        assert stranger.ask("POST", "/api/captures", {"sku": "LAN-1"})[0] == 201
        script = Stranger(own_address(), box.port)
        script.headers["Authorization"] = f"Bearer {TOKEN}"
        assert script.ask("GET", "/api/captures")[0] == 200


@pytest.mark.browser
def test_a_page_on_another_machine_asks_for_the_pin_again_after_the_box_was_restarted(
    chromium: Chromium, tmp_path: Path, kiosk_broker: Broker, stage: Path
) -> None:
    kiosk = {"host": "0.0.0.0"}
    with KioskBox(
        tmp_path, kiosk_broker.port, stage / "products", camera={"kind": "scenes"}, device={"id": "tablet"}, kiosk=kiosk
    ) as box:
        box.open()
        page = chromium.open(f"http://{own_address()}:{box.port}/")
        page.fill("#pin", PIN)
        page.keyboard.press("Enter")
        expect(page.locator("#status")).to_have_text("Ready")
        box.stop("run")
        expect(page.locator("#lost")).to_be_visible()
        box.open()
        page.fill("#pin", PIN)
        page.keyboard.press("Enter")
        expect(page.locator("#lost")).to_have_count(0)
        expect(page.locator("#status")).to_have_text("Ready")
        page.click("#shutter")
        expect(page.locator("#recent [data-capture]")).to_have_count(1)
    # Over plain http from elsewhere Chromium says of every page that it passes one of our headers over.
    chromium.complaints[:] = [one for one in chromium.complaints if "Cross-Origin-Opener-Policy" not in one]


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed: apt install openssl")
def test_with_a_certificate_the_pages_come_by_https_and_the_cookie_stays_there(
    tmp_path: Path, kiosk_broker: Broker, stage: Path
) -> None:
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost"
    names = ["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    subprocess.run(
        [*command.split(), *names, "-keyout", str(key), "-out", str(cert)],
        check=True,
        capture_output=True,
    )
    kiosk = {"cert_file": str(cert), "key_file": str(key)}
    with KioskBox(
        tmp_path, kiosk_broker.port, stage / "products", camera={"kind": "scenes"}, device={"id": "tls"}, kiosk=kiosk
    ) as box:
        box.start("run")
        stranger = Stranger("localhost", box.port, ssl.create_default_context(cafile=str(cert)))
        wait_until_served(box, stranger)
        _, headers, _ = stranger.ask("GET", "/api/session")
        assert "; Secure" in headers["set-cookie"]
        assert "; HttpOnly" in headers["set-cookie"]
        assert "max-age" in headers["strict-transport-security"]
        with pytest.raises(OSError):
            raise_for_plain(box.port)


def raise_for_plain(port: int) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", "/healthz")
        connection.getresponse()
    except http.client.HTTPException as error:
        raise OSError(str(error)) from error
    finally:
        connection.close()
