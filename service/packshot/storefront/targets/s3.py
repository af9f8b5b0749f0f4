"""The storefront as a bucket of any S3-compatible store, with conditional writes and multipart for large files.

Needs the extra ``s3`` (boto3). Credentials come as boto3 finds them: environment, shared files, instance role.
"""

import base64
import contextlib
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import quote

from packshot.errors import ConfigError, TargetRefused, TargetUnavailable
from packshot.storefront.targets.objects import Conflict, ObjectTarget, Seen, Upload

MIB = 1024 * 1024
MAX_PARTS = 10_000  # S3's own limit
MAX_RECORD_BYTES = MIB
CONFLICT = frozenset({"PreconditionFailed", "ConditionalRequestConflict", "412", "409"})
MISSING = frozenset({"NoSuchKey", "NotFound", "404"})
PERMANENT = frozenset({"EntityTooLarge", "KeyTooLongError", "MetadataTooLarge", "InvalidRequest", "BadDigest"})
UNCONDITIONAL = frozenset({"NotImplemented", "501"})
FORBIDDEN = frozenset({"AccessDenied", "MethodNotAllowed", "401", "403", "405"})


class S3Target(ObjectTarget):
    """Options: ``bucket``; ``prefix`` of all keys; ``endpoint_url`` and ``region`` of the store; ``base_url`` where

    people find the objects; ``multipart_bytes``, above which a file travels in parts of that size (at least 5 MiB on
    most stores); ``timeout_s``.
    """

    def __init__(
        self,
        bucket: str,
        prefix: str = "",
        endpoint_url: str = "",
        region: str = "",
        base_url: str = "",
        multipart_bytes: int = 16 * MIB,
        timeout_s: float = 30.0,
    ) -> None:
        try:
            import boto3
            from botocore.config import Config
        except ImportError as error:
            raise ConfigError("the target s3 needs boto3; install packshot[s3]") from error
        config = Config(
            connect_timeout=timeout_s,
            read_timeout=timeout_s,
            retries={"max_attempts": 1},  # the uploader has a back-off of its own
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        )
        client = boto3.client("s3", endpoint_url=endpoint_url or None, region_name=region or None, config=config)
        super().__init__(
            _Bucket(client, bucket, prefix, base_url.rstrip("/"), multipart_bytes), f"s3:{bucket}/{prefix}"
        )


