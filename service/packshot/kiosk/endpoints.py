"""One table of endpoints makes both the routes and the OpenAPI document, so that neither can lie about the other."""

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from inspect import iscoroutinefunction
from typing import Any

import msgspec
from anyio import CapacityLimiter, to_thread
from msgspec import Struct
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from packshot import __version__
from packshot.errors import (
    BadImage,
    BadMessage,
    CameraError,
    GiveUpCapture,
    IntegrityError,
    PackshotError,
    RetryLater,
    SpoolFull,
    StopDaemon,
    UsageError,
)
from packshot.kiosk.door import Caller, Refusal, refuse
from packshot.kiosk.sessions import Role

MAX_BODY_BYTES = 64 * 1024
THREADS = 6


class Problem(Struct):
    """Why a request was not done: ``code`` for programs, ``error`` one line for people, ``values`` its figures."""

    code: str
    error: str
    values: dict[str, str]


@dataclass(frozen=True)
class Call:
    """One request, checked: ``body`` and ``query`` are of the endpoint's types."""

    caller: Caller
    path: Mapping[str, str]
    body: Any
    query: Any
    request: Request


Handler = Callable[[Call], Any] | Callable[[Call], Awaitable[Any]]


@dataclass(frozen=True)
class Endpoint:
    """``handler`` returns a Struct, a Response or None; plain functions run in a worker thread.

    ``reply`` is the Struct's type, or the media type of a Response.
    """

    method: str
    path: str
    summary: str
    handler: Handler
    role: Role = Role.BOOTH
    body: type[Struct] | None = None
    query: type[Struct] | None = None
    reply: Any = None
    status: int = 200


@dataclass
class Desk:
    """Serves endpoints; ``on_fatal`` hears of errors after which the daemon must not go on."""

    on_fatal: Callable[[StopDaemon], None]
    threads: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(THREADS))

    def route(self, endpoint: Endpoint) -> Route:
        """The Starlette route of an endpoint."""

        async def serve(request: Request) -> Response:
            try:
                return await self._serve(endpoint, request)
            except Refusal as refusal:
                return _Refused(refusal)
            except PackshotError as error:
                if isinstance(error, StopDaemon) and not isinstance(error, UsageError):  # a wrong wish ends nothing
                    self.on_fatal(error)
                return _Refused(refusal_of(error))

        return Route(endpoint.path, serve, methods=[endpoint.method])

    async def _serve(self, endpoint: Endpoint, request: Request) -> Response:
        caller: Caller = request.state.caller
        check_role(caller, endpoint.role)
        body = msgspec.UNSET if endpoint.body is None else _decoded(await _read(request), endpoint.body)
        query = None if endpoint.query is None else _query(request, endpoint.query)
        call = Call(caller, request.path_params, body, query, request)
        if iscoroutinefunction(endpoint.handler):
            result = await endpoint.handler(call)
        else:
            result = await to_thread.run_sync(endpoint.handler, call, limiter=self.threads)
        if isinstance(result, Response):
            return result
        if result is None:
            return Response(status_code=204)
        return Response(msgspec.json.encode(result), endpoint.status, media_type="application/json")


class _Refused(Response):
    def __init__(self, refusal: Refusal) -> None:
        super().__init__()
        self._refusal = refusal

    async def __call__(self, _scope: Any, _receive: Any, send: Any) -> None:
        await refuse(self._refusal, send)


def check_role(caller: Caller, needed: Role) -> None:
    """Raise the refusal that says what is missing."""
    if caller.role >= needed:
        return
    if caller.role is Role.NOBODY:
        raise Refusal(401, "pin-needed", "enter the PIN first")
    raise Refusal(403, "pin-needed", "changing the box needs the PIN")


def refusal_of(error: PackshotError) -> Refusal:
    """How an error of the house looks over HTTP: what can be repeated is a 503, what was wrongly asked a 4xx."""
    kinds: Sequence[tuple[type[PackshotError], int, str]] = (
        (BadMessage, 422, "bad-request"),
        (UsageError, 422, "bad-request"),
        (IntegrityError, 410, "gone"),
        (BadImage, 422, "bad-image"),
        (GiveUpCapture, 422, "given-up"),
        (CameraError, 503, "camera"),
        (SpoolFull, 507, "spool-full"),
        (RetryLater, 503, "not-now"),
        (PackshotError, 500, "stopped"),
    )
    status, code = next((status, code) for kind, status, code in kinds if isinstance(error, kind))
    return Refusal(status, code, str(error))


async def _read(request: Request) -> bytes:
    """The body, up to the limit. JSON only: a foreign form cannot send it without asking first (CORS)."""
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
        raise Refusal(415, "not-json", "send application/json")
    data = b""
    try:
        async for chunk in request.stream():
            data += chunk
            if len(data) > MAX_BODY_BYTES:
                raise Refusal(413, "too-large", f"more than {MAX_BODY_BYTES} bytes")
    except ClientDisconnect as error:
        raise Refusal(400, "incomplete", "the request ended too early") from error
    return data


def _decoded(data: bytes, kind: type[Struct]) -> Struct:
    try:
        return msgspec.json.decode(data or b"{}", type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Refusal(422, "bad-request", f"the request cannot be read: {error}") from error


def _query(request: Request, kind: type[Struct]) -> Struct:
    try:
        return msgspec.convert(dict(request.query_params), kind, strict=False)
    except msgspec.ValidationError as error:
        raise Refusal(422, "bad-request", f"the address cannot be read: {error}") from error


def openapi(endpoints: Sequence[Endpoint]) -> dict[str, Any]:
    """The OpenAPI 3.1 document of the table."""
    structs = [kind for one in endpoints for kind in (one.body, one.query, one.reply) if isinstance(kind, type)]
    _, components = msgspec.json.schema_components([Problem, *structs], ref_template="#/components/schemas/{name}")
    paths: dict[str, dict[str, Any]] = {}
    for endpoint in endpoints:
        path = re.sub(r":\w+}", "}", endpoint.path)
        paths.setdefault(path, {})[endpoint.method.lower()] = _operation(endpoint, components)
    return {
        "openapi": "3.1.0",
        "info": {"title": "packshot kiosk", "version": __version__},
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{"token": []}],
    }


def _operation(endpoint: Endpoint, components: Mapping[str, Any]) -> dict[str, Any]:
    names = re.findall(r"{(\w+)", endpoint.path)
    parameters: list[dict[str, Any]] = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in names
    ]
    if endpoint.query:
        properties = components[endpoint.query.__name__]["properties"]
        parameters += [{"name": name, "in": "query", "schema": schema} for name, schema in properties.items()]
    operation: dict[str, Any] = {
        "summary": endpoint.summary,
        "x-role": endpoint.role.name.lower(),
        "parameters": parameters,
        "responses": {
            str(endpoint.status if endpoint.reply else 204): _answer(endpoint.reply),
            "default": {"description": "not done", "content": _json("Problem")},
        },
    }
    if endpoint.body:
        operation["requestBody"] = {"content": _json(endpoint.body.__name__), "required": True}
    return operation


def _answer(reply: Any) -> dict[str, Any]:
    if reply is None:
        return {"description": "done"}
    if isinstance(reply, str):
        return {"description": "done", "content": {reply: {}}}
    return {"description": "done", "content": _json(reply.__name__)}


def _json(name: str) -> dict[str, Any]:
    return {"application/json": {"schema": {"$ref": f"#/components/schemas/{name}"}}}
