"""Moving pictures over HTTP (multipart/x-mixed-replace): always the newest frame, to each browser at its own pace."""

from collections.abc import AsyncIterator, Callable
from typing import Literal

import msgspec
from anyio import CapacityLimiter, to_thread
from starlette.responses import StreamingResponse

from packshot.kiosk.door import Refusal
from packshot.preview import LivePreview, PreviewFrame, PreviewMode, Subscription

MAX_STREAMS = 24
WAIT_S = 0.5
BOUNDARY = b"packshot-frame"
MJPEG = f"multipart/x-mixed-replace; boundary={BOUNDARY.decode()}"


class PreviewQuery(msgspec.Struct):
    """What the stream shows."""

    mode: Literal["plain", "outline", "cutout"] = "plain"


class Streams:
    """Hands frames from the preview's thread to the browsers, each at its own pace. For one event loop."""

    def __init__(self) -> None:
        self._threads = CapacityLimiter(MAX_STREAMS)
        self._open = 0
        self._closed = False

    def close(self) -> None:
        """Let every stream end with its next turn."""
        self._closed = True

    def mjpeg(self, preview: LivePreview, mode: PreviewMode, may_look: Callable[[], bool | None]) -> StreamingResponse:
        """The response; ``may_look`` True: show, False: not now, None: no more. Raises Refusal when there are too many.

        ``Content-Length``, ``X-Frame`` and ``X-Mode`` of every part let a reader cut the stream without guessing.
        """
        return StreamingResponse(self._parts(preview, mode, may_look), media_type=MJPEG)

    async def frames(
        self, preview: LivePreview, mode: PreviewMode, may_look: Callable[[], bool | None]
    ) -> AsyncIterator[PreviewFrame]:
        """The newest frame again and again; a slow reader misses some."""
        self.check_room()
        self._open += 1
        pictures = preview.subscribe(mode)
        try:
            while not self._closed and (allowed := may_look()) is not None:
                frame = await self._next(pictures)
                if frame is not None and allowed and may_look():  # it may show who sat down during the wait
                    yield frame
                elif pictures.ended:
                    return
        finally:
            self._open -= 1
            pictures.close()

    def check_room(self) -> None:
        """Raise Refusal when too many streams are open."""
        if self._open >= MAX_STREAMS:
            raise Refusal(503, "too-many-streams", f"{MAX_STREAMS} live pictures are open already; close one")

    async def _next(self, pictures: Subscription) -> PreviewFrame | None:
        return await to_thread.run_sync(pictures.next, WAIT_S, limiter=self._threads)

    async def _parts(
        self, preview: LivePreview, mode: PreviewMode, may_look: Callable[[], bool | None]
    ) -> AsyncIterator[bytes]:
        async for frame in self.frames(preview, mode, may_look):
            yield part(frame)


def part(frame: PreviewFrame) -> bytes:
    """One part of the stream."""
    head = (
        f"Content-Type: {frame.media_type}\r\nContent-Length: {len(frame.data)}\r\n"
        f"X-Frame: {frame.number}\r\nX-Mode: {frame.mode}\r\n\r\n"
    )
    return b"--" + BOUNDARY + b"\r\n" + head.encode() + frame.data + b"\r\n"