class _Bucket:
    """The ``ObjectStore`` on S3. boto3 clients may be shared by threads."""

    def __init__(self, client: Any, bucket: str, prefix: str, base_url: str, multipart_bytes: int) -> None:
        self._client = client
        self._bucket = bucket
        self._prefix = prefix
        self._base_url = base_url
        self._multipart_bytes = multipart_bytes

    def look(self, key: str) -> Seen | None:
        with _translated(f"{self._bucket}/{key}"), _missing_is_none():
            head = self._client.head_object(Bucket=self._bucket, Key=self._prefix + key)
            return Seen(head["ETag"], head["Metadata"].get("sha256", ""))
        return None

    def read(self, key: str) -> tuple[bytes, Seen] | None:
        with _translated(f"{self._bucket}/{key}"), _missing_is_none():
            answer = self._client.get_object(Bucket=self._bucket, Key=self._prefix + key)
            data = answer["Body"].read(MAX_RECORD_BYTES)
            if len(data) < min(answer["ContentLength"], MAX_RECORD_BYTES):  # boto3 says nothing of a body cut short
                raise TargetUnavailable(f"{self._bucket}/{key} broke off after {len(data)} bytes")
            return data, Seen(answer["ETag"], answer["Metadata"].get("sha256", ""))
        return None

    def write(self, upload: Upload) -> None:
        condition = _condition(upload.over)
        with _translated(f"{self._bucket}/{upload.key}"):
            try:
                self._send(upload, condition)
            except Exception as error:
                if not condition or _code(error) not in UNCONDITIONAL:
                    raise
                self._send(upload, {})  # a store from before conditional writes

    def delete(self, key: str, seen: Seen) -> None:
        where = {"Bucket": self._bucket, "Key": self._prefix + key}
        with _translated(f"{self._bucket}/{key}", PERMANENT | FORBIDDEN), _missing_is_none():
            try:
                self._client.delete_object(**where, IfMatch=seen.tag)
            except Exception as error:
                if _code(error) not in UNCONDITIONAL:
                    raise
                self._client.delete_object(**where)  # a store from before conditional deletes

    def url(self, key: str) -> str:
        name = quote(self._prefix + key)
        return f"{self._base_url}/{name}" if self._base_url else f"s3://{self._bucket}/{name}"

    def close(self) -> None:
        self._client.close()

    def _send(self, upload: Upload, condition: dict[str, str]) -> None:
        if upload.size_bytes > self._multipart_bytes and isinstance(upload.body, Path):
            self._send_in_parts(upload, upload.body, condition)
            return
        with contextlib.ExitStack() as stack:
            body = upload.body if isinstance(upload.body, bytes) else stack.enter_context(upload.body.open("rb"))
            self._client.put_object(
                Body=body,
                ContentLength=upload.size_bytes,
                ChecksumSHA256=base64.b64encode(bytes.fromhex(upload.sha256)).decode(),
                **self._what(upload),
                **condition,
            )

    def _send_in_parts(self, upload: Upload, path: Path, condition: dict[str, str]) -> None:
        where = {"Bucket": self._bucket, "Key": self._prefix + upload.key}
        upload_id = self._client.create_multipart_upload(**self._what(upload))["UploadId"]
        try:
            with path.open("rb") as file:
                parts = [
                    {"PartNumber": number, "ETag": self._send_part(where, upload_id, number, data)}
                    for number, data in enumerate(self._chunks(file, upload.size_bytes), 1)
                ]
            self._client.complete_multipart_upload(
                UploadId=upload_id, MultipartUpload={"Parts": parts}, **where, **condition
            )
        except BaseException:
            with contextlib.suppress(Exception):  # the store cleans up by its own rules; the first error matters
                self._client.abort_multipart_upload(UploadId=upload_id, **where)
            raise

    def _send_part(self, where: dict[str, str], upload_id: str, number: int, data: bytes) -> str:
        tag: str = self._client.upload_part(UploadId=upload_id, PartNumber=number, Body=data, **where)["ETag"]
        return tag

    def _chunks(self, file: BinaryIO, size: int) -> Iterator[bytes]:
        chunk_bytes = max(self._multipart_bytes, -(-size // MAX_PARTS))
        while data := file.read(chunk_bytes):
            yield data

    def _what(self, upload: Upload) -> dict[str, Any]:
        key = upload.delivery
        return {
            "Bucket": self._bucket,
            "Key": self._prefix + upload.key,
            "ContentType": upload.content_type,
            "Metadata": {
                "sha256": upload.sha256,
                "packshot-device": key.device_id,
                "packshot-capture": key.capture_id,
                "packshot-revision": str(key.revision),
            },
        }


@contextlib.contextmanager
def _translated(what: str, permanent: Collection[str] = PERMANENT) -> Iterator[None]:
    """boto3's errors as ours."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except ClientError as error:
        code = _code(error)
        if code in CONFLICT:
            raise Conflict(what) from error
        if code in permanent:
            raise TargetRefused(f"the object store refuses {what}: {error}") from error
        raise TargetUnavailable(f"the object store does not take {what} now: {error}") from error
    except (BotoCoreError, OSError) as error:
        raise TargetUnavailable(f"the object store cannot be reached for {what}: {error}") from error


@contextlib.contextmanager
def _missing_is_none() -> Iterator[None]:
    from botocore.exceptions import ClientError

    try:
        yield
    except ClientError as error:
        if _code(error) not in MISSING:
            raise


def _code(error: Exception) -> str:
    response: dict[str, Any] = getattr(error, "response", {})
    return str(response.get("Error", {}).get("Code", ""))


def _condition(over: Seen | None) -> dict[str, str]:
    return {"IfMatch": over.tag} if over is not None else {"IfNoneMatch": "*"}
