"""What the tests of the outbox share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.outbox.desk import Desk
from tests.support.memory import memory_folder


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    """In memory: the spool flushes at every step."""
    with memory_folder() as folder:
        yield folder


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)
