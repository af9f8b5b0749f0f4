"""Which boxes a wave reaches, with many boxes that are a file each: the playbook is real, machine and updater are not.

``test_fleet.py`` shows the same with real machines, of which there can only be four here.
"""

import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.fleet.fleet import ANSIBLE
from tests.support.mosquitto import free_port

NAMES = tuple(f"box-{number}" for number in range(6))
BATCHES = [1, 2, "100%"]
UPDATER = """\
#!/bin/sh
# updater BOX COMMAND...: a box that goes to the wanted version, or stays where it is if it is named in "bad".
cd "${0%/*}"
box=$1 command=$2
shift 2
if [ "$command" = install ]; then
  echo "$box" >>reached
  while [ "$1" != --version ]; do shift; done
  grep -qx "$box" bad || echo "$2" >"$box"
fi
echo '{"phase": "idle", "committed": true, "error": "the golden photo is wrong",
  "installed": {"version": "'"$(cat "$box")"'", "sequence": 1, "slot": ""}}'
"""
SYSTEMD_RUN = '#!/bin/sh\nwhile case $1 in -*) ;; *) false ;; esac; do shift; done\nexec "$@"\n'
SYSTEMCTL = "#!/bin/sh\nexit 3\n"


class Paper:
    """Boxes on paper, all at 1.0.0."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name, text in {"updater": UPDATER, "systemd-run": SYSTEMD_RUN, "systemctl": SYSTEMCTL}.items():
            (folder / name).write_text(text)
            (folder / name).chmod(0o755)
        for name in NAMES:
            (folder / name).write_text("1.0.0\n")
        self.bad()

    def bad(self, *names: str) -> None:
        """These stay where they are."""
        (self.folder / "bad").write_text("".join(f"{name}\n" for name in names))

    def roll_out(self, unreachable: str = "", **variables: object) -> subprocess.CompletedProcess[str]:
        """update.yml to 2.0.0."""
        hosts: dict[str, Mapping[str, object]] = {name: {"ansible_connection": "local"} for name in NAMES}
        if unreachable:
            hosts[unreachable] = {"ansible_host": "127.0.0.1", "ansible_port": free_port()}
        inventory = self.folder / "inventory.json"
        inventory.write_text(json.dumps({"packshot": {"hosts": hosts}}))
        extra = {
            "update_command": f"{self.folder}/updater {{{{ inventory_hostname }}}}",
            "update_version": "2.0.0",
            "update_batches": BATCHES,
            "update_receipts": str(self.folder / "receipts"),
            "update_poll_s": 1,
            "ansible_python_interpreter": "/usr/bin/python3",
            **variables,
        }
        playbook = (str(ANSIBLE / "update.yml"), "-e", json.dumps(extra))
        command = [str(ANSIBLE / "env"), "ansible-playbook", "-i", str(inventory), *playbook]
        environment = {**os.environ, "PATH": f"{self.folder}:{os.environ['PATH']}", "ANSIBLE_NOCOLOR": "1"}
        return subprocess.run(command, capture_output=True, text=True, env=environment)

    def reached(self) -> set[str]:
        """Boxes that were told to install."""
        path = self.folder / "reached"
        return set(path.read_text().split()) if path.exists() else set()


@pytest.fixture
def boxes(tmp_path: Path) -> Paper:
    return Paper(tmp_path)


def test_a_good_release_reaches_all_and_leaves_a_receipt_of_each(boxes: Paper) -> None:
    done = boxes.roll_out()
    assert done.returncode == 0, done.stdout
    assert boxes.reached() == set(NAMES)
    assert {path.stem for path in (boxes.folder / "receipts/2.0.0").iterdir()} == set(NAMES)
    assert done.stdout.count("GO: ") == len(BATCHES)


def test_a_bad_release_reaches_the_first_canary_alone(boxes: Paper) -> None:
    boxes.bad(*NAMES)
    done = boxes.roll_out()
    assert done.returncode != 0
    assert boxes.reached() == {NAMES[0]}
    assert "box-0 is not committed on 2.0.0: the golden photo is wrong" in done.stdout


def test_a_release_that_is_bad_on_some_stops_at_the_canaries(boxes: Paper) -> None:
    boxes.bad(NAMES[2], NAMES[5])
    done = boxes.roll_out()
    assert done.returncode != 0
    assert "STOP: 1 of 2 boxes of this batch are committed" in done.stdout
    assert boxes.reached() == set(NAMES[:3])


@pytest.mark.slow
def test_an_unreachable_canary_stops_and_the_next_run_goes_on_where_it_stopped(boxes: Paper) -> None:
    done = boxes.roll_out(unreachable=NAMES[1])
    assert done.returncode != 0
    assert "Not committed: box-1" in " ".join(done.stdout.split())
    assert boxes.reached() == {NAMES[0], NAMES[2]}
    (boxes.folder / "reached").unlink()
    assert boxes.roll_out().returncode == 0
    assert boxes.reached() == set(NAMES) - {NAMES[0], NAMES[2]}


@pytest.mark.slow
def test_of_a_wide_batch_some_may_be_switched_off(boxes: Paper) -> None:
    done = boxes.roll_out(unreachable=NAMES[4], update_required_percent=60)
    assert "GO: 2 of 3 boxes" in done.stdout
    assert done.returncode != 0, "Ansible names the box as unreachable"
    assert boxes.reached() == set(NAMES) - {NAMES[4]}
    assert len(list((boxes.folder / "receipts/2.0.0").iterdir())) == len(NAMES) - 1
