"""The appliance under torture: broker, daemon, uploaders and till, their folders, and how each is killed and mended."""

import os
import random
import shutil
import subprocess
import time
from contextlib import ExitStack
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import cv2
import numpy as np

from packshot.config import to_toml
from tests.support.mosquitto import Broker, free_port
from tools.torturing.nursery import Nursery
from tools.torturing.till import Till
from tools.torturing.webshop import WebShop

NETWORK = Path(__file__).parents[2] / "tests" / "fakes" / "networks" / "tiny.tflite"
PHOTOS = 7
DISK_BYTES = 192 << 20
PART_BYTES = 16 << 10
START_S = 30.0
STOP_S = 60.0
DAEMON = "run"


@dataclass(frozen=True)
class Plan:
    """What kind of house: how many uploaders, the storefront ("folder", "http"), the way there ("mqtt", "url")."""

    uploaders: int = 2
    target: str = "folder"
    delivery: str = "mqtt"


class House:
    """Everything below one folder. ``with`` starts it and, at the end, kills what is left."""

    def __init__(self, folder: Path, plan: Plan, chance: random.Random) -> None:
        self.folder, self.plan, self.chance = folder, plan, chance
        self.shop, self.spool = folder / "shop", folder / "disk" / "spool"
        self.logs = folder / "logs"
        self.config = folder / "run.toml"
        self.names = [DAEMON, *(f"uploader-{number}" for number in range(1, plan.uploaders + 1))]
        self.lives = dict.fromkeys(self.names, 0)
        self.own_disk = False
        self.flipped: set[str] = set()  # captures that have had a bit turned on the disk
        self.web_shop = WebShop(folder=self.shop)
        self.blobs = WebShop()
        self._servers = ExitStack()
        self._nursery = Nursery()
        self._processes: dict[str, BaseProcess] = {}
        self._port = free_port()

    def __enter__(self) -> Self:
        self.logs.mkdir(parents=True)
        self.shop.mkdir()
        self._mount()
        for server in (self.web_shop, self.blobs):
            self._servers.enter_context(server)
        _make_photos(self.folder / "photos", self.chance)
        for name in self.names:
            self._configure(name)
        self.broker = self.make_broker()
        self.broker.start()
        self.till = Till(self._port, self.chance)
        self.mend()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        for name in self.names:
            self.kill(name)
        self.till.close()
        self.broker.kill()
        self._servers.close()
        if self.own_disk:
            subprocess.run(["umount", "-l", str(self.folder / "disk")], check=False)

    @property
    def uploaders(self) -> list[str]:
        """Their names."""
        return self.names[1:]

    @property
    def web(self) -> list[WebShop]:
        """The web servers that take part: the storefront, the object store."""
        servers = [self.web_shop] if self.plan.target == "http" else []
        return servers + ([self.blobs] if self.plan.delivery == "url" else [])

    def pid(self, name: str) -> int:
        """Of a running process."""
        pid = self._processes[name].pid
        assert pid is not None
        return pid

    def alive(self, name: str) -> bool:
        """Whether it runs."""
        return name in self._processes and self._processes[name].is_alive()

    def start(self, name: str) -> None:
        """Start a process that is not running, as systemd would."""
        if not self.alive(name):
            command = DAEMON if name == DAEMON else "uploader"
            self.lives[name] += 1
            if name == DAEMON:
                self.till.online = False
            log = self.logs / f"{name}.log"
            self._processes[name] = self._nursery.start([command, "--config", str(self._config_of(name))], log)

    def kill(self, *names: str) -> None:
        """Kill -9, all of them at once."""
        running = [self._processes[name] for name in names if name in self._processes]
        for process in running:
            process.kill()
        for process in running:
            process.join()

    def stop(self, name: str) -> None:
        """SIGTERM, and wait for a clean end."""
        process = self._processes[name]
        process.terminate()
        process.join(STOP_S)
        if process.is_alive():
            process.kill()
            raise AssertionError(f"{name} did not stop within {STOP_S:.0f} s of SIGTERM")

    def speak(self, protocol: str) -> None:
        """From now on the box speaks this version of MQTT; it starts anew."""
        self.kill(DAEMON)
        self._configure(DAEMON, protocol)
        self.start(DAEMON)

    def wait_ended(self, name: str, timeout_s: float) -> bool:
        """Whether it ended by itself within that time."""
        process = self._processes[name]
        process.join(timeout_s)
        return not process.is_alive()

    def mend(self) -> None:
        """Everything runs again, and the box says that it is online."""
        for name in self.names:
            self.start(name)
        give_up_at = time.monotonic() + START_S
        while not self.till.wait(lambda: self.till.online, 0.5):
            for name in self.names:
                self.start(name)
            self.till.ask_status()
            if time.monotonic() > give_up_at:
                raise AssertionError(f"the box does not come online; its log is {self.logs / 'run.log'}")

    def make_broker(self, *options: str) -> Broker:
        """A broker on this house's port; it replaces the one that was killed, and knows nothing."""
        return Broker(self.folder, port=self._port, global_options=options)

    def log(self, name: str) -> str:
        """Everything that a process has said."""
        path = self.logs / f"{name}.log"
        return path.read_text("utf-8", "replace") if path.exists() else ""

    def call(self, *arguments: str) -> tuple[int, str]:
        """``packshot ARGUMENTS`` to its end: exit code and output."""
        log = self.logs / "calls.log"
        before = log.stat().st_size if log.exists() else 0
        process = self._nursery.start([*arguments, "--config", str(self.config)], log)
        process.join(STOP_S)
        return process.exitcode or 0, log.read_text("utf-8", "replace")[before:]

    def _mount(self) -> None:
        """A small disk for the spool where we may mount one, so that it can be filled up."""
        disk = self.folder / "disk"
        disk.mkdir()
        if os.geteuid() == 0:
            command = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", str(disk)]
            self.own_disk = subprocess.run(command, check=False, capture_output=True).returncode == 0

    def _config_of(self, name: str) -> Path:
        return self.folder / f"{name}.toml"

    def _configure(self, name: str, protocol: str = "auto") -> None:
        tables: dict[str, dict[str, Any]] = {
            "device": {"id": "box"},
            # Pictures have 20 to 30 KB here: a few parts each.
            "mqtt": {"host": "127.0.0.1", "port": self._port, "protocol": protocol, "max_message_bytes": PART_BYTES},
            "camera": {"kind": "folder", "source": str(self.folder / "photos")},
            "model": {"path": str(NETWORK), "threads": 1},
            "cut": {"max_attempts": 10},
            # Privacy deletes with the receipt, so that there is always something to be killed at while deleting.
            "spool": {"path": str(self.spool), "min_free_bytes": 0, "privacy": True},
            "outbox": {"lease_s": 2.0, "max_disconnects": 3, **self._way()},
            "homeassistant": {"discovery": False},
            "uploader": {
                "id": name,
                **self._storefront(),
                "url_prefixes": [self.blobs.url],
                "work_path": str(self.folder / "work" / name),
            },
        }
        self._config_of(name).write_text(to_toml(tables), "utf-8")

    def _way(self) -> dict[str, Any]:
        store = {"kind": "http", "base_url": self.blobs.url}
        return {"delivery": "url", "store": store} if self.plan.delivery == "url" else {}

    def _storefront(self) -> dict[str, Any]:
        options = {"base_url": self.web_shop.url} if self.plan.target == "http" else {"path": str(self.shop)}
        return {"target": self.plan.target, "options": options}


def _make_photos(folder: Path, chance: random.Random) -> None:
    """Bright discs on dark cloth, with some noise so that the files are not tiny."""
    folder.mkdir()
    grain = np.random.default_rng(chance.randrange(1 << 32))
    for number in range(PHOTOS):
        photo = grain.integers(10, 30, (144, 192, 3)).astype(np.uint8)
        disc = np.zeros((144, 192), np.uint8)
        cv2.circle(disc, (96, 72), 24 + 4 * number, 1, -1)
        bright = grain.integers(200, 256, (144, 192, 3)).astype(np.uint8)
        cv2.imwrite(str(folder / f"{number}.png"), np.where(disc[..., None] > 0, bright, photo))


def remove(folder: Path) -> None:
    """Delete a house that is no longer needed."""
    shutil.rmtree(folder, ignore_errors=True)
