"""What every page needs: who is asking, what can be chosen, the plate, the live picture, the news."""

from collections.abc import Sequence
from typing import Annotated, Any

import msgspec
from anyio import to_thread
from msgspec import Meta
from starlette.responses import Response, StreamingResponse

from packshot import __version__
from packshot.capture import Outcome
from packshot.config import KioskSection
from packshot.domain import Frame, mint_request_id
from packshot.kiosk.captures import ask, not_taken
from packshot.kiosk.curtain import OCCUPIED, Curtain
from packshot.kiosk.door import DoorSettings, Refusal
from packshot.kiosk.endpoints import Call, Endpoint
from packshot.kiosk.hub import Hub, event_bytes
from packshot.kiosk.limits import Tries
from packshot.kiosk.parts import Parts
from packshot.kiosk.renditions import VIEW_SIDE
from packshot.kiosk.sessions import Role, Sessions
from packshot.kiosk.streams import MJPEG, PreviewQuery, Streams
from packshot.preview import PreviewMode

FOUND = 40


class SessionView(msgspec.Struct):
    """Who the caller is here; ``csrf`` goes as X-Packshot-Csrf with every request that changes something."""

    role: str
    csrf: str
    has_pin: bool
    device: str
    name: str
    version: str
    language: str
    id_photos: bool


class Pin(msgspec.Struct):
    """What somebody typed."""

    pin: Annotated[str, Meta(max_length=128)]


class PresetView(msgspec.Struct):
    """A marketplace's rules in short."""

    name: str
    format: str
    background: str
    frame: str
    target_side: int | None


class BoothView(msgspec.Struct):
    """What can be chosen at the booth, and what is used when nothing is."""

    presets: list[PresetView]
    profiles: list[str]
    preset: str
    profile: str
    catalogue: bool
    plate: bool


class SkuQuery(msgspec.Struct):
    """Part of a SKU."""

    search: Annotated[str, Meta(max_length=64)] = ""


class SkuList(msgspec.Struct):
    """The first SKUs that match, and how many there are."""

    skus: list[str]
    total: int


class PlateOrder(msgspec.Struct):
    """Take the plate, or ``forget`` the one there is."""

    forget: bool = False


class LinkView(msgspec.Struct):
    """The connection to the broker, through which pictures reach the storefront."""

    connected: bool
    problem: str


class StateView(msgspec.Struct):
    """How the box is; ``degraded`` lists what is wrong with which part."""

    camera: str
    engine: str
    busy: bool
    waiting: int
    stages: dict[str, int]
    oldest_s: float
    used_bytes: int
    free_bytes: int
    memory_bytes: int | None
    temperature_c: float | None
    degraded: list[str]
    link: LinkView
    curtain: bool
    plate: bool


