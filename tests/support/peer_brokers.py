"""Brokers that speak MQTT 3.1.1 only, as processes of their own: RabbitMQ with its plug-in, and aedes on Node.js.

Both know no shared subscriptions and say nothing about sizes. RabbitMQ takes the dots of a topic for slashes.
"""

import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import Any, Self

import pytest

from packshot.bus.settings import MqttSettings
from tests.support.mosquitto import free_port

START_S = 90.0  # RabbitMQ on a busy machine of two cores
RABBITMQ = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
AEDES = "aedes@0.51.3"
AEDES_SERVER = """
const net = require("net"), aedes = require("aedes")();
net.createServer(aedes.handle).listen(Number(process.argv[1]), "127.0.0.1");
"""


class PeerBroker:
    """Like ``tests.support.mosquitto.Broker``, as far as that goes; ``restart`` is a kill -9, then empty again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / type(self).__name__
        self.folder.mkdir(parents=True)
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self.prepare()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def prepare(self) -> None:
        """Configure, or skip the test with the reason."""

    def command(self) -> tuple[list[str], dict[str, str]]:
        """Arguments and additions to the environment."""
        raise NotImplementedError

    def start(self) -> None:
        """Start, and return once the port answers."""
        arguments, environment = self.command()
        with (self.folder / "log").open("ab") as sink:
            self._process = subprocess.Popen(
                arguments,
                env={**os.environ, **environment},
                cwd=self.folder,
                stdout=sink,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline and self._process.poll() is None:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.1)
        log = (self.folder / "log").read_text("utf-8", "replace")
        self.kill()
        raise AssertionError(f"{arguments[0]} does not answer on port {self.port}:\n{log[-2000:]}")

    def kill(self) -> None:
        """Kill -9, with everything that it has started."""
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(10)
            self._process = None

    def restart(self) -> None:
        """Kill, and start with nothing remembered."""
        self.kill()
        shutil.rmtree(self.folder / "data", ignore_errors=True)
        self.start()

    def settings(self, client_id: str, **changes: Any) -> MqttSettings:
        """For a client of this broker, with back-off short enough for tests."""
        values: dict[str, Any] = {
            "host": "127.0.0.1",
            "port": self.port,
            "client_id": client_id,
            "backoff_first_s": 0.05,
            "backoff_cap_s": 0.5,
            "connect_timeout_s": 1.0,
            "stable_after_s": 0.5,
        }
        return MqttSettings(**{**values, **changes})


class RabbitBroker(PeerBroker):
    """RabbitMQ from Debian, with its MQTT plug-in and a node, cookie and data of its own."""

    def prepare(self) -> None:
        """Write its two files."""
        if not RABBITMQ.exists():
            pytest.skip("RabbitMQ is not installed: apt install rabbitmq-server")
        (self.folder / "enabled_plugins").write_text("[rabbitmq_mqtt].\n")
        (self.folder / "rabbitmq.conf").write_text(
            f"listeners.tcp.1 = 127.0.0.1:{free_port()}\n"
            f"mqtt.listeners.tcp.1 = 127.0.0.1:{self.port}\n"
            "mqtt.allow_anonymous = true\n"
            "loopback_users = none\n"
        )
        self._distribution_port, self._names_port = free_port(), free_port()

    def command(self) -> tuple[list[str], dict[str, str]]:
        """The server in the foreground."""
        folder = str(self.folder)
        return [str(RABBITMQ)], {
            "HOME": folder,
            "RABBITMQ_NODENAME": f"packshot{self.port}@localhost",
            "RABBITMQ_DIST_PORT": str(self._distribution_port),
            "ERL_EPMD_PORT": str(self._names_port),
            "RABBITMQ_CONFIG_FILE": f"{folder}/rabbitmq.conf",
            "RABBITMQ_ENABLED_PLUGINS_FILE": f"{folder}/enabled_plugins",
            "RABBITMQ_MNESIA_BASE": f"{folder}/data",
            "RABBITMQ_LOG_BASE": folder,
            "RABBITMQ_LOGS": "-",
            "RABBITMQ_PID_FILE": f"{folder}/pid",
        }


class AedesBroker(PeerBroker):
    """aedes in memory. Installed once, into the cache of whoever runs the tests."""

    def prepare(self) -> None:
        """Install it if that can be done."""
        if shutil.which("node") is None or shutil.which("npm") is None:
            pytest.skip("Node.js or npm is not installed: apt install nodejs npm")
        cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        self._home = cache / "packshot" / AEDES
        if not (self._home / "node_modules" / "aedes").is_dir():
            install = ["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", str(self._home), AEDES]
            done = subprocess.run(install, capture_output=True, text=True, check=False, timeout=300)
            if done.returncode:
                shutil.rmtree(self._home, ignore_errors=True)
                pytest.skip(f"{AEDES} cannot be installed by npm: {done.stderr.strip()[-300:]}")

    def command(self) -> tuple[list[str], dict[str, str]]:
        """A server of two lines."""
        return ["node", "-e", AEDES_SERVER, str(self.port)], {"NODE_PATH": str(self._home / "node_modules")}
