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


def test_a_file_name_that_is_no_text_comes_through_escaped() -> None:
    entries: list[dict[str, bytes]] = []

    def send(message: str, **fields: str) -> None:
        entries.append({name: text.encode() for name, text in {"MESSAGE": message, **fields}.items()})

    logger = logging.Logger("packshot.workshop")
    logger.addHandler(JournalHandler(send))
    event(logger, "no photo in a\udcffb", file="a\udcffb.jpg")
    assert (entries[0]["MESSAGE"], entries[0]["PACKSHOT_FILE"]) == (rb"no photo in a\udcffb", rb"a\udcffb.jpg")


def test_what_cannot_be_logged_does_not_end_the_thread_that_logs(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: str, **__: str) -> None:
        raise ValueError("no name of a field")

    monkeypatch.setattr(logging, "raiseExceptions", False)
    logger = logging.Logger("packshot.workshop")
    logger.addHandler(JournalHandler(refuse))
    event(logger, "capture cut", sku="A-1")


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
