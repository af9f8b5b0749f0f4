"""The storefront as a web server that takes PUT: WebDAV, nginx, an object gateway, a shop's own interface.

``HEAD`` and ``PUT <base>/<key>`` with ``Idempotency-Key`` (draft-ietf-httpapi-idempotency-key-header),
``Content-Digest`` (RFC 9530), ``If-Match`` / ``If-None-Match`` (RFC 9110) and headers that say what the picture is of.
"""

import base64
import contextlib
import hashlib
import http.client
import re
import ssl
import urllib.error
import urllib.request
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from packshot import __version__
from packshot.errors import ConfigError, TargetRefused, TargetUnavailable
from packshot.storefront.targets.objects import Conflict, ObjectTarget, Seen, Upload

MAX_ANSWER_BYTES = 1024 * 1024
MAX_RETRY_AFTER_S = 24 * 3600.0
MISSING = frozenset({404, 405, 410, 501})  # the last two: a server that has no HEAD, GET or DELETE
CONFLICT = 412
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
        super().__init__(_Server(base, token_file, dict(headers or {}), context, timeout_s), f"http:{base}")


@dataclass(frozen=True)
class _Answer:
    """Status, headers and (bounded) body of a response."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class _Server:
    """The ``ObjectStore`` on HTTP."""

    base: str
    token_file: str
    headers: Mapping[str, str] = field(repr=False)  # may hold secrets
    context: ssl.SSLContext = field(repr=False)
    timeout_s: float

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

    def _put(self, upload: Upload, headers: Mapping[str, str]) -> _Answer:
        with contextlib.ExitStack() as stack:
            body = upload.body if isinstance(upload.body, bytes) else stack.enter_context(upload.body.open("rb"))
            return self._ask("PUT", upload.key, headers, body, allowed=frozenset({NO_PARENT}))

    def _make_parents(self, key: str) -> None:
        folders = key.split("/")[:-1]
        for depth in range(1, len(folders) + 1):
            self._ask("MKCOL", "/".join(folders[:depth]), allowed=MISSING | {NO_PARENT, 412})

    def delete(self, key: str) -> None:
        self._ask("DELETE", key, allowed=MISSING)

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
    ) -> _Answer:
        url = self.url(key)
        all_headers = {**self._always(), **(headers or {})}
        request = urllib.request.Request(url, data=body, headers=all_headers, method=method)  # noqa: S310 - http(s) only
        with _unavailable(url):
            answer = self._open(request)
        if answer.status < 300 or answer.status in allowed:
            return answer
        raise _trouble(method, url, answer)

    def _open(self, request: urllib.request.Request) -> _Answer:
        handlers = urllib.request.HTTPSHandler(context=self.context), _NoRedirect()
        try:
            response = urllib.request.build_opener(*handlers).open(request, timeout=self.timeout_s)
        except urllib.error.HTTPError as error:
            response = error
        with response:
            return _Answer(response.status or 0, response.headers, response.read(MAX_ANSWER_BYTES))

    def _always(self) -> dict[str, str]:
        headers = {"User-Agent": f"packshot/{__version__}", **self.headers}
        if self.token_file:
            try:
                headers["Authorization"] = f"Bearer {Path(self.token_file).read_text('utf-8').strip()}"
            except OSError as error:
                raise TargetUnavailable(f"uploader.options.token_file cannot be read: {error}") from error
        return headers


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A PUT that is redirected would be repeated as GET; better to say so."""

    def redirect_request(self, *_: Any) -> None:
        return None


@contextlib.contextmanager
def _unavailable(url: str) -> Iterator[None]:
    try:
        yield
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", None) or error
        raise TargetUnavailable(f"{url} cannot be reached: {reason}") from error


def _trouble(method: str, url: str, answer: _Answer) -> Exception:
    text = f"{method} {url} was answered with {answer.status} {http.client.responses.get(answer.status, '')}".rstrip()
    if answer.status == CONFLICT and method == "PUT":
        return Conflict(text)
    if answer.status in PERMANENT:
        return TargetRefused(f"{text}{_explanation(answer)}")
    if 300 <= answer.status < 400:
        return TargetUnavailable(f"{text} to {answer.headers.get('Location', '?')}; set uploader.options.base_url")
    return TargetUnavailable(text, retry_after_s(answer.headers.get("Retry-After", "")))


def _explanation(answer: _Answer) -> str:
    text = " ".join(answer.body[:300].decode("utf-8", "replace").split())
    return f": {text}" if text and text.isprintable() else ""


def retry_after_s(value: str) -> float | None:
    """Seconds to wait from a Retry-After header (RFC 9110, 10.2.3): a number or a date; None if it is neither."""
    if value.strip().isdigit():
        return min(float(value), MAX_RETRY_AFTER_S)
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return min(max(0.0, (moment - datetime.now(UTC)).total_seconds()), MAX_RETRY_AFTER_S)


def _seen(answer: _Answer) -> Seen:
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
