"""Captures over HTTP: take one, look at it, decide about it."""

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from typing import Annotated, Literal

import msgspec
from anyio import to_thread
from msgspec import Meta
from starlette.responses import Response

from packshot.capture import Outcome, Respond
from packshot.commands import decide, retry
from packshot.domain import Capture, CaptureRequest, Stage, check_sku, mint_request_id
from packshot.errors import BadMessage, IntegrityError
from packshot.kiosk.curtain import OCCUPIED, Curtain
from packshot.kiosk.door import Refusal
from packshot.kiosk.endpoints import Call, Endpoint
from packshot.kiosk.parts import Parts
from packshot.kiosk.renditions import THUMB_SIDE, VIEW_SIDE, Renditions
from packshot.kiosk.sessions import Role
from packshot.kiosk.views import CaptureList, CaptureView, capture_view
from packshot.messages import Angle, RequestId, Text, Word

RECENT = 24
LISTED = 500


class Order(msgspec.Struct):
    """One press of the shutter. ``replaces`` makes it a retake of that capture: same SKU, same angle."""

    sku: Annotated[str, Meta(max_length=64)] = ""
    angle: Angle = 0
    preset: Word = ""
    profile: Word = ""
    request_id: RequestId = ""
    replaces: Annotated[str, Meta(max_length=26)] = ""


class Reason(msgspec.Struct):
    """Why somebody decided so."""

    reason: Text = ""


class ListQuery(msgspec.Struct):
    """``stage`` empty: the captures since the start and some before."""

    stage: str = ""
    limit: Annotated[int, Meta(ge=1, le=LISTED)] = RECENT


class SizeQuery(msgspec.Struct):
    """``view`` fills the screen, ``thumb`` a corner of it."""

    size: Literal["view", "thumb"] = "view"


