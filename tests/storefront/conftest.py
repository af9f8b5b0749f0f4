"""What the tests of the storefront share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.memory import memory_folder


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    """In memory: box, uploader and shop flush at every step."""
    with memory_folder() as folder:
        yield folder