class Booth:
    """The endpoints of every page."""

    def __init__(
        self,
        parts: Parts,
        section: KioskSection,
        settings: DoorSettings,
        sessions: Sessions,
        tries: Tries,
        hub: Hub,
        streams: Streams,
        curtain: Curtain,
    ) -> None:
        self._parts = parts
        self._section = section
        self._settings = settings
        self._sessions = sessions
        self._tries = tries
        self._hub = hub
        self._streams = streams
        self._curtain = curtain

    def endpoints(self) -> list[Endpoint]:
        """The table."""
        session, nobody = "/api/session", Role.NOBODY
        return [
            Endpoint("GET", session, "Who am I here", self.session, nobody, reply=SessionView),
            Endpoint("POST", session, "Enter the PIN", self.enter, nobody, Pin, reply=SessionView),
            Endpoint("DELETE", session, "Lock the admin page again", self.leave, nobody),
            Endpoint("GET", "/api/booth", "What can be chosen", self.booth, reply=BoothView),
            Endpoint("GET", "/api/skus", "Look for a SKU", self.skus, query=SkuQuery, reply=SkuList),
            Endpoint("GET", "/api/state", "How the box is", self.state, reply=StateView),
            Endpoint("GET", "/api/events", "News as they happen", self.events, reply="text/event-stream"),
            Endpoint("GET", "/api/preview", "The live picture", self.preview, query=PreviewQuery, reply=MJPEG),
            Endpoint("POST", "/api/plate", "Photograph the empty scene", self.take_plate, body=PlateOrder),
            Endpoint("GET", "/api/plate", "The photo of the empty scene", self.plate, reply="image/jpeg"),
        ]

    async def session(self, call: Call) -> Response:
        """Opens a session for browsers that have none."""
        caller = call.caller
        headers = {}
        if not caller.session and caller.role is Role.NOBODY:
            caller.session = self._sessions.open(caller.local)
            caller.role = self._sessions.role(caller.session)
            headers["set-cookie"] = self._settings.set_cookie(caller.session)
        return Response(msgspec.json.encode(self._session(call)), media_type="application/json", headers=headers)

    async def enter(self, call: Call) -> SessionView:
        """A wrong PIN costs one of a few tries."""
        caller = call.caller
        wait_s = self._tries.wait_s(caller.address)
        if wait_s:
            raise Refusal(429, "too-many-tries", "too many wrong PINs; wait", wait_s)
        if not caller.session or not self._sessions.enter(caller.session, call.body.pin):
            self._tries.failed(caller.address)
            raise Refusal(403, "wrong-pin", "this is not the PIN")
        caller.role = self._sessions.role(caller.session)
        return self._session(call)

    async def leave(self, call: Call) -> None:
        """The booth stays open to this browser."""
        if call.caller.session:
            self._sessions.leave(call.caller.session)

    def booth(self, _: Call) -> BoothView:
        """Presets, profiles, plate."""
        chosen = self._parts.choices.current
        presets = [
            PresetView(name, preset.format, preset.background, preset.frame, preset.target_side)
            for name, preset in sorted(self._parts.presets.items())
        ]
        catalogue = self._parts.skus is not None
        profiles = sorted(self._parts.choices.allowed["profile"])
        return BoothView(presets, profiles, chosen["preset"], chosen["profile"], catalogue, self._has_plate())

    def skus(self, call: Call) -> SkuList:
        """Those that begin so first, then those that hold it."""
        wanted = call.query.search.strip().casefold()
        found = [sku for sku in self._parts.skus or () if wanted in sku.casefold()]
        found.sort(key=lambda sku: (not sku.casefold().startswith(wanted), sku))
        return SkuList(found[:FOUND], len(found))

    def state(self, _: Call) -> StateView:
        """As told by ``state`` events."""
        return self.state_view()

    def state_view(self) -> StateView:
        """Health, queue, link and curtain in one."""
        state: dict[str, Any] = self._parts.state()
        spool: dict[str, Any] = state["spool"]
        return StateView(
            camera=state["camera"],
            engine=state["engine"],
            busy=state["busy"],
            waiting=spool["waiting"],
            stages=spool.get("stages", {}),
            oldest_s=spool.get("oldest_s", 0.0),
            used_bytes=spool.get("used_bytes", 0),
            free_bytes=spool.get("free_bytes", 0),
            memory_bytes=state["memory_bytes"],
            temperature_c=state["temperature_c"],
            degraded=state["degraded"],
            link=LinkView(self._parts.bus.connected, self._parts.bus.problem),
            curtain=self._curtain.closed,
            plate=self._has_plate(),
        )

    async def events(self, _: Call) -> Response:
        """``hello`` first, then ``state``, ``capture``, ``alive`` and, for one that fell behind, ``resync``."""
        if self._hub.full():
            raise Refusal(503, "too-many-streams", "too many pages are open; close one")
        state = await to_thread.run_sync(self.state_view)
        first = event_bytes("hello", {"version": __version__}) + event_bytes("state", state)
        return StreamingResponse(self._hub.stream(first), media_type="text/event-stream")

    async def preview(self, call: Call) -> Response:
        """Of products. It shows nothing while a person sits before the same camera."""
        self._streams.check_room()
        mode = PreviewMode(call.query.mode)
        return self._streams.mjpeg(self._parts.products.preview, mode, self._products_visible)

    async def take_plate(self, call: Call) -> None:
        """The answer comes when the plate is kept."""
        if call.body.forget:
            await to_thread.run_sync(self._parts.plates.forget)
            return
        if not self._products_visible():
            raise Refusal(409, "occupied", OCCUPIED)
        desk, request_id = self._parts.products.desk, mint_request_id()
        outcome: Outcome = await ask(lambda respond: desk.submit_plate(request_id, respond, self._keep_plate))
        if outcome.error:
            raise not_taken(outcome.error)

    def plate(self, _call: Call) -> Response:
        """Small, of the first backdrop."""
        import cv2

        plates = self._parts.plates.current()
        if not plates:
            raise Refusal(404, "unknown", "no plate was taken")
        pixels = plates[0].pixels
        scale = min(1.0, VIEW_SIDE / max(pixels.shape[:2]))
        small = cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        _, data = cv2.imencode(".jpg", cv2.cvtColor(small, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 82])
        return Response(data.tobytes(), media_type="image/jpeg")

    def _keep_plate(self, frames: Sequence[Frame]) -> None:
        """Unless somebody has sat down since the request was let in."""
        if self._parts.one_camera:
            self._curtain.check_open()
        self._parts.plates.keep(frames)

    def _products_visible(self) -> bool:
        return not (self._parts.one_camera and self._curtain.closed)

    def _has_plate(self) -> bool:
        return bool(self._parts.plates.current())

    def _session(self, call: Call) -> SessionView:
        session = call.caller.session
        return SessionView(
            role=call.caller.role.name.lower(),
            csrf=session.csrf if session else "",
            has_pin=self._sessions.has_pin,
            device=self._parts.device_id,
            name=self._parts.name or self._parts.device_id,
            version=__version__,
            language=self._section.language,
            id_photos=self._section.id_photos,
        )
