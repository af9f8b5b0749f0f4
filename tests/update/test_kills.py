"""Installs with real environments are killed at moments drawn from a seed; each box comes back old or new, and whole.

``tools/test-update`` kills 200 times; with another seed: ``UPDATE_SEED=7 tools/test-update``
"""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.update.driver import real_house
from tests.update.house import committed_on
from tests.update.signing import SignedRepository
from tests.update.wheels import wheelhouse

pytestmark = [pytest.mark.faults]

KILLS = int(os.environ.get("UPDATE_KILLS", "5"))
SEED = int(os.environ.get("UPDATE_SEED", "1"))
REPOSITORY = Path(__file__).resolve().parents[2]
LIMIT_S = 30.0 * KILLS + 120


def install_for(root: Path, folder: Path, boot: int, seconds: float) -> int | None:
    """An install that is killed after so many seconds, its children with it; its exit code if it was quicker."""
    command = [sys.executable, "-m", "tests.update.driver", str(root), str(folder), str(boot)]
    environment = {**os.environ, "PYTHONPATH": f"{REPOSITORY / 'service'}:{REPOSITORY}"}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True, env=environment)
    assert process.stdout is not None
    assert process.stdout.readline() == b"begin\n"
    try:
        return process.wait(seconds)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        return None
    finally:
        process.stdout.close()


@pytest.mark.timeout(LIMIT_S)
def test_killed_at_any_moment_the_box_is_whole_and_the_next_install_converges(tmp_path: Path) -> None:
    chance, boot, number = random.Random(SEED), 1, 2
    repository = SignedRepository(tmp_path / "repository")
    house = real_house(tmp_path / "box", boot)
    house.lay("0.1.0")
    house.trust(repository.anchor)
    repository.release("0.2.0", 2, wheels=wheelhouse("0.2.0"))
    repository.publish()
    began = time.monotonic()
    assert install_for(house.root, repository.folder, boot, LIMIT_S) == 0
    longest_s = 1.2 * (time.monotonic() - began)
    house, number = real_house(tmp_path / "box", boot), 3
    repository.release("0.3.0", 3, wheels=wheelhouse("0.3.0"))
    repository.publish()
    for kill in range(KILLS):
        before = house.points_to
        code = install_for(house.root, repository.folder, boot, chance.uniform(0.0, longest_s))
        assert code in (0, None), f"seed {SEED}, kill {kill}: exit code {code}"
        boot += 1
        house = real_house(tmp_path / "box", boot)
        house.start()
        assert house.runs == house.points_to
        assert house.runs in (before, f"0.{number}.0"), f"seed {SEED}, kill {kill}"
        assert house.box.slots.stamp(house.box.slots.points_to("current")), f"seed {SEED}, kill {kill}: incomplete"
        house.live(900)
        assert committed_on(house, house.runs), f"seed {SEED}, kill {kill}: {house.status()}"
        if house.runs == f"0.{number}.0":
            number += 1
            repository.release(f"0.{number}.0", number, wheels=wheelhouse(f"0.{number}.0"))
            repository.publish()
    assert install_for(house.root, repository.folder, boot, 120) == 0
    assert committed_on(real_house(tmp_path / "box", boot), f"0.{number}.0")
