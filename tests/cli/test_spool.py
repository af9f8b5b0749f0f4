"""``packshot spool`` beside a spool that holds much."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from packshot import cli
from packshot.cli.spool import LISTED
from packshot.config import to_toml
from packshot.spool.sqlite_spool import SqliteSpool
from tests.support.memory import tmp_path as tmp_path
from tests.support.spool import ROOMY, a_frame, a_request

Listing = Callable[..., list[str]]


@pytest.fixture
def listing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Listing:
    """The ids that ``packshot spool ls`` prints."""
    config = tmp_path / "packshot.toml"
    config.write_text(to_toml({"spool": {"path": str(tmp_path / "spool")}}))

    def listed(*arguments: str) -> list[str]:
        assert cli.main(["spool", "ls", "--json", "--config", str(config), *arguments]) == 0
        return [json.loads(line)["capture_id"] for line in capsys.readouterr().out.splitlines()]

    return listed


def filled(folder: Path, count: int) -> list[str]:
    spool = SqliteSpool(folder, limits=ROOMY)
    taken = [spool.accept(a_request(f"r{number}"), [a_frame()]).capture_id for number in range(count)]
    spool.close()
    return taken


def test_the_newest_of_very_many_captures_are_listed_oldest_first(tmp_path: Path, listing: Listing) -> None:
    taken = filled(tmp_path / "spool", LISTED + 2)

    assert listing() == taken[2:]
    assert listing("--limit", str(LISTED + 2)) == taken


def test_who_sees_only_the_newest_is_told(tmp_path: Path, listing: Listing, capsys: pytest.CaptureFixture[str]) -> None:
    taken = filled(tmp_path / "spool", 3)

    assert cli.main(["spool", "ls", "--limit", "2", "--config", str(tmp_path / "packshot.toml")]) == 0
    said = capsys.readouterr()
    assert [capture_id in said.out for capture_id in taken] == [False, True, True]
    assert "there are more" in said.err
    assert cli.main(["spool", "ls", "--limit", "3", "--config", str(tmp_path / "packshot.toml")]) == 0
    assert capsys.readouterr().err == ""
