"""The torture loop's judge is not lenient: what is lost, twice, damaged or out of order is said."""

import dataclasses
from pathlib import Path

import pytest

from packshot.domain import Capture, Stage
from packshot.spool.sqlite_spool import SqliteSpool
from packshot.storefront.targets.folder import FolderTarget
from tests.support.spool import ROOMY, in_stage
from tests.support.targets import capture_id, package
from tools.torturing.judge import judge
from tools.torturing.till import Order


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    folder = tmp_path / "shop"
    folder.mkdir()
    return folder


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    SqliteSpool(tmp_path / "spool", limits=ROOMY).close()
    return tmp_path / "spool"


def deliver(shop: Path, capture: str, sku: str, revision: int = 1) -> None:
    sent = package(shop.parent, {"picture.webp": capture.encode()}, capture=capture, sku=sku, revision=revision)
    FolderTarget(str(shop)).put(sent.key, sent.pictures)


def an_order(*captures: str) -> Order:
    return Order("r1", "A-1", 0, captures=list(captures))


def test_ok__in_the_shop_or_superseded(shop: Path, spool: Path) -> None:
    first, second = capture_id(1), capture_id(2)
    deliver(shop, first, "A-1")
    deliver(shop, second, "A-1", revision=2)
    result = judge([an_order(first), dataclasses.replace(an_order(second), request_id="r2")], shop, spool)
    assert result.clean
    assert (result.acknowledged, result.delivered, result.superseded) == (2, 2, 1)


def test_fail__nowhere_is_lost(shop: Path, spool: Path) -> None:
    assert len(judge([an_order(capture_id(1))], shop, spool).lost) == 1


def test_fail__still_on_its_way_is_lost_when_all_is_quiet(shop: Path, spool: Path) -> None:
    assert len(judge([an_order(accepted(spool).capture_id)], shop, spool).lost) == 1


def accepted(spool: Path) -> Capture:
    return left_in(spool, Stage.ACCEPTED)


def left_in(spool: Path, stage: Stage) -> Capture:
    owner = SqliteSpool(spool, limits=ROOMY)
    capture = in_stage(owner, stage)
    owner.close()
    return capture


@pytest.mark.parametrize("stage", [Stage.HELD, Stage.REFUSED, Stage.FAILED, Stage.EMPTY])
def test_ok__visible_with_a_reason_where_its_bits_were_turned(shop: Path, spool: Path, stage: Stage) -> None:
    capture = left_in(spool, stage)
    result = judge([an_order(capture.capture_id)], shop, spool)
    assert result.clean
    assert list(result.reasons().values()) == [1]
    assert result.without_cause({capture.capture_id}) == []


def test_fail__failed_with_all_its_bits(shop: Path, spool: Path) -> None:
    capture = left_in(spool, Stage.FAILED)
    result = judge([an_order(capture.capture_id)], shop, spool)
    (line,) = result.without_cause({capture_id(1)})
    assert capture.capture_id in line
    assert capture.reason in line


def test_fail__under_two_products_is_a_duplicate(shop: Path, spool: Path) -> None:
    for sku in ("A-1", "A-2"):
        deliver(shop, capture_id(1), sku)
    assert len(judge([an_order(capture_id(1))], shop, spool).duplicate) == 1


def test_fail__two_captures_of_one_request_are_duplicates(shop: Path, spool: Path) -> None:
    for number in (1, 2):
        deliver(shop, capture_id(number), f"A-{number}")
    assert len(judge([an_order(capture_id(1), capture_id(2))], shop, spool).duplicate) == 1


def test_fail__a_damaged_picture_is_wrong(shop: Path, spool: Path) -> None:
    deliver(shop, capture_id(1), "A-1")
    (shop / "A-1" / "A-1_0.webp").write_bytes(b"something else")
    assert len(judge([an_order(capture_id(1))], shop, spool).wrong) == 1


def test_fail__an_old_revision_on_show_is_wrong(shop: Path, spool: Path) -> None:
    deliver(shop, capture_id(1), "A-1", revision=2)
    shown = shop / "A-1"
    shown.rename(shop / "aside")
    deliver(shop, capture_id(2), "A-1", revision=1)
    (shop / "aside").rename(shown / ".superseded")
    assert len(judge([an_order(capture_id(1))], shop, spool).wrong) == 1
