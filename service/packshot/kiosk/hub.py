"""News for the pages (server-sent events): from any thread to every open page, and never a wait for a slow one."""

import asyncio
import threading
from collections.abc import AsyncIterator
from typing import Any

import msgspec

QUEUE = 64
KEEP_ALIVE_S = 10.0
MAX_PAGES = 32


def event_bytes(name: str, data: Any) -> bytes:
    """One event as it goes over the wire (WHATWG HTML, 9.2); JSON has no line breaks of its own."""
    return b"event: " + name.encode() + b"\ndata: " + msgspec.json.encode(data) + b"\n\n"


class Hub:
    """``post`` may be called from any thread; a page that falls ``QUEUE`` events behind is told to look anew."""

    def __init__(self) -> None:
        self._pages: set[asyncio.Queue[bytes | None]] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._lock = threading.Lock()
        self._closed = False

    @property
    def watched(self) -> bool:
        """Whether any page is open."""
        return bool(self._pages)

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Deliver on this loop from now on."""
        with self._lock:
            self._loop = loop

    def post(self, name: str, data: Any) -> None:
        """Tell every page; returns at once."""
        with self._lock:
            if self._loop and not self._closed and self._pages:
                self._loop.call_soon_threadsafe(self._deliver, event_bytes(name, data))

    def close(self) -> None:
        """End every page's stream."""
        with self._lock:
            self._closed = True
            if self._loop and not self._loop.is_closed():
                self._loop.call_soon_threadsafe(self._deliver, None)

    async def stream(self, first: bytes) -> AsyncIterator[bytes]:
        """What one page hears: ``first``, then everything posted; ``alive`` now and then, where nothing happens."""
        queue: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._pages.add(queue)
        try:
            yield b"retry: 1000\n\n" + first
            while not self._closed:
                try:
                    item = await asyncio.wait_for(queue.get(), KEEP_ALIVE_S)
                except TimeoutError:
                    item = event_bytes("alive", {})
                if item is None:
                    return
                yield item
        finally:
            self._pages.discard(queue)

    def full(self) -> bool:
        """Whether no more pages are served."""
        return len(self._pages) >= MAX_PAGES

    def _deliver(self, item: bytes | None) -> None:
        for queue in self._pages:
            if item is not None and queue.qsize() >= QUEUE:
                while not queue.empty():
                    queue.get_nowait()
                queue.put_nowait(event_bytes("resync", {}))
            queue.put_nowait(item)
