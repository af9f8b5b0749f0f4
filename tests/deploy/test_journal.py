"""Events become entries of systemd's journal with fields to search by."""

import logging
import socket
from pathlib import Path

import pytest

from packshot.platform.journal import JournalHandler, journal_handler, syslog_level
from packshot.platform.logs import LogfmtFormatter, event


def test_an_event_is_one_entry_whose_capture_can_be_searched_for() -> None:
    entries: list[dict[str, str]] = []
    handler = JournalHandler(lambda message, **fields: entries.append({"MESSAGE": message, **fields}))
    handler.setFormatter(LogfmtFormatter(prefix=False, time=False))
    logger = logging.Logger("packshot.workshop")
    logger.addHandler(handler)
    event(logger, "capture cut", logging.WARNING, capture="01m8", sku="A-1")
    (entry,) = entries
    assert entry["MESSAGE"] == "warning capture cut capture=01m8 sku=A-1"
    assert (entry["PACKSHOT_CAPTURE"], entry["PACKSHOT_SKU"]) == ("01m8", "A-1")
    assert (entry["PRIORITY"], entry["LOGGER"]) == ("4", "packshot.workshop")


def test_without_a_journal_there_is_no_handler(tmp_path: Path) -> None:
    assert journal_handler({}, tmp_path) is None
    assert journal_handler({"JOURNAL_STREAM": "8:1"}, tmp_path / "no-socket") is None


def test_without_systemd_python_there_is_no_handler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "socket"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as journal:
        journal.bind(str(path))
        monkeypatch.setitem(__import__("sys").modules, "systemd", None)
        assert journal_handler({"JOURNAL_STREAM": "8:1"}, path) is None


@pytest.mark.parametrize(("level", "priority"), [(10, 7), (20, 6), (25, 6), (30, 4), (40, 3), (50, 2)])
def test_priorities_are_those_of_syslog(level: int, priority: int) -> None:
    assert syslog_level(level) == priority
