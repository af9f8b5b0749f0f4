"""A bucket of an S3-compatible store; uploaders get signed addresses and need no credentials. Needs extra ``s3``."""

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from packshot.errors import BrokerError, ConfigError

MISSING = frozenset({"NoSuchKey", "NotFound", "404"})


class S3Blobs:
    """Options: ``bucket``; ``prefix`` of all keys; ``endpoint_url`` and ``region``; ``signed_s``, how long an address

    works (the box makes a new one for every offer); ``timeout_s`` of silence. Credentials come as boto3 finds them.
    """

    def __init__(
        self,
        bucket: str,
        prefix: str = "",
        endpoint_url: str = "",
        region: str = "",
        signed_s: int = 24 * 3600,
        timeout_s: float = 30.0,
    ) -> None:
        try:
            import boto3
            from botocore.config import Config
        except ImportError as error:
            raise ConfigError("outbox.store s3 needs boto3; install packshot[s3]") from error
        config = Config(connect_timeout=timeout_s, read_timeout=timeout_s, retries={"max_attempts": 1})
        self._client = boto3.client("s3", endpoint_url=endpoint_url or None, region_name=region or None, config=config)
        self._bucket = bucket
        self._prefix = prefix
        self._signed_s = signed_s

    def store(self, key: str, path: Path, size_bytes: int, sha256: str, content_type: str) -> None:
        """See ``blobs.port.BlobStore``."""
        with _unavailable():
            if self._size(key) == size_bytes:
                return
            with path.open("rb") as file:
                self._client.put_object(
                    Body=file,
                    ContentLength=size_bytes,
                    ContentType=content_type,
                    ChecksumSHA256=base64.b64encode(bytes.fromhex(sha256)).decode(),
                    **self._where(key),
                )

    def url(self, key: str) -> str:
        """See ``blobs.port.BlobStore``."""
        with _unavailable():
            address: str = self._client.generate_presigned_url(
                "get_object", Params=self._where(key), ExpiresIn=self._signed_s
            )
            return address

    def remove(self, key: str) -> None:
        """See ``blobs.port.BlobStore``."""
        with _unavailable():
            self._client.delete_object(**self._where(key))

    def close(self) -> None:
        """See ``blobs.port.BlobStore``."""
        self._client.close()

    def _size(self, key: str) -> int | None:
        from botocore.exceptions import ClientError

        try:
            size: int = self._client.head_object(**self._where(key))["ContentLength"]
            return size
        except ClientError as error:
            if error.response["Error"]["Code"] in MISSING:
                return None
            raise

    def _where(self, key: str) -> dict[str, Any]:
        return {"Bucket": self._bucket, "Key": self._prefix + key}


@contextmanager
def _unavailable() -> Iterator[None]:
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except (BotoCoreError, ClientError, OSError) as error:
        raise BrokerError(f"the object store of the outbox does not answer as it should: {error}") from error
