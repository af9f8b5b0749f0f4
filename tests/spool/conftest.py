"""An open spool in an empty folder, looked over by ``check`` when the test ends."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from packshot.spool.sqlite_spool import SqliteSpool
from tests.fakes.clock import HandClock
from tests.support.spool import ROOMY


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Path]:
    """In memory where there is such a folder: a thousand flushes to a disk are not what these tests are about."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else tmp_path) as folder:
        yield Path(folder) / "spool"


@pytest.fixture
def spool(root: Path, clock: HandClock) -> Iterator[SqliteSpool]:
    opened = SqliteSpool(root, limits=ROOMY, clock=clock)
    yield opened
    opened.close()
    left = SqliteSpool(root, limits=ROOMY, clock=clock)
    assert left.check() == []
    left.close()
