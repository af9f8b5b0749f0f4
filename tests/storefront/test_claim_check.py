"""Delivery by address: the bytes travel through an object store, the broker sees only the offer."""

import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from packshot.blobs.http import HttpBlobs
from packshot.blobs.s3 import S3Blobs
from packshot.domain import Capture, Stage
from packshot.errors import ConfigError
from packshot.messages import Offer, OfferedArtefact
from packshot.platform.web import Web
from packshot.storefront.delivery.downloads import Downloads
from packshot.storefront.delivery.gathering import Gathering
from packshot.storefront.delivery.reasons import NotNow
from tests.support.bucket import Bucket, bucket, moto_server
from tests.support.delivery import Rig
from tests.support.mosquitto import Broker
from tests.support.shop_server import ShopServer
from tests.support.waiting import eventually

__all__ = ["bucket", "moto_server"]  # fixtures


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    # Far too small for pictures: whatever arrives did not come this way.
    with Broker(tmp_path, global_options=("max_packet_size 4096",)) as running:
        yield running


@pytest.fixture
def rig(tmp_path: Path, broker: Broker) -> Iterator[Rig]:
    made = Rig(tmp_path, broker)
    yield made
    made.close()


@pytest.fixture
def store() -> Iterator[ShopServer]:
    with ShopServer() as running:
        yield running


def blob_names(store: ShopServer) -> set[str]:
    return set(store.objects)


def test_the_bytes_go_through_the_store_and_are_removed_after_the_receipt(rig: Rig, store: ShopServer) -> None:
    data = os.urandom(2_000_000)
    rig.uploader(url_prefixes=(store.url,)).start()
    rig.box(blobs=HttpBlobs(store.url)).start()
    capture = rig.cut({"picture.webp": data, "empty.png": b""}, sku="A-1")
    rig.wait_receipted([capture])
    assert rig.pictures() == {"A-1/A-1_0.webp": data, "A-1/A-1_0.empty.png": b""}
    eventually(lambda: not blob_names(store), "the copies to go")
    assert len(store.requests("PUT")) == 1


def test_a_bucket_serves_by_signed_addresses(rig: Rig, bucket: Bucket) -> None:
    data = os.urandom(500_000)
    rig.uploader(url_prefixes=(bucket.endpoint_url,)).start()
    rig.box(blobs=S3Blobs(bucket.name, prefix="media/", endpoint_url=bucket.endpoint_url)).start()
    capture = rig.cut({"picture.webp": data}, sku="A-1")
    rig.wait_receipted([capture])
    assert rig.pictures() == {"A-1/A-1_0.webp": data}
    eventually(lambda: not bucket.keys(), "the copies to go")


def test_a_download_that_breaks_off_goes_on_where_it_was(rig: Rig, store: ShopServer) -> None:
    store.break_after = 300_000
    data = os.urandom(1_000_000)
    rig.uploader(url_prefixes=(store.url,)).start()
    rig.box(blobs=HttpBlobs(store.url), lease_s=5.0).start()
    capture = rig.cut({"picture.webp": data}, sku="A-1")
    rig.wait_receipted([capture])
    assert rig.pictures() == {"A-1/A-1_0.webp": data}
    ranges = [request.headers.get("Range", "") for request in store.requests("GET")]
    assert ranges == ["", "bytes=300000-", "bytes=600000-", "bytes=900000-"]


def test_a_store_that_is_away_delays_the_offer_and_loses_nothing(rig: Rig, store: ShopServer) -> None:
    store.answers.extend([(503, {}), (500, {})])
    rig.uploader(url_prefixes=(store.url,)).start()
    box = rig.box(blobs=HttpBlobs(store.url)).start()
    capture = rig.cut({"picture.webp": b"x" * 1000}, sku="A-1")
    rig.wait_receipted([capture])
    assert len(store.requests("PUT")) == 3
    eventually(lambda: box.stages(capture) == [Stage.OFFERED, Stage.CLAIMED, Stage.RECEIPTED])


def test_addresses_outside_the_allowed_stores_are_not_fetched(rig: Rig, store: ShopServer) -> None:
    """A box that was broken into must not make the uploader ask addresses inside the shop's network."""
    for prefixes in ((), ("http://127.0.0.1:1/shop",), (store.url + "x",), (store.url[:-1],)):
        rig.uploader(f"u{len(rig.uploaders)}", url_prefixes=prefixes).start()
    box = rig.box(blobs=HttpBlobs(store.url), lease_s=1.0).start()
    capture = rig.cut({"picture.webp": b"x" * 1000}, sku="A-1")
    eventually(lambda: box.stages(capture).count(Stage.CLAIMED) >= 1)
    eventually(lambda: Stage.OFFERED in box.stages(capture)[2:], "the offer's repetition")
    assert store.requests("GET") == []
    rig.uploader("trusting", url_prefixes=(store.url,)).start()
    rig.wait_receipted([capture])


