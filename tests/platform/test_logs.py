"""One line per event, whatever the values hold."""

import json
import logging

import pytest

from packshot.platform.logs import JsonFormatter, LogfmtFormatter, event


def formatted(formatter: logging.Formatter, text: str, **fields: object) -> str:
    lines: list[str] = []
    logger = logging.Logger("test")
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(formatter.format(record))  # type: ignore[method-assign]
    logger.addHandler(handler)
    event(logger, text, logging.WARNING, **fields)
    return lines[0]


def test_a_person_reads_logfmt() -> None:
    line = formatted(LogfmtFormatter(prefix=True), "capture cut", capture="01m8", ms=31.26, reason="", sku=None)
    assert line == "<4>warning capture cut capture=01m8 ms=31.3"


@pytest.mark.parametrize("hostile", ["a\nerror forged line", 'quote " and = sign', "\r\nx"])
def test_a_value_cannot_forge_a_line(hostile: str) -> None:
    line = formatted(LogfmtFormatter(prefix=False), "refused", sku=hostile)
    assert len(line.splitlines()) == 1
    assert json.loads(formatted(JsonFormatter(), "refused", sku=hostile))["sku"] == hostile


def test_a_machine_reads_json() -> None:
    entry = json.loads(formatted(JsonFormatter(), "capture cut", capture="01m8"))
    assert (entry["level"], entry["message"], entry["capture"]) == ("warning", "capture cut", "01m8")
