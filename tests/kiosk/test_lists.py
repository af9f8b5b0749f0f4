"""Lists of captures out of a spool that holds more than a list does."""

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from packshot.kiosk import captures
from packshot.kiosk.captures import Captures, ListQuery
from packshot.spool.sqlite_spool import SqliteSpool
from tests.support.memory import tmp_path as tmp_path
from tests.support.spool import ROOMY, a_frame, a_request


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[SqliteSpool]:
    spool = SqliteSpool(tmp_path / "spool", limits=ROOMY)
    yield spool
    spool.close()


@pytest.mark.parametrize("stage", ["", "accepted"])
def test_the_newest_stand_first_and_the_oldest_are_left_out(
    spool: SqliteSpool, stage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(captures, "LISTED", 4)
    taken = [spool.accept(a_request(f"r{number}"), [a_frame()]).capture_id for number in range(6)]
    parts: Any = SimpleNamespace(spool=spool)
    nothing: Any = None
    call: Any = SimpleNamespace(query=ListQuery(stage, limit=3))

    listed = Captures(parts, nothing, nothing).newest(call).captures

    assert [capture.id for capture in listed] == [taken[5], taken[4], taken[3]]
