"""The HTTP storefront against a real server on loopback: what it sends, and what it makes of each answer."""

import base64
import hashlib
import json
import re
import traceback
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest

from packshot.errors import ConfigError, TargetRefused, TargetUnavailable
from packshot.platform.web import Unreachable, Web, retry_after_s
from packshot.storefront.targets.http import HttpTarget
from tests.support.mosquitto import free_port
from tests.support.shop_server import Request, ShopServer
from tests.support.targets import capture_id, package


@pytest.fixture
def shop() -> Iterator[ShopServer]:
    with ShopServer() as running:
        yield running


@pytest.fixture
def target(shop: ShopServer) -> HttpTarget:
    return HttpTarget(shop.url)


def picture_puts(shop: ShopServer) -> list[Request]:
    return [request for request in shop.requests("PUT") if not request.path.endswith(".packshot.json")]


def test_a_picture_is_looked_for_and_then_put_with_its_digest(
    target: HttpTarget, shop: ShopServer, tmp_path: Path
) -> None:
    parcel = package(tmp_path, {"picture.webp": b"shown"}, sku="A-1", angle=1, revision=4)
    stored = target.put(parcel.key, parcel.pictures)
    (put,) = picture_puts(shop)
    assert put.path == "A-1/A-1_1.webp"
    assert any(head.path == put.path for head in shop.requests("HEAD"))
    digest = base64.b64encode(hashlib.sha256(b"shown").digest()).decode()
    assert put.headers["Content-Digest"] == f"sha-256=:{digest}:"
    assert put.headers["Content-Type"] == "image/webp"
    assert put.headers["If-None-Match"] == "*"
    assert put.headers["Packshot-Capture"] == parcel.key.capture_id
    assert put.headers["Packshot-Revision"] == "4"
    assert stored.url == f"{shop.url}/A-1/A-1_1.webp"


def test_every_attempt_at_one_delivery_has_the_same_idempotency_key(
    target: HttpTarget, shop: ShopServer, tmp_path: Path
) -> None:
    parcel = package(tmp_path, {"picture.webp": b"x"})
    shop.answers.extend([(201, {}), (503, {})])  # the sidecar, then the picture
    with pytest.raises(TargetUnavailable):
        target.put(parcel.key, parcel.pictures)
    shop.objects.clear()
    target.put(parcel.key, parcel.pictures)
    keys = [put.headers["Idempotency-Key"] for put in picture_puts(shop)]
    assert len(keys) == 2
    assert len(set(keys)) == 1
    other = package(tmp_path, {"picture.webp": b"y"}, capture=capture_id(5), revision=2)
    target.put(other.key, other.pictures)
    assert picture_puts(shop)[-1].headers["Idempotency-Key"] not in keys, "another capture is another delivery"


def test_what_lies_there_already_is_not_sent_again(target: HttpTarget, shop: ShopServer, tmp_path: Path) -> None:
    parcel = package(tmp_path, {"picture.webp": b"x"})
    target.put(parcel.key, parcel.pictures)
    puts = len(shop.requests("PUT"))
    target.put(parcel.key, parcel.pictures)
    assert len(shop.requests("PUT")) == puts


def test_an_upload_cut_short_before_its_proof_is_not_found_and_completed_later(
    target: HttpTarget, shop: ShopServer, tmp_path: Path
) -> None:
    parcel = package(tmp_path, {"picture.webp": b"1", "cutout.png": b"2"})
    target.put(parcel.key, parcel.pictures)
    sidecar = "A-1/A-1_0.packshot.json"
    shop.objects[sidecar] = json.dumps({**json.loads(shop.objects[sidecar]), "pending": True}).encode()
    del shop.objects["A-1/A-1_0.cutout.png"]
    assert target.find(parcel.key) is None
    target.put(parcel.key, parcel.pictures)
    assert target.find(parcel.key) is not None
    assert shop.objects["A-1/A-1_0.cutout.png"] == b"2"


