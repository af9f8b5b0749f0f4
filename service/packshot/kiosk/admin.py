"""The admin page: everybody may read, changing the box needs the PIN."""

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Annotated, Any

import msgspec
from anyio import to_thread
from msgspec import Meta
from starlette.responses import Response, StreamingResponse

from packshot.config import Config, flatten
from packshot.errors import StopDaemon
from packshot.kiosk.curtain import Curtain
from packshot.kiosk.door import Refusal
from packshot.kiosk.endpoints import Call, Endpoint
from packshot.kiosk.hub import event_bytes
from packshot.kiosk.logtail import LogLine, LogTail
from packshot.kiosk.meter import Meter, decode, measure
from packshot.kiosk.parts import Parts
from packshot.kiosk.sessions import Role
from packshot.kiosk.streams import Streams
from packshot.preview import PreviewMode
from packshot.redaction import hide_values

METER_EVERY_S = 0.25
LARGEST_STATE = 64 * 1024


class InfoView(msgspec.Struct):
    """Version, board, model, engine, capabilities; as on the topic ``info``."""

    info: dict[str, Any]


class Setting(msgspec.Struct):
    """One key of the configuration and where its value comes from."""

    key: str
    value: Any
    default: Any
    origin: str


class Settings(msgspec.Struct):
    """The whole configuration, secrets hidden."""

    settings: list[Setting]


class LogQuery(msgspec.Struct):
    """Lines later than this number."""

    after: Annotated[int, Meta(ge=0)] = 0


class LogView(msgspec.Struct):
    """Lines of the daemon's log, oldest first; their numbers begin anew with each ``run`` of the daemon."""

    run: str
    lines: list[LogLine]


class Done(msgspec.Struct):
    """What an action answered."""

    result: dict[str, Any]


class LampOrder(msgspec.Struct):
    """Light a channel ("" the usual one) for so long, or until the next order."""

    channel: Annotated[str, Meta(max_length=40)] = ""
    seconds: Annotated[float, Meta(ge=0, le=120)] = 30.0


class UpdateView(msgspec.Struct):
    """What the updater says: as on ``update/state``; empty where no updater ever ran."""

    state: dict[str, Any]


class Admin:
    """The endpoints of the admin page."""

    def __init__(self, parts: Parts, logtail: LogTail, streams: Streams, curtain: Curtain) -> None:
        self._parts = parts
        self._logtail = logtail
        self._streams = streams
        self._curtain = curtain
        self._lamp_off = threading.Event()

    def endpoints(self) -> list[Endpoint]:
        """The table."""
        return [
            Endpoint("GET", "/api/admin/info", "Version, board, model", self.info, reply=InfoView),
            Endpoint("GET", "/api/admin/config", "Configuration with its sources", self.config, reply=Settings),
            Endpoint("GET", "/api/admin/logs", "The log", self.logs, query=LogQuery, reply=LogView),
            Endpoint("GET", "/api/admin/update", "What the updater says", self.update, reply=UpdateView),
            Endpoint("GET", "/api/admin/meter", "Histogram and focus", self.meter, reply="text/event-stream"),
            Endpoint("POST", "/api/admin/lamp", "Light a lamp", self.lamp, Role.ADMIN, LampOrder),
            *(
                Endpoint("POST", f"/api/admin/{verb}", text, self._action(verb), Role.ADMIN, reply=Done)
                for verb, text in (
                    ("selftest", "Golden photo, camera, spool"),
                    ("reload", "Read the configuration again"),
                    ("restart", "Start the service anew"),
                )
            ),
        ]

    def info(self, _: Call) -> InfoView:
        """What this box is."""
        return InfoView(dict(self._parts.info))

    def config(self, _: Call) -> Settings:
        """As it would be read now; what is in force may be older until the next reload."""
        try:
            loaded = self._parts.loaded()
        except StopDaemon as error:  # of the configuration, of a preset or spec, of a network
            raise Refusal(409, "broken-config", str(error)) from error
        values = flatten(hide_values(msgspec.to_builtins(loaded.config)))
        defaults = flatten(msgspec.to_builtins(Config()))

        def origin(key: str) -> str:
            table = key.rsplit(".", 1)[0] if key.count(".") > 1 else ""  # an entry of lamp.channels and its like
            return loaded.origins.get(key) or loaded.origins.get(table, "default")

        return Settings([Setting(key, value, defaults.get(key), origin(key)) for key, value in sorted(values.items())])

    def logs(self, call: Call) -> LogView:
        """From memory: since the daemon's start, bounded."""
        return LogView(self._logtail.run, self._logtail.after(call.query.after))

    def update(self, _: Call) -> UpdateView:
        """From the updater's own file; whatever it holds, it is shown as text."""
        try:
            data = self._parts.update_state.read_bytes()[:LARGEST_STATE]
            state = json.loads(data)
        except (OSError, ValueError):
            return UpdateView({})
        return UpdateView(state if isinstance(state, dict) else {})

    async def meter(self, _: Call) -> Response:
        """``meter`` events some times a second, of the products' camera."""
        self._streams.check_room()
        return StreamingResponse(self._looks(), media_type="text/event-stream")

    async def lamp(self, call: Call) -> None:
        """In a thread of its own, so that captures can light their own lamps meanwhile."""
        order: LampOrder = call.body
        self._lamp_off.set()
        self._lamp_off = threading.Event()
        if order.seconds:
            arguments = (order.channel, order.seconds, self._lamp_off)
            threading.Thread(target=self._light, args=arguments, name="kiosk lamp", daemon=True).start()

    def close(self) -> None:
        """Lamps off."""
        self._lamp_off.set()

    def _light(self, channel: str, seconds: float, off: threading.Event) -> None:
        with self._parts.lamp.lit(channel):
            off.wait(seconds)

    def _action(self, verb: str) -> Callable[[Call], Done]:
        def handler(_: Call) -> Done:
            action = self._parts.actions.get(verb)
            if not action:
                raise Refusal(404, "unknown", f"this box has no {verb}")
            result: Mapping[str, Any] = action()
            return Done(dict(result))

        return handler

    async def _looks(self) -> AsyncIterator[bytes]:
        def may_look() -> bool:
            return not (self._parts.one_camera and self._curtain.closed)

        async for frame in self._streams.frames(self._parts.products.preview, PreviewMode.PLAIN, may_look):
            look: Meter = await to_thread.run_sync(lambda data: measure(decode(data)), frame.data)
            yield event_bytes("meter", look)
            await asyncio.sleep(METER_EVERY_S)