@pytest.mark.parametrize("way", ["../admin", "%2e%2e/admin", "x/..%2F..%2Fadmin", "./x", "..%5Cadmin"])
def test_addresses_that_climb_out_of_the_allowed_store_are_not_fetched(
    tmp_path: Path, store: ShopServer, way: str
) -> None:
    downloads = Downloads(Web(), (store.url,), threading.Event())
    artefact = OfferedArtefact("picture.webp", "picture", "0" * 64, 5, "image/webp", url=f"{store.url}/{way}")
    offer = Offer(sku="A-1", angle=0, revision=1, supersedes=None, artefacts=[artefact])
    with pytest.raises(NotNow, match="url_prefixes"):
        downloads.fetch(offer, Gathering(tmp_path / "work", offer.artefacts))
    assert store.requests("GET") == []


def test_a_store_that_serves_other_bytes_than_offered_delivers_nothing(rig: Rig, store: ShopServer) -> None:
    capture = rig.cut({"picture.webp": b"x" * 1000}, sku="A-1")
    (artefact,) = capture.deliverables()
    key = f"studio-1/{capture.capture_id}/{artefact.sha256}"
    store.objects[key] = b"y" * 1000  # the right length, so the box trusts it
    rig.uploader(url_prefixes=(store.url,)).start()
    rig.box(blobs=HttpBlobs(store.url)).start()
    eventually(lambda: len(store.requests("GET")) >= 3)
    assert rig.pictures() == {}
    store.objects[key] = b"x" * 1000
    rig.wait_receipted([capture])
    assert rig.pictures() == {"A-1/A-1_0.webp": b"x" * 1000}


def test_a_damaged_file_on_the_box_fails_before_it_is_uploaded(rig: Rig, store: ShopServer) -> None:
    capture = rig.cut({"picture.webp": b"x" * 1000}, sku="A-1")
    rig.spool.path(capture.capture_id, "picture.webp").write_bytes(b"z" * 1000)
    rig.box(blobs=HttpBlobs(store.url)).start()
    rig.wait_stage([capture], Stage.FAILED)
    assert not store.requests("PUT")


def test_after_a_restart_of_the_box_nothing_is_uploaded_twice(rig: Rig, store: ShopServer) -> None:
    capture = rig.cut({"picture.webp": b"x" * 1000}, sku="A-1")
    first = rig.box(blobs=HttpBlobs(store.url)).start()
    eventually(lambda: Stage.OFFERED in first.stages(capture))
    first.close()
    rig.box(blobs=HttpBlobs(store.url)).start()
    rig.uploader(url_prefixes=(store.url,)).start()
    rig.wait_receipted([capture])
    assert len(store.requests("PUT")) == 1


def staged(rig: Rig, store: ShopServer, count: int = 1) -> list[Capture]:
    """Captures whose copies lie in the store, and nobody who fetches them."""
    captures = [rig.cut({"picture.webp": b"x" * 1000}, sku=f"A-{number}") for number in range(count)]
    rig.box(blobs=HttpBlobs(store.url)).start()
    eventually(lambda: len(blob_names(store)) == count)
    return captures


def test_copies_of_a_capture_that_was_cancelled_are_removed(rig: Rig, store: ShopServer) -> None:
    cancelled, kept = staged(rig, store, 2)
    rig.spool.advance(cancelled.capture_id, Stage.CANCELLED)
    eventually(lambda: len(blob_names(store)) == 1, "the copy to go")
    (name,) = blob_names(store)
    assert kept.capture_id in name


def test_copies_of_a_capture_that_was_purged_while_the_box_was_off_are_removed(rig: Rig, store: ShopServer) -> None:
    (capture,) = staged(rig, store)
    rig.boxes.pop().close()
    rig.spool.advance(capture.capture_id, Stage.CANCELLED)
    rig.spool.purge(capture.capture_id)
    assert blob_names(store)
    rig.box(blobs=HttpBlobs(store.url)).start()
    eventually(lambda: not blob_names(store), "the copy to go")


def test_copies_that_cannot_be_removed_now_are_removed_later(rig: Rig, store: ShopServer) -> None:
    (capture,) = staged(rig, store)
    store.refuse_deletes = 3
    rig.spool.advance(capture.capture_id, Stage.CANCELLED)
    eventually(lambda: len(store.requests("DELETE")) >= 4)
    eventually(lambda: not blob_names(store), "the copy to go")


def test_a_copy_that_the_store_lost_is_made_again(rig: Rig, store: ShopServer) -> None:
    """Buckets have rules of expiry of their own, and uploaders can be away for longer."""
    (capture,) = staged(rig, store)
    store.objects.clear()
    rig.uploader(url_prefixes=(store.url,)).start()
    rig.wait_receipted([capture])
    assert rig.pictures() == {"A-0/A-0_0.webp": b"x" * 1000}


@pytest.mark.parametrize("make", [lambda: HttpBlobs("ftp://x"), lambda: HttpBlobs("https://x", ca_file="/absent")])
def test_options_that_cannot_work_are_configuration_errors(make: Callable[[], Any]) -> None:
    with pytest.raises(ConfigError):
        make()
