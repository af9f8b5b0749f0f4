"""What every storefront must do, for each target."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from packshot.storefront.targets.folder import FolderTarget
from packshot.storefront.targets.http import HttpTarget
from packshot.storefront.targets.port import Target
from packshot.storefront.targets.s3 import S3Target
from tests.support.bucket import Bucket, bucket, moto_server
from tests.support.shop_server import ShopServer
from tests.support.targets import Shop, capture_id, package


@pytest.fixture
def folder_shop(tmp_path: Path) -> Shop:
    root = tmp_path / "shop"

    def files(former: bool) -> dict[str, bytes]:
        return {
            path.relative_to(root).as_posix(): path.read_bytes()
            for path in sorted(root.rglob("*"))
            if path.is_file() and not path.name.endswith(".packshot.json") and (".superseded" in path.parts) is former
        }

    return Shop(lambda: FolderTarget(str(root)), lambda: files(False), lambda: list(files(True).values()))


__all__ = ["bucket", "moto_server"]  # fixtures


def of_objects(objects: Callable[[], dict[str, bytes]], make: Callable[[], Target]) -> Shop:
    def shown(former: bool) -> dict[str, bytes]:
        return {
            key: data
            for key, data in objects().items()
            if not key.endswith(".packshot.json") and (".superseded" in key) is former
        }

    return Shop(make, lambda: shown(False), lambda: list(shown(True).values()))


@pytest.fixture
def http_shop() -> Iterator[Shop]:
    with ShopServer() as server:
        yield of_objects(lambda: dict(server.objects), lambda: HttpTarget(server.url))


@pytest.fixture
def webdav_shop() -> Iterator[Shop]:
    with ShopServer(folders=True) as server:
        yield of_objects(lambda: dict(server.objects), lambda: HttpTarget(server.url))


@pytest.fixture
def s3_shop(bucket: Bucket) -> Shop:
    return of_objects(bucket.objects, lambda: S3Target(bucket.name, prefix="media/", endpoint_url=bucket.endpoint_url))


@pytest.fixture(params=["folder", "http", "webdav", "s3"])
def shop(request: pytest.FixtureRequest) -> Shop:
    made: Shop = request.getfixturevalue(f"{request.param}_shop")
    return made


@pytest.fixture
def target(shop: Shop) -> Iterator[Target]:
    made = shop.make()
    yield made
    made.close()


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    folder = tmp_path / "sources"
    folder.mkdir()
    return folder


def test_nothing_is_found_in_an_empty_shop(target: Target, sources: Path) -> None:
    assert target.find(package(sources, {"picture.webp": b"x"}).key) is None


def test_what_was_put_is_shown_and_found(target: Target, shop: Shop, sources: Path) -> None:
    parcel = package(sources, {"picture.webp": b"shown", "cutout.png": b"full size"}, sku="A-1", angle=3)
    stored = target.put(parcel.key, parcel.pictures)
    assert shop.shown() == {"A-1/A-1_3.webp": b"shown", "A-1/A-1_3.cutout.png": b"full size"}
    assert target.find(parcel.key) == stored
    assert stored.storefront_id.endswith("A-1/A-1_3.webp")


def test_another_uploader_finds_what_the_first_one_put(target: Target, shop: Shop, sources: Path) -> None:
    parcel = package(sources, {"picture.webp": b"x"})
    stored = target.put(parcel.key, parcel.pictures)
    other = shop.make()
    assert other.find(parcel.key) == stored
    other.close()


def test_putting_the_same_delivery_twice_leaves_one_picture(target: Target, shop: Shop, sources: Path) -> None:
    parcel = package(sources, {"picture.webp": b"x"})
    assert target.put(parcel.key, parcel.pictures) == target.put(parcel.key, parcel.pictures)
    assert shop.shown() == {"A-1/A-1_0.webp": b"x"}
    assert shop.former() == []


def test_a_retake_supersedes_the_former_picture(target: Target, shop: Shop, sources: Path) -> None:
    first = package(sources, {"picture.webp": b"first"}, capture=capture_id(1))
    second = package(sources, {"picture.webp": b"second"}, capture=capture_id(2), revision=2)
    target.put(first.key, first.pictures)
    target.put(second.key, second.pictures)
    assert shop.shown() == {"A-1/A-1_0.webp": b"second"}
    assert target.find(second.key) is not None


def test_an_older_revision_that_arrives_late_does_not_come_up(target: Target, shop: Shop, sources: Path) -> None:
    first = package(sources, {"picture.webp": b"first"}, capture=capture_id(1))
    second = package(sources, {"picture.webp": b"second"}, capture=capture_id(2), revision=2)
    newest = target.put(second.key, second.pictures)
    target.put(first.key, first.pictures)
    assert shop.shown() == {"A-1/A-1_0.webp": b"second"}
    assert target.find(second.key) == newest
    assert target.find(first.key) is not None, "it counts as delivered all the same"


def test_the_revision_decides_whatever_the_ids_say(target: Target, shop: Shop, sources: Path) -> None:
    second = package(sources, {"picture.webp": b"second"}, capture=capture_id(1), revision=2)
    first = package(sources, {"picture.webp": b"first"}, capture=capture_id(2), revision=1)
    target.put(second.key, second.pictures)
    target.put(first.key, first.pictures)
    assert shop.shown() == {"A-1/A-1_0.webp": b"second"}


def test_a_box_that_lost_its_spool_and_counts_from_one_again_is_no_latecomer(
    target: Target, shop: Shop, sources: Path
) -> None:
    old = package(sources, {"picture.webp": b"old"}, capture=capture_id(0), revision=5)
    new = package(sources, {"picture.webp": b"new"}, capture=capture_id(600), revision=1)
    target.put(old.key, old.pictures)
    target.put(new.key, new.pictures)
    assert shop.shown() == {"A-1/A-1_0.webp": b"new"}


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_of_two_boxes_the_later_photo_is_shown_in_whatever_order_they_come(
    target: Target, shop: Shop, sources: Path, order: tuple[int, int]
) -> None:
    parcels = [
        package(sources, {"picture.webp": b"early"}, device="studio-1", capture=capture_id(1)),
        package(sources, {"picture.webp": b"late"}, device="studio-2", capture=capture_id(2)),
    ]
    for number in order:
        target.put(parcels[number].key, parcels[number].pictures)
    assert shop.shown() == {"A-1/A-1_0.webp": b"late"}


def test_a_retake_in_another_format_leaves_no_former_picture_beside_it(
    target: Target, shop: Shop, sources: Path
) -> None:
    first = package(sources, {"picture.webp": b"first", "mask.png": b"m"}, capture=capture_id(1))
    second = package(sources, {"picture.jpg": b"second"}, capture=capture_id(2), revision=2)
    target.put(first.key, first.pictures)
    target.put(second.key, second.pictures)
    assert shop.shown() == {"A-1/A-1_0.jpg": b"second"}


def test_angles_and_products_do_not_replace_each_other(target: Target, shop: Shop, sources: Path) -> None:
    for number, (sku, angle) in enumerate([("A-1", 0), ("A-1", 1), ("A-10", 0), ("", 0)]):
        parcel = package(sources, {"picture.webp": bytes([number])}, capture=capture_id(number), sku=sku, angle=angle)
        target.put(parcel.key, parcel.pictures)
    assert len(shop.shown()) == 4


@pytest.mark.parametrize("sku", ["Übergröße 42", "a%2Fb", "x#y&z=1", "100 %", "日本", "con", "ÅÄÖ+"])
def test_odd_but_lawful_skus_are_stored_and_found(target: Target, shop: Shop, sources: Path, sku: str) -> None:
    parcel = package(sources, {"picture.webp": b"x"}, sku=sku)
    target.put(parcel.key, parcel.pictures)
    assert list(shop.shown().values()) == [b"x"]
    assert target.find(parcel.key) is not None


@pytest.mark.parametrize("sku", ["../../etc", "a/b", "..", ".", "a\\b", "a\x00b", "\n", "/abs", "a" * 300])
def test_no_sku_leads_out_of_the_shop(target: Target, shop: Shop, sources: Path, tmp_path: Path, sku: str) -> None:
    before = {path for path in tmp_path.rglob("*") if "shop" not in path.parts}
    parcel = package(sources, {"picture.webp": b"x"}, sku=sku)
    target.put(parcel.key, parcel.pictures)
    assert list(shop.shown().values()) == [b"x"]
    assert {path for path in tmp_path.rglob("*") if "shop" not in path.parts} - before <= set(sources.iterdir())
    assert target.find(parcel.key) is not None


def test_artefacts_with_like_names_keep_their_own_files(target: Target, shop: Shop, sources: Path) -> None:
    files = {"p.webp": b"1", "a.png": b"2", "a": b"3", "packshot.json": b"4", "a-2.png": b"5"}
    parcel = package(sources, files)
    target.put(parcel.key, parcel.pictures)
    assert sorted(shop.shown().values()) == [b"1", b"2", b"3", b"4", b"5"]
    assert target.find(parcel.key) is not None


def test_several_uploaders_at_once_leave_the_newest_picture_whole(target: Target, shop: Shop, sources: Path) -> None:
    parcels = [
        package(
            sources,
            {"picture.webp": b"%d" % number * 1000, "cutout.png": b"c%d" % number * 1000},
            capture=capture_id(number),
            revision=number,
        )
        for number in range(1, 9)
    ]
    with ThreadPoolExecutor(4) as pool:
        for result in [pool.submit(target.put, parcel.key, parcel.pictures) for parcel in parcels * 2]:
            result.result()
    assert shop.shown() == {"A-1/A-1_0.webp": b"8" * 1000, "A-1/A-1_0.cutout.png": b"c8" * 1000}


def test_an_empty_artefact_is_stored(target: Target, shop: Shop, sources: Path) -> None:
    parcel = package(sources, {"picture.webp": b""})
    target.put(parcel.key, parcel.pictures)
    assert shop.shown() == {"A-1/A-1_0.webp": b""}


def test_closing_twice_is_harmless(target: Target) -> None:
    target.close()
    target.close()
