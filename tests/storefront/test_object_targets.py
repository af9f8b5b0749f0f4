"""What web servers and buckets share: several uploaders at once, and outages, on a server that speaks to both."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from packshot.errors import TargetUnavailable
from packshot.storefront.targets.http import HttpTarget
from packshot.storefront.targets.port import Target
from packshot.storefront.targets.record import decode_record
from packshot.storefront.targets.s3 import S3Target
from tests.support.shop_server import ShopServer
from tests.support.targets import Package, capture_id, package

SIDECAR, JPEG, WEBP = "A-1/A-1_0.packshot.json", "A-1/A-1_0.jpg", "A-1/A-1_0.webp"


@dataclass
class _Books(ShopServer):
    """Notices when what was complete is pending again."""

    undone: bool = False

    def store(self, name: str, body: bytes) -> None:
        former = decode_record(self.objects.get(name, b""))
        record = decode_record(body)
        if former is not None and record is not None:
            self.undone |= record.pending and not former.pending and former.capture_id == record.capture_id
        super().store(name, body)


@dataclass
class _Interruption:
    """Does something once, before so many further requests have been looked at."""

    moment: int
    action: Callable[[], object]
    requests: int = 0

    def __call__(self) -> None:
        self.requests += 1
        if self.requests == self.moment + 1:
            self.action()


@dataclass
class _Outage:
    """Every PUT after so many is answered with 503."""

    shop: ShopServer
    puts: int

    def __call__(self) -> None:
        if len(self.shop.requests("PUT")) >= self.puts and not self.shop.answers:
            self.shop.answers.append((503, {}))


@pytest.fixture
def shop() -> Iterator[_Books]:
    with _Books() as running:
        yield running


@pytest.fixture(params=["http", "s3"])
def target(request: pytest.FixtureRequest, shop: ShopServer, monkeypatch: pytest.MonkeyPatch) -> Target:
    if request.param == "http":
        return HttpTarget(shop.url)
    pytest.importorskip("boto3")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    return S3Target("shop", endpoint_url=shop.url.removesuffix("/shop"), region="us-east-1")


@dataclass(frozen=True)
class Retakes:
    """Photos of one product in the order of their revisions; the second is in another format."""

    first: Package
    second: Package
    third: Package


@pytest.fixture
def retakes(tmp_path: Path) -> Retakes:
    return Retakes(
        package(tmp_path, {"picture.jpg": b"1"}, capture=capture_id(1)),
        package(tmp_path, {"picture.webp": b"2"}, capture=capture_id(2), revision=2),
        package(tmp_path, {"picture.jpg": b"3"}, capture=capture_id(3), revision=3),
    )


def put(target: Target, parcel: Package) -> None:
    target.put(parcel.key, parcel.pictures)


def shown(shop: ShopServer) -> list[str]:
    return sorted(name for name in shop.objects if ".superseded" not in name)


def put_in_vain(target: Target, shop: ShopServer, parcel: Package, writes: int) -> None:
    """The storefront goes away after so many writes, and comes back."""
    shop.before = _Outage(shop, len(shop.requests("PUT")) + writes)
    with pytest.raises(TargetUnavailable):
        put(target, parcel)
    shop.before = lambda: None
    shop.answers.clear()


def at_every_moment(
    shop: ShopServer, target: Target, before: list[Package], delivered: Package, in_between: Package
) -> Iterator[int]:
    """One delivery, with another one in between before its first request, its second, and so on; then yields."""
    moment, interrupted = 0, True
    while interrupted:
        shop.objects.clear()
        for parcel in before:
            put(target, parcel)
        interruption = _Interruption(moment, lambda: put(target, in_between))
        shop.before = interruption
        put(target, delivered)
        shop.before = lambda: None
        interrupted = interruption.requests > moment
        if interrupted:
            yield moment
        moment += 1


@pytest.mark.parametrize("target", ["http"], indirect=True)
@pytest.mark.parametrize("late", [False, True])
def test_another_uploader_that_is_faster_at_any_moment_is_not_undone(
    target: Target, shop: _Books, retakes: Retakes, late: bool
) -> None:
    """What one has completed is never again "not all written yet": the other may be killed before it is complete."""
    before = [retakes.second] if late else []
    moments = list(at_every_moment(shop, target, before, retakes.first, retakes.first))
    assert len(moments) > 8
    assert not shop.undone


def test_a_newer_picture_that_comes_at_any_moment_stays(target: Target, shop: ShopServer, retakes: Retakes) -> None:
    """Whoever removes a former picture leaves the one that has taken its name meanwhile."""
    moments = 0
    for moment in at_every_moment(shop, target, [retakes.first], retakes.second, retakes.third):
        assert (moment, shown(shop), shop.objects[JPEG]) == (moment, [JPEG, SIDECAR], b"3")
        assert target.find(retakes.third.key) is not None
        moments += 1
    assert moments > 10


@pytest.mark.parametrize("target", ["http"], indirect=True)
def test_an_older_picture_in_another_format_never_stays_beside_a_newer_one(
    target: Target, shop: ShopServer, retakes: Retakes
) -> None:
    moments = 0
    for moment in at_every_moment(shop, target, [], retakes.first, retakes.second):
        assert (moment, shown(shop), shop.objects[WEBP]) == (moment, [SIDECAR, WEBP], b"2")
        moments += 1
    assert moments > 6


def test_what_is_shown_stays_until_the_newer_picture_is_complete(
    target: Target, shop: ShopServer, retakes: Retakes, tmp_path: Path
) -> None:
    """The newest one's uploader was killed, and an older one in the format of what is shown comes late."""
    late = package(tmp_path, {"picture.jpg": b"late"}, capture=capture_id(0))
    put(target, retakes.first)
    put_in_vain(target, shop, retakes.second, writes=1)
    put(target, late)
    assert shop.objects[JPEG] == b"1"
    put(target, retakes.second)
    assert shown(shop) == [SIDECAR, WEBP]


@pytest.mark.parametrize("writes", [0, 1, 2])
def test_a_retake_in_another_format_that_takes_two_attempts_leaves_no_former_picture(
    target: Target, shop: ShopServer, retakes: Retakes, writes: int
) -> None:
    put(target, retakes.first)
    put_in_vain(target, shop, retakes.second, writes)
    put(target, retakes.second)
    assert shown(shop) == [SIDECAR, WEBP]


def test_a_former_picture_that_cannot_be_removed_now_is_removed_at_the_next_attempt(
    target: Target, shop: ShopServer, retakes: Retakes
) -> None:
    put(target, retakes.first)
    shop.refuse_deletes = 100
    with pytest.raises(TargetUnavailable):
        put(target, retakes.second)
    shop.refuse_deletes = 0
    assert target.find(retakes.second.key) is None
    put(target, retakes.second)
    assert shown(shop) == [SIDECAR, WEBP]


@pytest.mark.parametrize("status", [401, 403, 405])
def test_a_shop_that_lets_nothing_be_removed_takes_the_retake_all_the_same(
    target: Target, shop: ShopServer, retakes: Retakes, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    put(target, retakes.first)
    shop.forbid_deletes = status
    put(target, retakes.second)
    assert "former picture stays" in caplog.text
    assert shop.objects[WEBP] == b"2"
    assert target.find(retakes.second.key) is not None
