"""The kiosk's rooms put together: endpoints, pages, news, and the door before them all."""

import asyncio
from collections.abc import Callable
from contextlib import suppress

import msgspec
from anyio import to_thread
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from packshot.config import KioskSection
from packshot.cut_result import CutResult
from packshot.domain import Capture, Stage
from packshot.errors import PackshotError, StopDaemon
from packshot.kiosk.admin import Admin
from packshot.kiosk.booth import Booth, StateView
from packshot.kiosk.captures import Captures
from packshot.kiosk.curtain import Curtain
from packshot.kiosk.darkroom import Darkroom
from packshot.kiosk.door import Door, DoorSettings
from packshot.kiosk.endpoints import Desk, Endpoint, openapi
from packshot.kiosk.hub import Hub
from packshot.kiosk.limits import Tries
from packshot.kiosk.logtail import LogTail
from packshot.kiosk.pages import page_routes
from packshot.kiosk.parts import Parts
from packshot.kiosk.people import People
from packshot.kiosk.renditions import Renditions
from packshot.kiosk.sessions import Sessions
from packshot.kiosk.streams import Streams
from packshot.platform.resources import package_path

STATE_EVERY_S = 1.0


class App:
    """Everything behind the socket. ``asgi`` is the application; the rest is called by the daemon, from any thread."""

    def __init__(
        self,
        parts: Parts,
        section: KioskSection,
        sessions: Sessions,
        settings: DoorSettings,
        on_fatal: Callable[[StopDaemon], None],
    ) -> None:
        self._hub, self._streams, self._logtail = Hub(), Streams(), LogTail()
        self._logtail.attach()
        self._renditions = Renditions(parts.spool, parts.encoder)
        self._curtain = Curtain(lambda closed: self._hub.post("curtain", {"closed": closed}))
        self._captures = Captures(parts, self._renditions, self._curtain)
        self._booth = Booth(parts, section, settings, sessions, Tries(), self._hub, self._streams, self._curtain)
        self._admin = Admin(parts, self._logtail, self._streams, self._curtain)
        self._darkroom = Darkroom(section.id_photo_keep_s)
        self._desk = Desk(on_fatal)
        self._changed: set[str] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._wake = asyncio.Event()
        self.endpoints = [*self._booth.endpoints(), *self._captures.endpoints(), *self._admin.endpoints()]
        if parts.studio:
            people = People(parts.people, parts.studio, self._streams, self._curtain, self._darkroom)
            self.endpoints += people.endpoints()
        self.asgi: ASGIApp = Door(self._application(bool(parts.studio)), sessions, settings)

    async def run(self) -> None:
        """Send news, and delete ID photos in time, until cancelled; on the server's loop."""
        self._loop = asyncio.get_running_loop()
        self._hub.start(self._loop)
        await asyncio.gather(self._tell_states(), self._tell_captures())

    def hear(self, capture_id: str, _: Stage) -> None:
        """A capture took a step; returns at once."""
        if self._loop:
            with suppress(RuntimeError):  # the loop is closed: nobody is looking any more
                self._loop.call_soon_threadsafe(self._note, capture_id)

    def on_cut(self, capture: Capture, result: CutResult) -> None:
        """A cutout was made; returns at once."""
        self._renditions.on_cut(capture.capture_id, result)

    def end_streams(self) -> None:
        """Let every endless answer end."""
        self._hub.close()
        self._streams.close()
        self._admin.close()

    def close(self) -> None:
        """After the server has ended."""
        self._logtail.detach()
        self._renditions.close()
        self._darkroom.clear()

    def _application(self, id_photos: bool) -> Starlette:
        folder = package_path("kiosk", "static")
        return Starlette(
            routes=[
                *page_routes(folder, id_photos),
                Route("/api/openapi.json", _document(self.endpoints), methods=["GET"]),
                Route("/healthz", _healthy, methods=["GET"]),
                *(self._desk.route(endpoint) for endpoint in self.endpoints),
                Mount("/static", StaticFiles(directory=folder), name="static"),
            ]
        )

    def _note(self, capture_id: str) -> None:
        self._changed.add(capture_id)
        self._wake.set()

    async def _tell_captures(self) -> None:
        """Each capture's facts after every step; steps that follow each other at once are told once."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            changed, self._changed = sorted(self._changed), set()
            for capture_id in changed:
                with suppress(PackshotError):
                    view = await to_thread.run_sync(self._captures.note, capture_id)
                    if view:
                        self._hub.post("capture", view)

    async def _tell_states(self) -> None:
        """The state once a second while somebody looks, if it changed."""
        last: bytes = b""
        while True:
            if self._hub.watched:
                state = await to_thread.run_sync(self._booth.state_view)
                now = _shape(state)
                if now != last:
                    self._hub.post("state", state)
                    last = now
            self._darkroom.sweep()
            await asyncio.sleep(STATE_EVERY_S)


def _shape(state: StateView) -> bytes:
    """The state without what changes all the time."""
    return msgspec.json.encode(msgspec.structs.replace(state, oldest_s=0.0, memory_bytes=0, free_bytes=0, used_bytes=0))


def _document(endpoints: list[Endpoint]) -> Callable[[Request], Response]:
    def serve(_: Request) -> Response:
        return Response(msgspec.json.encode(openapi(endpoints)), media_type="application/json")

    return serve


async def _healthy(_: Request) -> Response:
    return Response(b"ok\n", media_type="text/plain")
