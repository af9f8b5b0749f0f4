"""What the contracts' tests share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.memory import memory_folder


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    """In memory: a storefront flushes every picture it takes."""
    with memory_folder() as folder:
        yield folder
