"""HTTP requests with limits: bounded answers, no silent redirects, one-line errors; downloads that resume."""

import http.client
import re
import ssl
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from packshot import __version__

MAX_ANSWER_BYTES = 1024 * 1024
MAX_RETRY_AFTER_S = 24 * 3600.0
CHUNK_BYTES = 256 * 1024
PARTIAL_CONTENT = 206
RANGE_NOT_SATISFIABLE = 416
FITS_A_HEADER = re.compile(r"[\t\x20-\x7e\xa0-\xff]*")


class Unreachable(OSError):
    """No answer came: no route, no name, TLS trouble, silence, a connection that broke."""


@dataclass(frozen=True)
class Answer:
    """Status, headers and the first MAX_ANSWER_BYTES of the body."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)

    @property
    def ok(self) -> bool:
        """Whether the server did what it was asked to."""
        return 200 <= self.status < 300

    @property
    def reason(self) -> str:
        """Status with its name and what the server says, on one line."""
        name = http.client.responses.get(self.status, "")
        text = " ".join(self.body[:300].decode("utf-8", "replace").split())
        return f"{self.status} {name}{f': {text}' if text and text.isprintable() else ''}"

    @property
    def retry_after_s(self) -> float | None:
        """Seconds to wait, if the server said so."""
        return retry_after_s(self.headers.get("Retry-After") or "")


@dataclass(frozen=True)
class Web:
    """How to ask: a bearer token read anew from its file each time, TLS context, longest silence in seconds."""

    token_file: Path | None = None
    context: ssl.SSLContext | None = field(default=None, repr=False)
    timeout_s: float = 30.0

    def ask(self, method: str, url: str, headers: Mapping[str, str] | None = None, body: Any = None) -> Answer:
        """One request; ``body`` is bytes or an open file. Raises Unreachable, also if the token is not there."""
        with self._open(method, url, dict(headers or {}), body) as response:
            try:
                data = response.read(MAX_ANSWER_BYTES)
            except (OSError, http.client.HTTPException) as error:
                raise Unreachable(f"{url_for_people(url)} broke off: {error}") from error
            if response.length and len(data) < MAX_ANSWER_BYTES:  # http.client says nothing of a body cut short
                raise Unreachable(f"{url_for_people(url)} broke off after {len(data)} bytes")
            return Answer(response.status or 0, response.headers, data)

    def download(self, url: str, path: Path, size: int) -> Answer:
        """Fetch into ``path``, going on after what is there already; never writes more than ``size`` bytes.

        The caller checks the content. Raises Unreachable when it breaks off; a later call goes on from there.
        """
        start = path.stat().st_size if path.exists() else 0
        if start >= size:
            return Answer(200, {}, b"")
        with self._open("GET", url, {"Range": f"bytes={start}-"} if start else {}, None) as response:
            answer = Answer(response.status or 0, response.headers, b"")
            if answer.status == RANGE_NOT_SATISFIABLE:
                path.unlink()
            if not answer.ok:
                return answer
            offset = start if answer.status == PARTIAL_CONTENT else 0
            _store(response, path, offset, size, url)
        return answer

    def _open(self, method: str, url: str, headers: dict[str, str], body: Any) -> Any:
        headers = {"User-Agent": f"packshot/{__version__}", **headers}
        if self.token_file is not None:
            headers["Authorization"] = f"Bearer {_token(self.token_file)}"
        opener = urllib.request.build_opener(urllib.request.HTTPSHandler(context=self.context), _NoRedirect())
        try:
            if urlsplit(url).scheme not in ("http", "https"):
                raise Unreachable(f"{url_for_people(url)} is no http or https address")
            request = urllib.request.Request(url, data=body, headers=headers, method=method)  # noqa: S310 - checked
            return opener.open(request, timeout=self.timeout_s)
        except urllib.error.HTTPError as error:
            return error
        except Unreachable:
            raise
        except (OSError, http.client.HTTPException) as error:
            reason = getattr(error, "reason", None) or error
            raise Unreachable(f"{url_for_people(url)} cannot be reached: {reason}") from error
        except ValueError:  # its text may quote a header, so it is not passed on
            text = f"{url_for_people(url)} or a header for it holds what HTTP cannot carry; correct address or headers"
            raise Unreachable(text) from None


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A PUT that is redirected would be repeated as GET, and a download could lead anywhere; better to say so."""

    def redirect_request(self, *_: Any) -> None:
        return None


def retry_after_s(value: str) -> float | None:
    """Seconds to wait from a Retry-After header (RFC 9110, 10.2.3): a number or a date; None if it is neither."""
    if value.isascii() and value.strip().isdigit():
        return min(float(value), MAX_RETRY_AFTER_S)
    try:
        moment = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return min(max(0.0, (moment - datetime.now(UTC)).total_seconds()), MAX_RETRY_AFTER_S)


def url_for_people(url: str) -> str:
    """The address without its query, which may hold a signature."""
    return url.partition("?")[0]


def _store(response: Any, path: Path, offset: int, size: int, url: str) -> None:
    with path.open("r+b" if path.exists() else "wb") as file:
        file.seek(offset)
        file.truncate()
        while offset < size:
            try:
                data = response.read(min(CHUNK_BYTES, size - offset))
            except (OSError, http.client.HTTPException) as error:
                raise Unreachable(f"{url_for_people(url)} broke off: {error}") from error
            if not data:
                raise Unreachable(f"{url_for_people(url)} broke off after {offset} of {size} bytes")
            file.write(data)
            offset += len(data)


def _token(path: Path) -> str:
    try:
        token = path.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise Unreachable(f"the bearer token in {path} cannot be read ({error}); check token_file") from error
    if not FITS_A_HEADER.fullmatch(token):
        raise Unreachable(f"the bearer token in {path} is not one line of plain characters; check token_file")
    return token
