"""An open spool in an empty folder, looked over by ``check`` when the test ends."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from packshot.spool.sqlite_spool import SqliteSpool
from tests.fakes.clock import HandClock
from tests.support.memory import memory_folder
from tests.support.spool import ROOMY


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    """In memory: a thousand flushes to a disk are not what these tests are about."""
    with memory_folder() as folder:
        yield folder


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "spool"


@pytest.fixture
def spool(root: Path, clock: HandClock) -> Iterator[SqliteSpool]:
    opened = SqliteSpool(root, limits=ROOMY, clock=clock)
    yield opened
    opened.close()
    left = SqliteSpool(root, limits=ROOMY, clock=clock)
    assert left.check() == []
    left.close()
