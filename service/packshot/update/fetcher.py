"""How python-tuf gets at bytes: with limits, and for files of a release going on where the last attempt broke off."""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol
from urllib.parse import unquote, urlsplit

from tuf.api.exceptions import DownloadError, DownloadLengthMismatchError, RepositoryError
from tuf.ngclient.fetcher import FetcherInterface

PARTIAL_SUFFIX = ".part"


@dataclass(frozen=True)
class Stream:
    """Bytes of a file from ``start`` on; ``chunks`` raises DownloadError where they break off."""

    start: int
    chunks: Iterator[bytes]


class Source(Protocol):
    """Where the repository's files come from."""

    def open(self, url: str, start: int) -> AbstractContextManager[Stream]:
        """The file from byte ``start`` on, or from 0 where the source cannot do that.

        Raises DownloadHTTPError (404 where there is no such file) or another DownloadError.
        """


class Fetcher(FetcherInterface):
    """Metadata is read anew each time; a release's files are content-addressed and so may be resumed.

    ``last`` is the name of the file asked for last, for error texts. ``on_bytes`` hears how many bytes came in.
    """

    def __init__(self, source: Source, partials: Path, on_bytes: Callable[[int], None]) -> None:
        self._source = source
        self._partials = partials
        self._on_bytes = on_bytes
        self.last = ""
        self.resumed = False

    def _fetch(self, url: str) -> Iterator[bytes]:
        self.last = name_of(url)
        with self._source.open(url, 0) as stream:
            yield from stream.chunks

    def download_bytes(self, url: str, max_length: int) -> bytes:
        """A metadata file, at most ``max_length`` bytes of it."""
        data = bytearray()
        with closing(self._fetch(url)) as chunks:  # type: ignore[type-var] # it is a generator
            for chunk in chunks:
                data += chunk
                if len(data) > max_length:
                    raise DownloadLengthMismatchError(f"longer than the {max_length} bytes it may have")
        if bytes(data[:64]).lstrip()[:1] == b"<":
            raise DownloadError("a web page came instead; is there a login page on this network?")
        return bytes(data)

    @contextmanager
    def download_file(self, url: str, max_length: int) -> Iterator[IO[bytes]]:
        """A release's file of ``max_length`` bytes. What came in stays if it breaks off, and goes if it was wrong."""
        self.last = name_of(url)
        partial = self._partials / (hashlib.sha256(url.encode()).hexdigest()[:32] + PARTIAL_SUFFIX)
        with partial.open("a+b") as file:
            self.resumed = 0 < file.tell() < max_length
            try:
                if file.tell() < max_length:
                    self._receive(url, file, max_length)
                file.seek(0)
                yield file
            except (RepositoryError, DownloadLengthMismatchError):
                partial.unlink()
                raise
        partial.unlink()

    def _receive(self, url: str, file: IO[bytes], length: int) -> None:
        with self._source.open(url, file.tell()) as stream:
            if stream.start != file.tell():
                file.truncate(stream.start)
                file.seek(stream.start)
            for chunk in stream.chunks:
                if file.tell() + len(chunk) > length:
                    raise DownloadLengthMismatchError(f"longer than the {length} bytes that are signed")
                file.write(chunk)
                self._on_bytes(len(chunk))


def name_of(url: str) -> str:
    """The part of an address that people know from the repository's folder: ``metadata/...`` or ``targets/...``."""
    path = unquote(urlsplit(url).path)
    for folder in ("metadata", "targets"):
        _, found, name = path.rpartition(f"/{folder}/")
        if found:
            return f"{folder}/{name}"
    return path
