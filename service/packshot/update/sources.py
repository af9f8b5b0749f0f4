"""The two places a repository can lie: a web server, or a folder such as a USB stick."""

import http.client
import re
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from tuf.api.exceptions import DownloadError, DownloadHTTPError, SlowRetrievalError

from packshot import __version__
from packshot.update.fetcher import Stream

CHUNK_BYTES = 64 * 1024
NOT_FOUND, PARTIAL_CONTENT, RANGE_NOT_SATISFIABLE = 404, 206, 416
CONTENT_RANGE = re.compile(r"bytes (\d+)-")


@dataclass(frozen=True)
class Patience:
    """Longest silence, and the fewest bytes that must come in any ``window_s`` seconds."""

    silence_s: float = 30.0
    window_s: float = 60.0
    window_bytes: int = 30 * 1024


class HttpSource:
    """Any web server that serves files; one that knows ranges spares what was fetched already."""

    def __init__(
        self,
        context: ssl.SSLContext | None = None,
        token_file: Path | None = None,
        patience: Patience | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._opener = urllib.request.build_opener(urllib.request.HTTPSHandler(context=context))
        self._token_file = token_file
        self._patience = patience or Patience()
        self._now = now

    @contextmanager
    def open(self, url: str, start: int) -> Iterator[Stream]:
        """See ``Source.open``."""
        response = self._ask(url, start)
        if response.status == RANGE_NOT_SATISFIABLE:
            response.close()
            response = self._ask(url, 0)
        with response:
            if response.status not in (200, PARTIAL_CONTENT):
                reason = http.client.responses.get(response.status, "")
                raise DownloadHTTPError(f"the server answered {response.status} {reason}".strip(), response.status)
            yield Stream(_start_of(response), self._chunks(response))

    def _ask(self, url: str, start: int) -> Any:
        if urlsplit(url).scheme not in ("http", "https"):
            raise DownloadError(f"{url} is no http or https address")
        request = urllib.request.Request(url, headers={"User-Agent": f"packshot-update/{__version__}"})  # noqa: S310 - checked above
        if start:
            request.add_header("Range", f"bytes={start}-")
        try:
            if self._token_file:  # not sent on to where a redirect leads
                request.add_unredirected_header(
                    "Authorization", f"Bearer {self._token_file.read_text('utf-8').strip()}"
                )
            return self._opener.open(request, timeout=self._patience.silence_s)
        except urllib.error.HTTPError as error:
            return error
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise DownloadError(f"cannot be reached: {getattr(error, 'reason', None) or error}") from error

    def _chunks(self, response: Any) -> Iterator[bytes]:
        """The body, watched: too slow and too short are errors, not ends."""
        left = response.length or 0  # none where it is not said, or not a number
        since, received = self._now(), 0
        while chunk := _read(response):
            left, received = left - len(chunk), received + len(chunk)
            yield chunk
            if self._now() - since >= self._patience.window_s:
                if received < self._patience.window_bytes:
                    raise SlowRetrievalError(f"only {received} bytes came in {self._patience.window_s:.0f} seconds")
                since, received = self._now(), 0
        if left > 0:
            raise DownloadError(f"the connection broke off {left} bytes before the end")


class FolderSource:
    """A copy of the repository in a folder; a file that is not there is as a 404."""

    @contextmanager
    def open(self, url: str, start: int) -> Iterator[Stream]:
        """See ``Source.open``."""
        path = Path(unquote(urlsplit(url).path))
        try:
            file = path.open("rb")
        except (FileNotFoundError, NotADirectoryError) as error:
            raise DownloadHTTPError(f"{path} is not there", NOT_FOUND) from error
        except OSError as error:
            raise DownloadError(f"{path} cannot be read: {error.strerror}") from error
        with file:
            file.seek(start)
            yield Stream(start, _file_chunks(file, path))


def _file_chunks(file: Any, path: Path) -> Iterator[bytes]:
    try:
        while chunk := file.read(CHUNK_BYTES):
            yield chunk
    except OSError as error:
        raise DownloadError(f"{path} cannot be read: {error.strerror}") from error


def _read(response: Any) -> bytes:
    try:
        return bytes(response.read1(CHUNK_BYTES))
    except (OSError, http.client.HTTPException) as error:
        raise DownloadError(f"the connection broke off: {error}") from error


def _start_of(response: Any) -> int:
    """Where the body begins: 0 unless the server says that it kept to the range."""
    match = CONTENT_RANGE.match(response.headers.get("Content-Range") or "")
    return int(match[1]) if response.status == PARTIAL_CONTENT and match else 0