@pytest.mark.parametrize("status", [400, 403, 404, 410, 413, 415, 422, 451])
def test_answers_that_no_repetition_will_change_are_refusals(
    target: HttpTarget, shop: ShopServer, tmp_path: Path, status: int
) -> None:
    parcel = package(tmp_path, {"picture.webp": b"x"})
    shop.answers.append((status, {}))
    with pytest.raises(TargetRefused, match=str(status)):
        target.put(parcel.key, parcel.pictures)


@pytest.mark.parametrize("status", [301, 307, 401, 405, 408, 425, 429, 500, 502, 503, 504, 507])
def test_answers_that_may_change_are_tried_again(
    target: HttpTarget, shop: ShopServer, tmp_path: Path, status: int
) -> None:
    parcel = package(tmp_path, {"picture.webp": b"x"})
    shop.answers.append((status, {"Location": "/elsewhere"}))
    with pytest.raises(TargetUnavailable, match=str(status)):
        target.put(parcel.key, parcel.pictures)
    target.put(parcel.key, parcel.pictures)
    assert shop.objects["A-1/A-1_0.webp"] == b"x"


def test_retry_after_is_passed_on(target: HttpTarget, shop: ShopServer, tmp_path: Path) -> None:
    parcel = package(tmp_path, {"picture.webp": b"x"})
    shop.answers.append((503, {"Retry-After": "17"}))
    with pytest.raises(TargetUnavailable) as caught:
        target.put(parcel.key, parcel.pictures)
    assert caught.value.retry_after_s == 17


def test_retry_after_may_be_a_date() -> None:
    value = retry_after_s(format_datetime(datetime.now(UTC) + timedelta(seconds=100), usegmt=True))
    assert value is not None
    assert 90 <= value <= 100
    assert retry_after_s(format_datetime(datetime.now(UTC) - timedelta(days=1), usegmt=True)) == 0
    assert retry_after_s("soon") is None
    assert retry_after_s("") is None
    assert retry_after_s("99999999999") == 24 * 3600


@pytest.mark.parametrize("value", ["\xb2", "Mon, 30 Nov 99999999999999999999 14:34:16 GMT"])
def test_a_retry_after_that_makes_no_sense_is_as_none(
    target: HttpTarget, shop: ShopServer, tmp_path: Path, value: str
) -> None:
    parcel = package(tmp_path, {"picture.webp": b"x"})
    shop.answers.append((503, {"Retry-After": value}))
    with pytest.raises(TargetUnavailable) as caught:
        target.put(parcel.key, parcel.pictures)
    assert caught.value.retry_after_s is None


def test_a_server_that_is_not_there_is_unavailable(tmp_path: Path) -> None:
    parcel = package(tmp_path, {"picture.webp": b"x"})
    with pytest.raises(TargetUnavailable, match="cannot be reached"):
        HttpTarget(f"http://127.0.0.1:{free_port()}").find(parcel.key)


def test_an_address_of_another_kind_is_said_once() -> None:
    with pytest.raises(Unreachable) as refused:
        Web().ask("GET", "file:///etc/passwd")
    assert str(refused.value) == "file:///etc/passwd is no http or https address"


def test_a_sidecar_that_arrives_cut_short_lets_no_older_picture_in(
    target: HttpTarget, shop: ShopServer, tmp_path: Path
) -> None:
    older = package(tmp_path, {"picture.webp": b"1"}, capture=capture_id(1))
    newer = package(tmp_path, {"picture.webp": b"2"}, capture=capture_id(2), revision=2)
    target.put(newer.key, newer.pictures)
    shop.break_after = 100
    with pytest.raises(TargetUnavailable, match="broke off after 100 bytes"):
        target.put(older.key, older.pictures)
    assert shop.objects["A-1/A-1_0.webp"] == b"2"


