"""What stands at headquarters: bridge to the shops, certificates, broker and web server with TLS, uploader."""

import http.server
import os
import shutil
import ssl
import subprocess
import sys
import threading
from functools import partial
from pathlib import Path
from typing import Any, Self

from packshot.config import to_toml
from tests.container.device import REPOSITORY
from tests.support.mosquitto import Broker, free_port

BROKER_FILES = REPOSITORY / "deploy" / "mosquitto"
UPLOADER, TILL, OPERATOR = "shop-1", "till-1", "operator-1"


class Bridge:
    """A network of its own for the boxes; the host is its first address."""

    def __init__(self) -> None:
        self.name = f"fleet{os.getpid()}"
        self._net = f"10.{os.getpid() % 250 + 1}.78"
        self.address = self.box(1)

    def box(self, number: int) -> str:
        """An address in this network."""
        return f"{self._net}.{number}"

    def __enter__(self) -> Self:
        _run("ip", "link", "add", self.name, "type", "bridge")
        _run("ip", "addr", "add", f"{self.address}/24", "dev", self.name)
        _run("ip", "link", "set", self.name, "up")
        return self

    def __exit__(self, *_: object) -> None:
        _run("ip", "link", "del", self.name)


class Authority:
    """deploy/mosquitto/packshot-ca and what it has issued."""

    def __init__(self, folder: Path, address: str, boxes: list[str]) -> None:
        self.folder = folder
        self._ca("init")
        for server in ("broker", "updates"):
            self._ca("server", server, address, "127.0.0.1")
        for client in (UPLOADER, TILL, OPERATOR, *boxes):
            self._ca("client", client)
        for suffix in ("crt", "key"):
            shutil.copy(folder / f"broker.{suffix}", folder / f"server.{suffix}")
        users = folder / "users"
        users.write_text(f"{UPLOADER} uploader\n{TILL} till\n{OPERATOR} operator\n")
        acl = subprocess.run([BROKER_FILES / "packshot-acl", users], check=True, capture_output=True, text=True).stdout
        (folder / "acl").write_text(acl)

    def context(self, client: str) -> ssl.SSLContext:
        """For a client with its certificate."""
        context = ssl.create_default_context(cafile=str(self.folder / "ca.crt"))
        context.load_cert_chain(self.folder / f"{client}.crt", self.folder / f"{client}.key")
        return context

    def _ca(self, *arguments: str) -> None:
        environment = {**os.environ, "PACKSHOT_CA": str(self.folder)}
        subprocess.run([BROKER_FILES / "packshot-ca", *arguments], env=environment, check=True, capture_output=True)


def make_broker(folder: Path, authority: Authority) -> Broker:
    """The broker as deploy/mosquitto/packshot.conf configures it, on a free port of every address."""
    port = free_port()
    text = (BROKER_FILES / "packshot.conf").read_text().replace("/etc/mosquitto/packshot", str(authority.folder))
    persistence = f"persistence true\npersistence_location {folder}/\n"
    return Broker(
        folder, port=port, config=f"user root\n{persistence}{text}".replace("listener 8883", f"listener {port}")
    )


class WebServer:
    """A static web server with TLS for one folder; ``asked`` are the paths that were asked for."""

    def __init__(self, folder: Path, address: str, authority: Authority) -> None:
        self.asked: list[str] = []
        handler = partial(_Handler, self.asked, directory=str(folder))
        self._server = http.server.ThreadingHTTPServer((address, 0), handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(authority.folder / "updates.crt", authority.folder / "updates.key")
        # The handshake belongs into the thread of the connection, or one silent client stops all others.
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        self.url = f"https://{address}:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Handler(http.server.SimpleHTTPRequestHandler):
    def __init__(self, asked: list[str], *arguments: Any, **options: Any) -> None:
        self._asked = asked
        super().__init__(*arguments, **options)

    def log_message(self, *_: object) -> None:
        self._asked.append(self.path)


class Uploader:
    """``packshot uploader`` with a folder storefront."""

    def __init__(self, folder: Path, port: int, authority: Authority) -> None:
        self.shop = folder / "shop"
        self._log = folder / "uploader.log"
        self._config = folder / "uploader.toml"
        tls = {"ca_file": str(authority.folder / "ca.crt"), "tls": True}
        mine = {suffix: str(authority.folder / f"{UPLOADER}.{name}") for suffix, name in FILES.items()}
        tables: dict[str, dict[str, Any]] = {
            "mqtt": {"host": "127.0.0.1", "port": port, **tls, **mine},
            "uploader": {"id": UPLOADER, "options": {"path": str(self.shop)}, "work_path": str(folder / "uploader")},
        }
        self._config.write_text(to_toml(tables))

    def __enter__(self) -> Self:
        environment = {**os.environ, "PYTHONPATH": str(REPOSITORY / "service")}
        command = [sys.executable, "-m", "packshot", "uploader", "--config", str(self._config)]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(60)


FILES = {"cert_file": "crt", "key_file": "key"}


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)
