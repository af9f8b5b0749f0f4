"""What the tests of the outbox share."""

from pathlib import Path

import pytest

from tests.outbox.desk import Desk


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)