def test_the_token_is_read_from_its_file_and_sent(shop: ShopServer, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("s3cret\n")
    parcel = package(tmp_path, {"picture.webp": b"x"})
    target = HttpTarget(shop.url, token_file=str(token), headers={"X-Shop": "7"})
    target.put(parcel.key, parcel.pictures)
    assert picture_puts(shop)[0].headers["Authorization"] == "Bearer s3cret"
    assert picture_puts(shop)[0].headers["X-Shop"] == "7"


@pytest.mark.parametrize("text", ["s3cret\nsecond line\n", "s3cr€t", "\ufeffs3cret"])
def test_a_token_that_no_header_can_carry_is_unavailable_and_not_told(
    shop: ShopServer, tmp_path: Path, text: str
) -> None:
    token = tmp_path / "token"
    token.write_text(text, "utf-8")
    with pytest.raises(TargetUnavailable, match=r"/token is not one line .*; check token_file$") as refusal:
        HttpTarget(shop.url, token_file=str(token)).find(package(tmp_path, {}).key)
    assert not shop.requests("HEAD")
    assert "s3cr" not in "".join(traceback.format_exception(refusal.value))


@pytest.mark.parametrize("base_url", ["http://127.0.0.1:9/bücher", "http://shop..example"])
def test_an_address_that_cannot_be_asked_is_unavailable(tmp_path: Path, base_url: str) -> None:
    with pytest.raises(TargetUnavailable, match=f"^{re.escape(base_url)}"):
        HttpTarget(base_url).find(package(tmp_path, {}).key)


def test_a_header_that_cannot_be_sent_is_unavailable_and_not_told(shop: ShopServer, tmp_path: Path) -> None:
    target = HttpTarget(shop.url, headers={"X-Key": "s3cret\nsecond line"})
    with pytest.raises(TargetUnavailable, match="correct address or headers") as refusal:
        target.find(package(tmp_path, {}).key)
    assert "s3cret" not in str(refusal.value)


def test_a_missing_token_file_is_unavailable_and_names_the_file(shop: ShopServer, tmp_path: Path) -> None:
    parcel = package(tmp_path, {"picture.webp": b"x"})
    with pytest.raises(TargetUnavailable, match=r"/absent cannot be read .*; check token_file$"):
        HttpTarget(shop.url, token_file=str(tmp_path / "absent")).find(parcel.key)


@pytest.mark.parametrize("base_url", ["ftp://shop", "shop.example", "", "file:///etc"])
def test_an_address_that_is_no_web_address_is_a_configuration_error(base_url: str) -> None:
    with pytest.raises(ConfigError, match="base_url"):
        HttpTarget(base_url)


def test_a_server_without_conditions_still_gets_the_newest_revision(tmp_path: Path) -> None:
    with ShopServer(conditions=False) as simple:
        target = HttpTarget(simple.url)
        first = package(tmp_path, {"picture.webp": b"1"}, capture=capture_id(1))
        second = package(tmp_path, {"picture.webp": b"2"}, capture=capture_id(2), revision=2)
        target.put(second.key, second.pictures)
        target.put(first.key, first.pictures)
        assert simple.objects["A-1/A-1_0.webp"] == b"2"


def test_a_server_that_is_replaced_under_our_hands_by_somebody_else_is_looked_at_again(
    target: HttpTarget, shop: ShopServer, tmp_path: Path
) -> None:
    """Another uploader's newer revision comes between our look and our write: ours steps aside."""
    first = package(tmp_path, {"picture.webp": b"1"}, capture=capture_id(1))
    second = package(tmp_path, {"picture.webp": b"2"}, capture=capture_id(2), revision=2)
    HttpTarget(shop.url).put(second.key, second.pictures)
    newer = dict(shop.objects)
    shop.objects.clear()
    shop.answers.append((412, {}))
    shop.objects.update(newer)
    target.put(first.key, first.pictures)
    assert shop.objects["A-1/A-1_0.webp"] == b"2"
