"""The whole appliance for end-to-end tests: daemon and uploader as processes, an ear on the broker.

with Appliance(tmp_path, broker, photos) as box, Ear(broker.port) as ear:
    box.start_daemon()
    ear.publish("packshot/box/cmd/capture", b'{"request_id": "r1"}')
    response = ear.wait("packshot/box/response/capture")
"""

import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from packshot.config import to_toml
from tests.support.waiting import PATIENCE

WAIT_S = 40.0 * PATIENCE


@dataclass(frozen=True)
class Heard:
    """One message as it arrived."""

    topic: str
    payload: bytes
    retain: bool
    at: float

    @property
    def json(self) -> dict[str, Any]:
        return dict(json.loads(self.payload))


class Ear:
    """A client that keeps everything below a topic."""

    def __init__(
        self, port: int, topic: str = "packshot/#", host: str = "127.0.0.1", tls: ssl.SSLContext | None = None
    ) -> None:
        self.heard: list[Heard] = []
        self._changed = threading.Condition()
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
        self._client.on_message = self._on_message
        self._subscribed = threading.Event()
        self._client.on_connect = lambda client, *_: client.subscribe(topic, qos=1)
        self._client.on_subscribe = lambda *_: self._subscribed.set()
        if tls is not None:
            self._client.tls_set_context(tls)
        self._client.connect(host, port)
        self._client.loop_start()
        assert self._subscribed.wait(WAIT_S)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def publish(self, topic: str, payload: bytes, retain: bool = False) -> None:
        self._client.publish(topic, payload, qos=1, retain=retain).wait_for_publish(WAIT_S)

    def find(self, topic: str, where: Callable[[Heard], bool] = lambda _: True) -> list[Heard]:
        with self._changed:
            return [message for message in self.heard if _matches(topic, message.topic) and where(message)]

    def wait(self, topic: str, where: Callable[[Heard], bool] = lambda _: True, count: int = 1) -> Heard:
        """The newest matching message once there are ``count``; fails with what was heard instead."""
        with self._changed:
            enough = self._changed.wait_for(
                lambda: sum(_matches(topic, one.topic) and where(one) for one in self.heard) >= count, WAIT_S
            )
            seen = [(one.topic, one.payload[:200]) for one in self.heard if b"JFIF" not in one.payload[:20]]
            assert enough, f"no {topic} within {WAIT_S:.0f} s; heard {seen}"
        return self.find(topic, where)[-1]

    def forget(self) -> None:
        """Let go of what was heard, for listeners that live long."""
        with self._changed:
            self.heard.clear()

    def _on_message(self, _client: object, _userdata: object, message: mqtt.MQTTMessage) -> None:
        with self._changed:
            self.heard.append(Heard(message.topic, bytes(message.payload), message.retain, time.monotonic()))
            self._changed.notify_all()


def _matches(wanted: str, topic: str) -> bool:
    return mqtt.topic_matches_sub(wanted, topic)


class NotifySocket:
    """systemd's end of sd_notify."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "notify"
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(self.path))
        self._socket.settimeout(WAIT_S)

    def wait(self, word: str) -> str:
        deadline = time.monotonic() + WAIT_S
        while time.monotonic() < deadline:
            message = self._socket.recv(4096).decode()
            if word in message:
                return message
        raise AssertionError(f"{word} was never said")

    def close(self) -> None:
        self._socket.close()


class Appliance:
    """Configuration and processes of one box and its uploader."""

    root = "packshot/box"

    def __init__(self, folder: Path, port: int, photos: Path, **tables: dict[str, Any]) -> None:
        self.folder = folder
        self.shop = folder / "shop"
        self.config = folder / "packshot.toml"
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._tables: dict[str, dict[str, Any]] = {
            "device": {"id": "box"},
            "mqtt": {"host": "127.0.0.1", "port": port},
            "camera": {"kind": "folder", "source": str(photos)},
            "spool": {"path": str(folder / "spool"), "min_free_bytes": 0},
            "outbox": {"lease_s": 5.0},
            "uploader": {"id": "up-1", "options": {"path": str(self.shop)}, "work_path": str(folder / "work")},
        }
        self.configure(**tables)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for name in list(self._processes):
            self.stop(name, signal.SIGKILL)

    def configure(self, **tables: dict[str, Any]) -> None:
        for name, table in tables.items():
            self._tables.setdefault(name, {}).update(table)
        self.config.write_text(to_toml(self._tables), "utf-8")

    def start(self, command: str, stdin: int | None = None, **environment: str) -> subprocess.Popen[bytes]:
        """``packshot COMMAND`` in the background; its output goes to ``log(command)``."""
        with (self.folder / f"{command}.log").open("ab") as output:
            arguments = [sys.executable, "-m", "packshot", command, "--config", str(self.config)]
            process = subprocess.Popen(
                arguments, stdin=stdin, stdout=output, stderr=output, env={**os.environ, **environment}
            )
        self._processes[command] = process
        return process

    def pid(self, command: str) -> int:
        """Of a process that was started."""
        return self._processes[command].pid

    def stop(self, command: str, number: int = signal.SIGTERM) -> int:
        process = self._processes.pop(command)
        process.send_signal(number)
        return process.wait(WAIT_S)

    def call(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """``packshot ARGUMENTS`` to its end."""
        command = [sys.executable, "-m", "packshot", *arguments, "--config", str(self.config)]
        return subprocess.run(command, capture_output=True, text=True, timeout=WAIT_S, check=False)

    def log(self, command: str) -> str:
        return (self.folder / f"{command}.log").read_text("utf-8", "replace")

    def shop_files(self) -> list[str]:
        return sorted(str(file.relative_to(self.shop)) for file in self.shop.rglob("*") if file.is_file())
