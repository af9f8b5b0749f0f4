"""The S3 storefront against moto's server: multipart, metadata, and errors."""

import os
from pathlib import Path

import pytest

from packshot.errors import TargetUnavailable
from packshot.storefront.targets.s3 import S3Target
from tests.support.bucket import Bucket, bucket, moto_server
from tests.support.mosquitto import free_port
from tests.support.shop_server import ShopServer
from tests.support.targets import capture_id, package

__all__ = ["bucket", "moto_server"]  # fixtures

MULTIPART_BYTES = 5 * 1024 * 1024


def test_a_large_file_travels_in_parts_and_arrives_whole(bucket: Bucket, tmp_path: Path) -> None:
    data = os.urandom(2 * MULTIPART_BYTES + 12_345)
    parcel = package(tmp_path, {"picture.webp": data})
    target = S3Target(bucket.name, prefix="media/", endpoint_url=bucket.endpoint_url, multipart_bytes=MULTIPART_BYTES)
    target.put(parcel.key, parcel.pictures)
    head = bucket.client.head_object(Bucket=bucket.name, Key="media/A-1/A-1_0.webp")
    assert head["ETag"].strip('"').endswith("-3"), "three parts"
    assert head["ContentType"] == "image/webp"
    assert head["Metadata"]["packshot-capture"] == parcel.key.capture_id
    assert bucket.objects()["A-1/A-1_0.webp"] == data
    assert target.find(parcel.key) is not None


def test_a_multipart_upload_that_fails_leaves_no_parts_to_pay_for(bucket: Bucket, tmp_path: Path) -> None:
    parcel = package(tmp_path, {"picture.webp": os.urandom(3_000_000)})
    target = S3Target(bucket.name, endpoint_url=bucket.endpoint_url, multipart_bytes=1_000_000)
    # Parts under 5 MiB are refused when the upload is completed.
    with pytest.raises(TargetUnavailable, match="EntityTooSmall"):
        target.put(parcel.key, parcel.pictures)
    assert not bucket.client.list_multipart_uploads(Bucket=bucket.name).get("Uploads")


def test_urls_are_those_of_the_web_server_where_one_is_configured(bucket: Bucket, tmp_path: Path) -> None:
    parcel = package(tmp_path, {"picture.webp": b"x"}, sku="A 1")
    target = S3Target(bucket.name, "media/", bucket.endpoint_url, base_url="https://cdn.example/")
    assert target.put(parcel.key, parcel.pictures).url == "https://cdn.example/media/A%201/A%201_0.webp"


def test_a_missing_bucket_is_unavailable_not_a_reason_to_give_a_picture_up(bucket: Bucket, tmp_path: Path) -> None:
    parcel = package(tmp_path, {"picture.webp": b"x"})
    with pytest.raises(TargetUnavailable):
        S3Target("no-such-bucket", endpoint_url=bucket.endpoint_url).put(parcel.key, parcel.pictures)


@pytest.mark.usefixtures("bucket")
def test_a_store_that_is_not_there_is_unavailable(tmp_path: Path) -> None:
    parcel = package(tmp_path, {"picture.webp": b"x"})
    with pytest.raises(TargetUnavailable, match="cannot be reached"):
        S3Target("shop", endpoint_url=f"http://127.0.0.1:{free_port()}", timeout_s=2).find(parcel.key)


@pytest.mark.usefixtures("bucket")
def test_a_sidecar_that_arrives_cut_short_lets_no_older_picture_in(tmp_path: Path) -> None:
    older = package(tmp_path, {"picture.webp": b"1"}, capture=capture_id(1))
    newer = package(tmp_path, {"picture.webp": b"2"}, capture=capture_id(2), revision=2)
    with ShopServer() as store:
        target = S3Target("shop", endpoint_url=store.url.removesuffix("/shop"))
        target.put(newer.key, newer.pictures)
        store.break_after = 100
        with pytest.raises(TargetUnavailable, match="broke off after 100 bytes"):
            target.put(older.key, older.pictures)
        assert store.objects["A-1/A-1_0.webp"] == b"2"
