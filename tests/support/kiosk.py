"""A whole box with its pages, and visitors who speak HTTP to it.

with KioskBox(tmp_path, broker.port, photos) as box:
    box.open()
    visitor = box.visitor()
    visitor.post("/api/captures", {"sku": "A-1"}).status == 201
"""

import http.client
import json
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.appliance import Appliance
from tests.support.mosquitto import free_port

PIN = "246810"
TOKEN = "t" * 32
OPEN_S = 60.0
WAIT_S = 40.0


@dataclass(frozen=True)
class Reply:
    """One answer."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Visitor:
    """A browser's side of the session: keeps the cookie, sends the CSRF token. ``headers`` replace its own.

    Each comes from a loopback address of its own, so that what one asks counts against no other's rate.
    """

    def __init__(self, port: int) -> None:
        self.port = port
        self.address = ".".join(["127", *(str(random.randint(1, 254)) for _ in range(3))])
        self.cookie = ""
        self.csrf = ""

    def enter(self) -> dict[str, Any]:
        """Open a session."""
        reply = self.get("/api/session")
        self.cookie = reply.headers.get("set-cookie", self.cookie).partition(";")[0]
        self.csrf = reply.json["csrf"]
        return dict(reply.json)

    def get(self, path: str, **headers: str) -> Reply:
        return self.ask("GET", path, None, headers)

    def post(self, path: str, body: Any = None, **headers: str) -> Reply:
        return self.ask("POST", path, {} if body is None else body, headers)

    def delete(self, path: str, **headers: str) -> Reply:
        return self.ask("DELETE", path, None, headers)

    def ask(self, method: str, path: str, body: Any, headers: dict[str, str]) -> Reply:
        """One request; underscores in header names stand for dashes, an empty value leaves a header out."""
        sent = {"Cookie": self.cookie}
        if method != "GET":
            sent["X-Packshot-Csrf"] = self.csrf
        if body is not None:
            sent["Content-Type"] = "application/json"
        sent.update({name.replace("_", "-"): value for name, value in headers.items()})
        data = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
        connection = self._connection()
        try:
            connection.request(method, path, data, {name: value for name, value in sent.items() if value})
            answer = connection.getresponse()
            names = {name.lower(): value for name, value in answer.getheaders()}
            return Reply(answer.status, names, answer.read())
        finally:
            connection.close()

    def stream(self, path: str, until: Callable[[bytes], bool]) -> bytes:
        """Read an endless answer until ``until(everything so far)``; fails when it ends or stalls first."""
        connection = self._connection()
        connection.request("GET", path, headers={"Cookie": self.cookie})
        answer = connection.getresponse()
        data = b""
        deadline = time.monotonic() + WAIT_S
        while not until(data):
            chunk = answer.read1(65536)
            assert chunk, f"the stream ended: {answer.status} {data[-300:]!r}"
            assert time.monotonic() < deadline, f"{path} never said it: {data[-300:]!r}"
            data += chunk
        connection.close()
        return data

    def wait(self, capture_id: str, *stages: str) -> dict[str, Any]:
        """The capture once it is in one of these stages."""
        deadline = time.monotonic() + WAIT_S
        while (capture := self.get(f"/api/captures/{capture_id}").json)["stage"] not in stages:
            assert time.monotonic() < deadline, f"{capture['stage']}, never {stages}: {capture['reason']}"
            time.sleep(0.1)
        return dict(capture)

    def _connection(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, WAIT_S, (self.address, 0))


class KioskBox(Appliance):
    """An appliance whose daemon serves pages, with PIN and token."""

    def __init__(self, folder: Path, broker_port: int, photos: Path, **tables: dict[str, Any]) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        pin, token = folder / "pin", folder / "token"
        pin.write_text(f"{PIN}\n")
        token.write_text(f"{TOKEN}\n")
        kiosk = {"enabled": True, "port": self.port, "pin_file": str(pin), "token_file": str(token)}
        super().__init__(folder, broker_port, photos, kiosk={**kiosk, **tables.pop("kiosk", {})}, **tables)

    def open(self) -> None:
        """Start the daemon and wait until it serves."""
        process = self.start("run")
        deadline = time.monotonic() + OPEN_S
        while True:
            try:
                if Visitor(self.port).get("/healthz").status == 200:
                    return
            except OSError:
                assert process.poll() is None, self.log("run")
                assert time.monotonic() < deadline, self.log("run")
                time.sleep(0.1)

    def visitor(self) -> Visitor:
        """A new browser."""
        visitor = Visitor(self.port)
        visitor.enter()
        return visitor
