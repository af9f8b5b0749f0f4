"""An object store that takes PUT, HEAD and DELETE below one address."""

import base64
import ssl
from pathlib import Path
from urllib.parse import quote, urlsplit

from packshot.errors import BrokerError, ConfigError
from packshot.platform.web import Answer, Web

MISSING = frozenset({404, 405, 410, 501})


class HttpBlobs:
    """Options: ``base_url``; ``token_file`` (sent as Bearer token); ``ca_file``; ``timeout_s`` of silence."""

    def __init__(self, base_url: str, token_file: str = "", ca_file: str = "", timeout_s: float = 30.0) -> None:
        if urlsplit(base_url).scheme not in ("http", "https"):
            raise ConfigError(f"outbox.store.base_url {base_url!r} is no http or https address")
        try:
            context = ssl.create_default_context(cafile=ca_file or None)
        except (OSError, ssl.SSLError) as error:
            raise ConfigError(f"outbox.store.ca_file {ca_file} cannot be used: {error}") from error
        self._base = base_url.rstrip("/")
        self._web = Web(Path(token_file) if token_file else None, context, timeout_s)

    def store(self, key: str, path: Path, size_bytes: int, sha256: str, content_type: str) -> None:
        """See ``blobs.port.BlobStore``. What lies there counts as ours if its length is right: keys name contents."""
        seen = self._ask("HEAD", key)
        if seen.ok and seen.headers.get("Content-Length") == str(size_bytes):
            return
        headers = {
            "Content-Type": content_type,
            "Content-Length": str(size_bytes),
            "Content-Digest": f"sha-256=:{base64.b64encode(bytes.fromhex(sha256)).decode()}:",
        }
        with path.open("rb") as file:
            answer = self._ask("PUT", key, headers, file)
        if not answer.ok:
            raise BrokerError(f"PUT {self.url(key)} was answered with {answer.reason}; check outbox.store")

    def url(self, key: str) -> str:
        """See ``blobs.port.BlobStore``."""
        return f"{self._base}/{quote(key)}"

    def remove(self, key: str) -> None:
        """See ``blobs.port.BlobStore``."""
        self._ask("DELETE", key)

    def close(self) -> None:
        """See ``blobs.port.BlobStore``; every request has its own connection."""

    def _ask(self, method: str, key: str, headers: dict[str, str] | None = None, body: object = None) -> Answer:
        try:
            answer = self._web.ask(method, self.url(key), headers, body)
        except OSError as error:
            raise BrokerError(str(error)) from error
        if answer.ok or answer.status in MISSING:
            return answer
        raise BrokerError(f"{method} {self.url(key)} was answered with {answer.reason}; check outbox.store")
