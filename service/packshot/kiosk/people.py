"""ID photos over HTTP: live guidance, a photo by a spec, its print sheet; for one browser at a time."""

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
from anyio import to_thread
from msgspec import Meta
from starlette.responses import Response, StreamingResponse

from packshot.domain import Frame, mint_request_id
from packshot.idphoto.findings import Finding, Guidance
from packshot.idphoto.spec import Spec
from packshot.idphoto.wording import NoPortrait, say
from packshot.kiosk.captures import ask
from packshot.kiosk.curtain import Curtain
from packshot.kiosk.darkroom import Darkroom, Develop, IdFile
from packshot.kiosk.door import Caller, Refusal
from packshot.kiosk.endpoints import Call, Endpoint
from packshot.kiosk.hub import event_bytes
from packshot.kiosk.meter import decode
from packshot.kiosk.parts import Stage
from packshot.kiosk.streams import MJPEG, Streams
from packshot.portrait import SHEET_DPI, Portrait, Studio
from packshot.preview import PreviewFrame, PreviewMode

LOOK_EVERY_S = 0.1

SpecName = Annotated[str, Meta(max_length=40)]


class SpecView(msgspec.Struct):
    """One kind of ID photo; shares are of the photo's height from its top."""

    name: str
    title: str
    accepted: str
    note: str
    source: str
    width_mm: float
    height_mm: float
    head: tuple[float, float]
    eyes: tuple[float, float]
    crown: tuple[float, float]
    aim: float


class SpecList(msgspec.Struct):
    """All specs."""

    specs: list[SpecView]


class SpecQuery(msgspec.Struct):
    """By which spec."""

    spec: SpecName


class IdOrder(msgspec.Struct):
    """Take an ID photo by this spec."""

    spec: SpecName


class FindingView(msgspec.Struct):
    """One rule: how it came out, its figure, what is wanted, how sure we are (0-1)."""

    rule: str
    state: str
    message: str
    text: str
    figure: float | None
    unit: str
    low: float | None
    high: float | None
    confidence: float


class HeadView(msgspec.Struct):
    """Rows and the column of a head, in pixels of the live picture."""

    crown: float
    chin: float
    eye_line: float
    centre: float


class GuidanceView(msgspec.Struct):
    """One look at the live picture."""

    width: int
    height: int
    faces: list[tuple[int, int, int, int]]
    head: HeadView | None
    findings: list[FindingView]
    message: str
    text: str
    ready: bool
    crop: tuple[float, float, float, float] | None


class FileView(msgspec.Struct):
    """A file of an ID photo; print sheets (sheet-300.pdf, .jpg, sheet-600...) are made when they are asked for."""

    name: str
    media_type: str
    bytes: int


class IdPhotoView(msgspec.Struct):
    """An ID photo, deleted in ``seconds_left`` seconds."""

    id: str
    spec: str
    title: str
    accepted: str
    note: str
    keeps: str
    findings: list[FindingView]
    record: dict[str, Any]
    files: list[FileView]
    seconds_left: float


