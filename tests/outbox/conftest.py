"""What the tests of the outbox share."""

from pathlib import Path

import pytest

from tests.outbox.desk import Desk
from tests.support.memory import tmp_path as tmp_path


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)
