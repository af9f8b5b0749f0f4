"""What the tests of power cuts share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.memory import memory_folder


@pytest.fixture(scope="module")
def memory() -> Iterator[Path]:
    """Thousands of images are written; the disk model flushes nothing, so they may as well live in memory."""
    with memory_folder() as folder:
        yield folder
