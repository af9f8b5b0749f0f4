"""An open spool in an empty folder, looked over by ``check`` when the test ends."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from packshot.spool.sqlite_spool import SqliteSpool
from tests.fakes.clock import HandClock
from tests.support.memory import tmp_path as tmp_path
from tests.support.spool import ROOMY


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


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
