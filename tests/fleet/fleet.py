"""Boxes on a bridge, headquarters, and Ansible between them."""

import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from packshot.config import to_toml
from tests.container.device import REPOSITORY, base_root
from tests.fleet.box import PACKAGES, Box
from tests.fleet.headquarters import Authority, Bridge, Uploader, WebServer, make_broker
from tests.fleet.story import Story, went_through
from tests.fleet.workshop import Workshop

ANSIBLE = REPOSITORY / "deploy" / "ansible"
PLAY_S = 1500.0
LOOK_S = 0.5
BATCHES = [1, 2, "100%"]
GATE = re.compile(r"(GO|STOP): (\d+) of (\d+) boxes")
SAMPLES = "/opt/packshot/current/lib/python3.11/site-packages/packshot/samples"
# Short for a test: a probation of seconds instead of minutes, but longer than the watchdog of the test's units.
ON_EACH_BOX = {
    "camera": {"kind": "folder", "source": SAMPLES},
    "spool": {"min_free_bytes": 0},
    "outbox": {"lease_s": 10.0},
    "update": {"probation_s": 25.0, "tries": 2, "capture_wait_s": 60.0},
}


@dataclass(frozen=True)
class Play:
    """How a playbook ended."""

    code: int
    output: str

    def line(self, words: str) -> str:
        """From these words to the end of their line, where the output first has them; "" if it has not."""
        line = next((line for line in self.output.splitlines() if words in line), "")
        return line[line.find(words) :].rstrip("'\" ")


class Fleet:
    """All of it; ``with`` brings it up and takes it down. ``names`` are device ids in the order of the rollout."""

    def __init__(self, folder: Path, names: Iterable[str], story: Story) -> None:
        self.folder, self.story = folder, story
        self.names = list(names)
        self.boxes: dict[str, Box] = {}
        self.workshop = Workshop(folder / "workshop")
        self._stack = ExitStack()
        self._plays = 0

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self._set_up(stack)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _set_up(self, stack: ExitStack) -> None:
        (self.folder / "workshop").mkdir(parents=True)
        self.workshop.open()
        self.bridge = stack.enter_context(Bridge())
        self.authority = Authority(self.folder / "ca", self.bridge.address, self.names)
        self.broker = stack.enter_context(make_broker(self.folder, self.authority))
        self.web = stack.enter_context(WebServer(self.workshop.repository, self.bridge.address, self.authority))
        self.uploader = stack.enter_context(Uploader(self.folder, self.broker.port, self.authority))
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(self._key)], check=True)
        root = base_root(PACKAGES)
        for number, name in enumerate(self.names):
            self.boxes[name] = stack.enter_context(self._box(root, name, self.bridge.box(11 + number)))
        for box in self.boxes.values():
            box.boot()
            self.story.tell(box.id, f"booted a bare Debian at {box.address}")
        self._write_inventory()

    def _box(self, root: Path, name: str, address: str) -> Box:
        folder = self.folder / name
        folder.mkdir()
        return Box(folder, root, name, self.bridge.name, address, Path(f"{self._key}.pub").read_text())

    # --- Ansible ------------------------------------------------------------------------------------------------------

    def play(self, playbook: str, **variables: Any) -> Play:
        """Run a playbook to its end; its output is kept, and the story tells what the gates say when they say it."""
        process, log = self.start_play(playbook, **variables)
        deadline = time.monotonic() + PLAY_S
        with log.open() as lines:
            while process.poll() is None:
                assert time.monotonic() < deadline, f"{playbook} takes too long: {log}"
                self._tell_gates(lines.readlines())
                time.sleep(LOOK_S)
            self._tell_gates(lines.readlines())
        return Play(process.returncode, log.read_text())

    def _tell_gates(self, lines: list[str]) -> None:
        for line in lines:
            if said := GATE.search(line):
                self.story.tell("gate", f"{said[1]}: {said[2]} of the batch's {said[3]} boxes have committed")

    def start_play(self, playbook: str, **variables: Any) -> tuple[subprocess.Popen[bytes], Path]:
        """Start a playbook; the process and the file of its output."""
        self._plays += 1
        log = self.story.folder / f"{self._plays:02d}-{playbook}.log"
        extra = {"update_receipts": str(self.folder / "receipts"), "update_poll_s": 2, **variables}
        command = [str(ANSIBLE / "env"), "ansible-playbook", "-i", str(self.folder / "inventory.json")]
        command += [str(ANSIBLE / f"{playbook}.yml"), "-e", json.dumps(extra)]
        environment = {**os.environ, "ANSIBLE_NOCOLOR": "1", "ANSIBLE_SSH_CONTROL_PATH_DIR": str(self.folder / "cp")}
        with log.open("wb") as output:
            process = subprocess.Popen(
                command, stdout=output, stderr=subprocess.STDOUT, env=environment, start_new_session=True
            )
        return process, log

    def kill_play(self, process: subprocess.Popen[bytes]) -> None:
        """The control machine dies."""
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def roll_out(self, version: str, **variables: Any) -> Play:
        """``update.yml``; the story tells each gate and what each box went through."""
        before = {name: len(box.events) if self._answers(box) else 0 for name, box in self.boxes.items()}
        play = self.play("update", update_version=version, update_batches=BATCHES, **variables)
        self.tell_boxes(before)
        return play

    def tell_boxes(self, before: Mapping[str, int]) -> None:
        """One line per box: what its history has gained, and what it runs."""
        for name, box in self.boxes.items():
            if not self._answers(box):
                self.story.tell(name, "does not answer")
                continue
            new = box.events[before[name] :]
            self.story.tell(name, f"runs {box.version}; {went_through(new)}")

    def _answers(self, box: Box) -> bool:
        return (box.root / "opt/packshot/updater/run").exists() and box.id not in self.silent

    silent: frozenset[str] = frozenset()
    """Boxes that must not be asked, because they were frozen on purpose."""

    def versions(self) -> dict[str, str]:
        """What runs where."""
        return {name: box.version for name, box in self.boxes.items()}

    @property
    def _key(self) -> Path:
        return self.folder / "id_ed25519"

    def _write_inventory(self) -> None:
        known = self.folder / "known_hosts"
        known.write_text("".join(f"{box.address} {box.host_key}\n" for box in self.boxes.values()))
        common = {
            "ansible_user": "root",
            "ansible_ssh_private_key_file": str(self._key),
            "ansible_ssh_common_args": f"-o UserKnownHostsFile={known} -o GlobalKnownHostsFile=/dev/null",
            "provision_mqtt_host": self.bridge.address,
            "provision_mqtt_port": self.broker.port,
            "provision_certificates": str(self.authority.folder),
            "provision_update_url": self.web.url,
            "provision_update_ca": str(self.authority.folder / "ca.crt"),
            "provision_configuration": to_toml(ON_EACH_BOX),
        }
        hosts = {name: {"ansible_host": box.address} for name, box in self.boxes.items()}
        inventory = {"packshot": {"vars": common, "hosts": hosts}}
        (self.folder / "inventory.json").write_text(json.dumps(inventory, indent=1))
