"""One fleet for all tests of this folder: bringing it up costs minutes. The tests follow its life, in order.

The short life (two boxes; install, update, a bad release) is part of ``tools/test``; ``tools/test-fleet`` runs the long
one (four boxes; every bad release, power cuts, a dead control machine, silent boxes).
"""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.container.device import what_is_missing
from tests.fleet.fleet import ANSIBLE, Fleet
from tests.fleet.story import Story

LONG_NAMES = ("lab", "berlin", "hamburg", "kiel")
SHORT_NAMES = LONG_NAMES[:2]
LONG = os.environ.get("FLEET_STORY", "")
"""The folder for the story of the long life. Not PACKSHOT_...: such variables are configuration."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark, skip where a part is missing or the long life was not asked for."""
    missing = what_is_missing() or ("" if shutil.which("ssh") else "needs ssh: apt install openssh-client")
    for item in items:
        if Path(__file__).parent not in item.path.parents:
            continue
        item.add_marker(pytest.mark.fleet)
        item.add_marker(pytest.mark.timeout(1800))
        if item.get_closest_marker("slow") and not LONG:
            item.add_marker(pytest.mark.skip(reason="the long life of a fleet: tools/test-fleet"))
        elif missing and "fleet" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.skip(reason=f"fleet tests: {missing}"))


@pytest.fixture(scope="session", autouse=True)
def ansible() -> None:
    """The control machine's environment, made if it is missing."""
    done = subprocess.run([ANSIBLE / "env", "true"], capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"fleet tests: no Ansible, is there a network? {done.stderr[-300:]}")


@pytest.fixture(scope="session")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """Bare boxes and headquarters."""
    folder = tmp_path_factory.mktemp("fleet")
    story = Story(Path(LONG or folder / "story"))
    try:
        with Fleet(folder, LONG_NAMES if LONG else SHORT_NAMES, story) as running:
            yield running
    except subprocess.CalledProcessError as error:
        pytest.skip(f"fleet tests: {error.cmd}: {str(error.stderr)[-300:]}")
    finally:
        story.close()