class People:
    """The endpoints of the ID photo page. No photo of a person reaches spool, broker, news or log."""

    def __init__(self, stage: Stage, studio: Studio, streams: Streams, curtain: Curtain, darkroom: Darkroom) -> None:
        self._stage = stage
        self._studio = studio
        self._streams = streams
        self._curtain = curtain
        self._darkroom = darkroom

    def endpoints(self) -> list[Endpoint]:
        """The table."""
        one, seat = "/api/id/photos/{photo_id}", "/api/id/seat"
        stream = "text/event-stream"
        return [
            Endpoint("GET", "/api/id/specs", "Kinds of ID photos", self.specs, reply=SpecList),
            Endpoint("POST", seat, "Close the curtain: from now on only this browser sees the person", self.sit),
            Endpoint("DELETE", seat, "Open the curtain again", self.rise),
            Endpoint("GET", "/api/id/preview", "The live picture of the person", self.preview, reply=MJPEG),
            Endpoint("GET", "/api/id/guidance", "What to do", self.guidance, query=SpecQuery, reply=stream),
            Endpoint("POST", "/api/id/photos", "Take it", self.take, body=IdOrder, reply=IdPhotoView, status=201),
            Endpoint("GET", f"{one}/files/{{name}}", "A file of an ID photo", self.file, reply="application/*"),
            Endpoint("DELETE", one, "Delete an ID photo now", self.delete),
        ]

    def specs(self, _: Call) -> SpecList:
        """With where each is accepted."""
        return SpecList([_spec_view(name, spec) for name, spec in self._studio.specs.items()])

    async def sit(self, call: Call) -> None:
        """Refused while another browser serves somebody."""
        self._curtain.close(call.caller)

    async def rise(self, call: Call) -> None:
        """Also happens by itself, once nobody has looked for some seconds."""
        self._curtain.open(call.caller)

    async def preview(self, call: Call) -> Response:
        """Only for the browser that closed the curtain."""
        self._check_seat(call.caller)
        self._streams.check_room()
        return self._streams.mjpeg(self._stage.preview, PreviewMode.PLAIN, self._looker(call.caller))

    async def guidance(self, call: Call) -> Response:
        """``guidance`` events some times a second."""
        self._check_seat(call.caller)
        self._streams.check_room()
        name = self._known(call.query.spec)
        return StreamingResponse(self._looks(call.caller, name), media_type="text/event-stream")

    async def take(self, call: Call) -> IdPhotoView:
        """The answer comes when everything is measured; the original is forgotten by then."""
        self._check_seat(call.caller)
        name = self._known(call.body.spec)
        frame = await self._shoot()
        if not self._curtain.keep(call.caller):
            raise Refusal(409, "no-seat", "the curtain was opened meanwhile; close it and take the photo again")
        made, files = await to_thread.run_sync(self._develop, frame, name)
        hung = self._darkroom.hang(call.caller, files, self._sheets(made))
        spec = self._studio.specs[name]
        return IdPhotoView(
            id=hung.name,
            spec=name,
            title=spec.title,
            accepted=spec.accepted,
            note=spec.note,
            keeps=made.keeps.value,
            findings=[_finding_view(finding) for finding in made.findings],
            record=dict(made.record),
            files=[FileView(file, one.media_type, len(one.data)) for file, one in files.items()],
            seconds_left=self._darkroom.seconds_left(hung),
        )

    def file(self, call: Call) -> Response:
        """Never cached; sheets are laid out when they are first asked for."""
        found = self._darkroom.file(call.caller, call.path["photo_id"], call.path["name"])
        return Response(found.data, media_type=found.media_type)

    async def delete(self, call: Call) -> None:
        """At once and for good."""
        self._darkroom.delete(call.caller, call.path["photo_id"])

    async def _shoot(self) -> Frame:
        frames: list[Frame] = []

        def keep(taken: Sequence[Frame]) -> None:
            frames.extend(taken)

        request_id = mint_request_id()
        outcome = await ask(lambda respond: self._stage.desk.submit_plate(request_id, respond, keep))
        if outcome.error or not frames:
            raise Refusal(503, "not-taken", outcome.error or "the camera gave no frame")
        return frames[0]

    def _develop(self, frame: Frame, name: str) -> tuple[Portrait, dict[str, IdFile]]:
        at = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        try:
            made = self._studio.make(frame.data, name, made_at=at)
        except NoPortrait as error:
            values = {key: str(value) for key, value in error.values.items()}
            raise Refusal(422, f"id.{error.message}", str(error), values=values) from error
        record = json.dumps(made.record, indent=2).encode()
        return made, {"photo.jpg": IdFile("image/jpeg", made.data), "record.json": IdFile("application/json", record)}

    def _sheets(self, made: Portrait) -> Develop:
        def develop(name: str) -> dict[str, IdFile]:
            found = re.fullmatch(r"sheet-(\d+)\.(?:pdf|jpg)", name)
            if not found or int(found[1]) not in SHEET_DPI:
                return {}
            sheet = self._studio.sheet(made, dpi=int(found[1]))
            pdf, jpeg = IdFile("application/pdf", sheet.pdf), IdFile("image/jpeg", sheet.jpeg)
            return {f"sheet-{found[1]}.pdf": pdf, f"sheet-{found[1]}.jpg": jpeg}

        return develop

    async def _looks(self, caller: Caller, name: str) -> AsyncIterator[bytes]:
        def look(frame: PreviewFrame) -> GuidanceView:
            return _guidance_view(frame, self._studio.guide(decode(frame.data), name))

        async for frame in self._streams.frames(self._stage.preview, PreviewMode.PLAIN, self._looker(caller)):
            began = time.monotonic()
            view = await to_thread.run_sync(look, frame)
            yield event_bytes("guidance", view)
            await asyncio.sleep(max(0.01, LOOK_EVERY_S - (time.monotonic() - began)))

    def _looker(self, caller: Caller) -> Callable[[], bool | None]:
        """Looking keeps the curtain closed; once it is another's, the stream ends."""
        return lambda: True if self._curtain.keep(caller) else None

    def _check_seat(self, caller: Caller) -> None:
        if not self._curtain.held_by(caller):
            raise Refusal(409, "no-seat", "the curtain is open; close it first (POST /api/id/seat)")

    def _known(self, name: str) -> str:
        if name not in self._studio.specs:
            raise Refusal(404, "unknown", f"no spec {name!r}; known: {', '.join(self._studio.specs)}")
        return name


def _spec_view(name: str, spec: Spec) -> SpecView:
    return SpecView(
        name=name,
        title=spec.title,
        accepted=spec.accepted,
        note=spec.note,
        source=spec.source,
        width_mm=spec.width_mm,
        height_mm=spec.height_mm,
        head=spec.head,
        eyes=spec.eyes,
        crown=spec.crown,
        aim=spec.aim,
    )


def _finding_view(finding: Finding) -> FindingView:
    return FindingView(
        rule=finding.rule.value,
        state=finding.state.value,
        message=finding.message,
        text=say(finding.message),
        figure=finding.figure,
        unit=finding.unit,
        low=finding.low,
        high=finding.high,
        confidence=round(finding.confidence, 3),
    )


def _guidance_view(frame: PreviewFrame, guidance: Guidance) -> GuidanceView:
    head = guidance.head
    return GuidanceView(
        width=frame.width,
        height=frame.height,
        faces=list(guidance.faces),
        head=HeadView(head.crown, head.chin, head.eye_line, head.centre) if head else None,
        findings=[_finding_view(finding) for finding in guidance.findings],
        message=guidance.message,
        text=say(guidance.message, count=len(guidance.faces)),
        ready=guidance.ready,
        crop=guidance.crop,
    )
