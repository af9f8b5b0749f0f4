"""One emulated PC for all tests of this folder. ``tools/test-vm`` runs them, ``tools/test`` says that it does not."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.container.conftest import or_skip
from tests.container.device import wheelhouse
from tests.support.appliance import Ear
from tests.vm.machine import Machine, vm_root, what_is_missing


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip, with the reason, unless asked for and possible."""
    reason = what_is_missing() if os.environ.get("TEST_VM") else "minutes long: run tools/test-vm"
    for item in items:
        if Path(__file__).parent in item.path.parents and reason:
            item.add_marker(pytest.mark.skip(reason=f"emulated PC: {reason}"))


@pytest.fixture(scope="session")
def pc(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """Booted, with vivid's camera and gpio-sim's chip."""
    root = or_skip(vm_root, "Debian root with a kernel from mmdebstrap")
    wheels = or_skip(wheelhouse, "wheels from PyPI")
    with Machine(tmp_path_factory.mktemp("pc"), root, wheels) as machine:
        machine.boot()
        yield machine


@pytest.fixture
def machine(pc: Machine) -> Machine:
    """As ``pc``, configured as the test before has left it: a restart of the daemon takes a minute there."""
    return pc


@pytest.fixture
def ear(machine: Machine) -> Iterator[Ear]:
    """A till on another machine."""
    with Ear(machine.port, host=machine.address) as listening:
        yield listening
