"""The storefront as a web server that takes PUT: WebDAV, nginx, an object gateway, a shop's own interface.

``HEAD`` and ``PUT <base>/<key>`` with ``Idempotency-Key`` (draft-ietf-httpapi-idempotency-key-header),
``Content-Digest`` (RFC 9530), ``If-Match`` / ``If-None-Match`` (RFC 9110) and headers that say what the picture is of.
"""

import base64
import contextlib
import hashlib
import re
import ssl
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from packshot.errors import ConfigError, TargetRefused, TargetUnavailable
from packshot.platform.web import Answer, Web
from packshot.storefront.targets.objects import Conflict, ObjectTarget, Seen, Upload

MISSING = frozenset({404, 405, 410, 501})  # the last two: a server that has no HEAD, GET or DELETE
CONFLICT = 412
NO_DELETE = frozenset({401, 405, 501})  # of a server that let us write just now
NO_PARENT = 409  # how WebDAV says that the folder above is missing (RFC 4918, 9.7.1)
PERMANENT = frozenset({400, 403, 404, 410, 411, 413, 414, 415, 422, 451})
DIGEST = re.compile(r"sha-256=:([A-Za-z0-9+/=]{44}):")


class HttpTarget(ObjectTarget):
    """Options: ``base_url``; ``token_file`` (its content is sent as Bearer token); ``headers``; ``ca_file``;

    ``timeout_s`` for connecting and for every silence of the server.
    """

    def __init__(
        self,
        base_url: str,
        token_file: str = "",
        headers: Mapping[str, str] | None = None,
        ca_file: str = "",
        timeout_s: float = 30.0,
    ) -> None:
        if urlsplit(base_url).scheme not in ("http", "https"):
            raise ConfigError(f"uploader.options.base_url {base_url!r} is no http or https address")
        try:
            context = ssl.create_default_context(cafile=ca_file or None)
        except (OSError, ssl.SSLError) as error:
            raise ConfigError(f"uploader.options.ca_file {ca_file} cannot be used: {error}") from error
        base = base_url.rstrip("/")
        web = Web(Path(token_file) if token_file else None, context, timeout_s)
        super().__init__(_Server(base, web, dict(headers or {})), f"http:{base}")


@dataclass(frozen=True)
class _Server:
    """The ``ObjectStore`` on HTTP."""

    base: str
    web: Web
    headers: Mapping[str, str] = field(repr=False)  # may hold secrets

    def look(self, key: str) -> Seen | None:
        answer = self._ask("HEAD", key, allowed=MISSING)
        return None if answer.status in MISSING else _seen(answer)

    def read(self, key: str) -> tuple[bytes, Seen] | None:
        answer = self._ask("GET", key, allowed=MISSING)
        return None if answer.status in MISSING else (answer.body, _seen(answer))

    def write(self, upload: Upload) -> None:
        headers = {
            "Content-Type": upload.content_type,
            "Content-Length": str(upload.size_bytes),
            "Content-Digest": f"sha-256=:{base64.b64encode(bytes.fromhex(upload.sha256)).decode()}:",
            "Idempotency-Key": f'"{_idempotency_key(upload)}"',
            **_condition(upload.over),
            **_about(upload),
        }
        if self._put(upload, headers).status == NO_PARENT:
            self._make_parents(upload.key)
            if self._put(upload, headers).status == NO_PARENT:
                raise Conflict(upload.key)

    def _put(self, upload: Upload, headers: Mapping[str, str]) -> Answer:
        with contextlib.ExitStack() as stack:
            body = upload.body if isinstance(upload.body, bytes) else stack.enter_context(upload.body.open("rb"))
            return self._ask("PUT", upload.key, headers, body, allowed=frozenset({NO_PARENT}))

    def _make_parents(self, key: str) -> None:
        folders = key.split("/")[:-1]
        for depth in range(1, len(folders) + 1):
            self._ask("MKCOL", "/".join(folders[:depth]), allowed=MISSING | {NO_PARENT, 412})

    def delete(self, key: str, seen: Seen) -> None:
        self._ask("DELETE", key, _condition(seen), allowed=MISSING - NO_DELETE)

    def url(self, key: str) -> str:
        return f"{self.base}/{quote(key)}"

    def close(self) -> None:
        """Every request has its own connection."""

    def _ask(
        self,
        method: str,
        key: str,
        headers: Mapping[str, str] | None = None,
        body: Any = None,
        allowed: Collection[int] = (),
    ) -> Answer:
        url = self.url(key)
        try:
            answer = self.web.ask(method, url, {**self.headers, **(headers or {})}, body)
        except OSError as error:
            raise TargetUnavailable(str(error)) from error
        if answer.ok or answer.status in allowed:
            return answer
        raise _trouble(method, url, answer)


def _trouble(method: str, url: str, answer: Answer) -> Exception:
    text = f"{method} {url} was answered with {answer.reason}"
    if answer.status == CONFLICT and method in ("PUT", "DELETE"):
        return Conflict(text)
    if answer.status in PERMANENT or (method == "DELETE" and answer.status in NO_DELETE):
        return TargetRefused(text)
    if 300 <= answer.status < 400:
        return TargetUnavailable(f"{text} to {answer.headers.get('Location', '?')}; set uploader.options.base_url")
    return TargetUnavailable(text, answer.retry_after_s)


def _seen(answer: Answer) -> Seen:
    digests = f"{answer.headers.get('Repr-Digest', '')},{answer.headers.get('Content-Digest', '')}"
    found = DIGEST.search(digests)
    sha256 = base64.b64decode(found.group(1)).hex() if found else ""
    return Seen(tag=answer.headers.get("ETag", ""), sha256=sha256)


def _condition(over: Seen | None) -> dict[str, str]:
    if over is None:
        return {"If-None-Match": "*"}
    # A weak tag cannot be matched (RFC 9110, 13.1.1).
    return {"If-Match": over.tag} if over.tag and not over.tag.startswith("W/") else {}


def _about(upload: Upload) -> dict[str, str]:
    key = upload.delivery
    headers = {
        "Packshot-Device": key.device_id,
        "Packshot-Capture": key.capture_id,
        "Packshot-Revision": str(key.revision),
        "Packshot-SKU": quote(key.sku),
        "Packshot-Angle": str(key.angle),
        "Packshot-Supersedes": key.supersedes or "",
    }
    return {name: value for name, value in headers.items() if value}


def _idempotency_key(upload: Upload) -> str:
    """The same for every attempt to write these bytes there for this delivery."""
    key = upload.delivery
    text = "\0".join([key.device_id, key.capture_id, str(key.revision), upload.key, upload.sha256])
    return hashlib.sha256(text.encode()).hexdigest()[:32]