class Captures:
    """The endpoints about product captures. Photos of people are no captures and never appear here."""

    def __init__(self, parts: Parts, renditions: Renditions, curtain: Curtain) -> None:
        self._parts = parts
        self._renditions = renditions
        self._curtain = curtain
        self._recent: deque[str] | None = None
        self._lock = threading.Lock()

    def endpoints(self) -> list[Endpoint]:
        """The table."""
        one, image, webp = "/api/captures/{capture_id}", "image/jpeg", "image/webp"
        return [
            Endpoint("POST", "/api/captures", "Take a photo", self.take, body=Order, reply=CaptureView, status=201),
            Endpoint("GET", "/api/captures", "Captures", self.newest, query=ListQuery, reply=CaptureList),
            Endpoint("GET", one, "One capture", self.get, reply=CaptureView),
            Endpoint("GET", f"{one}/photo", "The photo, small", self._picture("photo"), query=SizeQuery, reply=image),
            Endpoint("GET", f"{one}/cutout", "The cutout", self._picture("cutout"), query=SizeQuery, reply=webp),
            Endpoint("GET", f"{one}/picture", "As published", self._picture("picture"), query=SizeQuery, reply=image),
            Endpoint("GET", f"{one}/files/{{name}}", "A file as it is stored", self.file, reply="application/*"),
            *(
                Endpoint("POST", f"{one}/{verb}", text, self._decision(verb), role, Reason, reply=CaptureView)
                for verb, text, role in (
                    ("release", "Publish a held capture", Role.BOOTH),
                    ("refuse", "Do not publish a held capture", Role.BOOTH),
                    ("cancel", "Stop a capture on its way", Role.BOOTH),
                    ("retry", "Cut out or deliver again", Role.ADMIN),
                )
            ),
            Endpoint("DELETE", one, "Delete an ended or held capture for good", self.purge, Role.ADMIN),
        ]

    async def take(self, call: Call) -> CaptureView:
        """The answer comes when the original is durable; the cutout follows as an event."""
        order: Order = call.body
        if self._parts.one_camera and self._curtain.closed:
            raise Refusal(409, "occupied", OCCUPIED)
        former = await to_thread.run_sync(self._get, order.replaces) if order.replaces else None
        request = self._request(order, former)
        outcome = await ask(lambda respond: self._parts.products.desk.submit(request, respond, self._check_scene))
        if not outcome.capture:
            raise not_taken(outcome.error)
        await to_thread.run_sync(self._remember, outcome.capture.capture_id)
        if former and not former.request.sku:
            await to_thread.run_sync(self._withdraw, former)
        return capture_view(outcome.capture, None)

    def newest(self, call: Call) -> CaptureList:
        """Newest first."""
        query: ListQuery = call.query
        if query.stage:
            captures = self._parts.spool.captures({_stage(query.stage)}, query.limit, newest_first=True)
        else:
            captures = [known for name in self._newest(query.limit) if (known := self._parts.spool.get(name))]
        return CaptureList([self.view(capture) for capture in captures])

    def get(self, call: Call) -> CaptureView:
        """One capture."""
        return self.view(self._get(call.path["capture_id"]))

    def file(self, call: Call) -> Response:
        """A file byte for byte, as an attachment: nothing that a camera delivers is shown as a page."""
        capture, name = self._get(call.path["capture_id"]), call.path["name"]
        known = next((artefact for artefact in capture.artefacts if artefact.name == name), None)
        if not known:
            raise Refusal(404, "unknown", "this capture has no such file")
        headers = {"content-disposition": f'attachment; filename="{known.name}"'}
        return Response(self._parts.spool.read(capture.capture_id, name), media_type=known.media_type, headers=headers)

    def purge(self, call: Call) -> None:
        """Files and facts go; the storefront keeps what it has."""
        capture_id = call.path["capture_id"]
        self._get(capture_id)
        self._parts.spool.purge(capture_id)
        self._renditions.forget(capture_id)

    def view(self, capture: Capture) -> CaptureView:
        """The facts with the storefront's answer."""
        return capture_view(capture, self._parts.spool.receipt(capture.capture_id))

    def note(self, capture_id: str) -> CaptureView | None:
        """A capture was announced: its facts for the pages, and it is one of the last."""
        self._remember(capture_id)
        capture = self._parts.spool.get(capture_id)
        return self.view(capture) if capture else None

    def _check_scene(self) -> None:
        """Somebody may have sat down since the request was let in."""
        if self._parts.one_camera:
            self._curtain.check_open()

    def _newest(self, limit: int) -> list[str]:
        with self._lock:
            newest_first = sorted(self._loaded(), reverse=True)  # ids sort by time, announcements overtake each other
            return newest_first[:limit]

    def _remember(self, capture_id: str) -> None:
        with self._lock:
            recent = self._loaded()
            if capture_id not in recent:
                recent.append(capture_id)

    def _loaded(self) -> deque[str]:
        """The ids of the last captures; the spool is asked once, later ones are noted as they come."""
        if self._recent is None:
            captures = self._parts.spool.captures(limit=LISTED, newest_first=True)
            self._recent = deque((capture.capture_id for capture in reversed(captures)), LISTED)
        return self._recent

    def _get(self, capture_id: str) -> Capture:
        capture = self._parts.spool.get(capture_id)
        if not capture:
            raise Refusal(404, "unknown", "there is no such capture, or not any more")
        return capture

    def _request(self, order: Order, former: Capture | None) -> CaptureRequest:
        sku, angle = (former.request.sku, former.request.angle) if former else (order.sku.strip(), order.angle)
        request = CaptureRequest(
            order.request_id or mint_request_id(),
            sku=check_sku(sku),
            angle=angle,
            profile=order.profile,
            preset=order.preset,
            source="kiosk",
        )
        return self._parts.choices.complete(request)

    def _withdraw(self, former: Capture) -> None:
        """Without a SKU no revision replaces another, so the former photo is taken back while that is possible."""
        try:
            self._decide(former.capture_id, "cancel", "replaced by a retake")
        except BadMessage:
            return  # it ended meanwhile: the storefront has it, or there was nothing to publish

    def _decision(self, verb: str) -> Callable[[Call], CaptureView]:
        def handler(call: Call) -> CaptureView:
            self._get(call.path["capture_id"])
            return self.view(self._decide(call.path["capture_id"], verb, call.body.reason))

        return handler

    def _decide(self, capture_id: str, verb: str, reason: str) -> Capture:
        spool = self._parts.spool
        text = reason or f"by {verb} at the kiosk"
        capture = retry(spool, capture_id, text) if verb == "retry" else decide(spool, verb, capture_id, text)
        self._parts.announce(capture_id, capture.stage, capture.request.request_id, capture.reason)
        self._parts.wake()
        return capture

    def _picture(self, what: str) -> Callable[[Call], Response]:
        def handler(call: Call) -> Response:
            side = VIEW_SIDE if call.query.size == "view" else THUMB_SIDE
            try:
                made = self._renditions.get(call.path["capture_id"], what, side)
            except IntegrityError as error:
                raise Refusal(404, "gone", str(error)) from error
            return Response(made.data, media_type=made.media_type, headers={"cache-control": "private, max-age=60"})

        return handler


async def ask(submit: Callable[[Respond], None]) -> Outcome:
    """Wait for the answer of a desk without holding a thread."""
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[Outcome] = loop.create_future()

    def settle(outcome: Outcome) -> None:
        if not answer.done():
            answer.set_result(outcome)

    def respond(outcome: Outcome) -> None:
        loop.call_soon_threadsafe(settle, outcome)

    submit(respond)
    return await answer


def not_taken(error: str) -> Refusal:
    """The answer to who wanted a photo of products, by what the desk says."""
    return Refusal(409, "occupied", error) if error == OCCUPIED else Refusal(503, "not-taken", error)


def _stage(name: str) -> Stage:
    try:
        return Stage(name)
    except ValueError as error:
        raise BadMessage(f"no stage {name[:20]!r}; known: {', '.join(Stage)}") from error
