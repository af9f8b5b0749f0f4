"""A private broker on a free loopback port: mosquitto, or amqtt in this process where mosquitto cannot be had."""

import asyncio
import contextlib
import logging
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from packshot.errors import BrokerError

START_S = 15.0
PLACES = ("mosquitto", "/usr/sbin/mosquitto", "/usr/local/sbin/mosquitto", "/opt/homebrew/sbin/mosquitto")


@dataclass(frozen=True)
class Broker:
    """A running broker: what it is, where it listens, which MQTT it speaks."""

    name: str
    port: int
    protocol: Literal["auto", "3.1.1"]


@contextmanager
def private_broker(folder: Path) -> Iterator[Broker]:
    """Start a broker, wait until it listens, stop it afterwards; raises BrokerError when none can be had."""
    port = _free_port()
    program = next((found for place in PLACES if (found := shutil.which(place))), None)
    running = _mosquitto(program, port, folder) if program else _amqtt(port)
    with running as name:
        _wait_until_listening(port)
        yield Broker(name, port, "auto" if program else "3.1.1")


@contextmanager
def _mosquitto(program: str, port: int, folder: Path) -> Iterator[str]:
    config = folder / "mosquitto.conf"
    # Our own limits are tighter than mosquitto's queue default of 1,000 messages; nothing here may be dropped.
    config.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\n")
    with (folder / "mosquitto.log").open("wb") as output:
        process = subprocess.Popen([program, "-c", str(config)], stdout=output, stderr=subprocess.STDOUT)
        try:
            yield "mosquitto"
        finally:
            process.terminate()
            process.wait(10)


@contextmanager
def _amqtt(port: int) -> Iterator[str]:
    try:
        from amqtt.broker import Broker as AmqttBroker
    except ImportError as error:
        raise BrokerError("neither mosquitto nor amqtt is installed; try: apt-get install mosquitto") from error
    logging.getLogger("amqtt").setLevel(logging.ERROR)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="amqtt", daemon=True)
    thread.start()
    settings = {
        "listeners": {"default": {"type": "tcp", "bind": f"127.0.0.1:{port}"}},
        "plugins": {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}},
    }

    async def start() -> AmqttBroker:
        broker = AmqttBroker(settings)
        await broker.start()
        return broker

    broker = asyncio.run_coroutine_threadsafe(start(), loop).result(START_S)
    try:
        yield "amqtt (MQTT 3.1.1, in this process, because mosquitto is not installed)"
    finally:
        with contextlib.suppress(Exception):  # its shutdown is best effort; the process ends with the demo
            asyncio.run_coroutine_threadsafe(broker.shutdown(), loop).result(5)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(5)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_until_listening(port: int) -> None:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.05)
    raise BrokerError(f"the broker did not begin to listen on port {port} within {START_S:.0f} s")
