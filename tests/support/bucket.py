"""A bucket on moto's S3 server, which speaks the real protocol on loopback."""

import importlib.util
import itertools
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

_numbers = itertools.count(1)


@dataclass(frozen=True)
class Bucket:
    """An empty bucket and a client to look into it."""

    name: str
    endpoint_url: str
    client: Any

    def keys(self) -> list[str]:
        """What lies there."""
        return [entry["Key"] for entry in self.client.list_objects_v2(Bucket=self.name).get("Contents", [])]

    def objects(self) -> dict[str, bytes]:
        """Keys without the prefix "media/" -> bytes."""
        return {
            key.removeprefix("media/"): self.client.get_object(Bucket=self.name, Key=key)["Body"].read()
            for key in self.keys()
        }


@pytest.fixture(scope="module")
def moto_server() -> Iterator[str]:
    for needed in ("boto3", "moto.server", "flask"):
        if importlib.util.find_spec(needed.split(".", 1)[0]) is None:
            pytest.skip(f"{needed} is not installed: pip install boto3 'moto[server]'")
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def bucket(moto_server: str, monkeypatch: pytest.MonkeyPatch) -> Bucket:
    import boto3

    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    client = boto3.client("s3", endpoint_url=moto_server)
    name = f"shop-{next(_numbers)}"
    client.create_bucket(Bucket=name)
    return Bucket(name, moto_server, client)
