"""A real little web server that stores what is PUT, with ETags, conditions and a log; moods can be set.

with ShopServer() as shop:
HttpTarget(shop.url)
shop.answers.append((503, {"Retry-After": "2"}))   # for the next PUT
"""

import hashlib
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self
from urllib.parse import unquote

LOST = 0
LOG_LENGTH = 10_000


@dataclass(frozen=True)
class Request:
    """One request as it arrived."""

    method: str
    path: str
    headers: dict[str, str]


@dataclass
class ShopServer:
    """``conditions`` off: it ignores If-Match, as simple servers do. ``folders`` on: MKCOL before PUT, as in WebDAV."""

    conditions: bool = True
    folders: bool = False
    refuse_deletes: int = 0  # so many DELETEs are answered with 503
    forbid_deletes: int = 0  # the status of the answer to every DELETE
    break_after: int = 0  # every GET of more than so many bytes is cut off after them
    objects: dict[str, bytes] = field(default_factory=dict)
    collections: set[str] = field(default_factory=set)
    log: deque[Request] = field(default_factory=lambda: deque(maxlen=LOG_LENGTH))
    answers: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    before: Callable[[], None] = lambda: None  # called before each request is looked at; may send others
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __enter__(self) -> Self:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/shop"

    def store(self, name: str, body: bytes) -> None:
        """What a PUT does."""
        self.objects[name] = body

    def requests(self, method: str) -> list[Request]:
        return [request for request in self.log if request.method == method]


def _handler(shop: ShopServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self) -> None:
            self._get()

        def do_GET(self) -> None:
            self._get()

        def do_PUT(self) -> None:
            shop.before()
            size = int(self.headers["Content-Length"])
            body = self.rfile.read(size)
            if len(body) < size:
                self.close_connection = True  # the client is gone
                return
            with shop.lock:
                self._note()
                answer = shop.answers.pop(0) if shop.answers else None
                if answer is not None and answer[0] != LOST:
                    self._say(*answer)
                elif self._precondition_failed():
                    self._say(412, {})
                elif shop.folders and self._name().rpartition("/")[0] not in shop.collections:
                    self._say(409, {})
                else:
                    status = 204 if self._name() in shop.objects else 201
                    shop.store(self._name(), body)
                    if answer is None:
                        self._say(status, {})
                    else:
                        self.close_connection = True

        def do_DELETE(self) -> None:
            shop.before()
            with shop.lock:
                self._note()
                if shop.forbid_deletes:
                    self._say(shop.forbid_deletes, {})
                elif shop.refuse_deletes:
                    shop.refuse_deletes -= 1
                    self._say(503, {})
                elif self._precondition_failed():
                    self._say(412, {})
                else:
                    self._say(204 if shop.objects.pop(self._name(), None) is not None else 404, {})

        def do_MKCOL(self) -> None:
            with shop.lock:
                self._note()
                known = self._name() in shop.collections
                shop.collections.add(self._name())
                self._say(405 if known else 201, {})

        def log_message(self, *_: object) -> None:
            return

        def _get(self) -> None:
            shop.before()
            with shop.lock:
                self._note()
                body = shop.objects.get(self._name())
            if body is None:
                self._say(404, {})
                return
            start = int(self.headers.get("Range", "bytes=0-").removeprefix("bytes=").partition("-")[0])
            if shop.break_after and self.command == "GET" and len(body) - start > shop.break_after:
                self._break_off(body, start)
            else:
                self._say(206 if start else 200, {"ETag": _tag(body)}, body[start:])

        def _break_off(self, body: bytes, start: int) -> None:
            self.send_response(206 if start else 200)
            self.send_header("ETag", _tag(body))
            self.send_header("Content-Length", str(len(body) - start))
            self.end_headers()
            self.wfile.write(body[start : start + shop.break_after])
            self.close_connection = True

        def _name(self) -> str:
            return unquote(self.path).removeprefix("/shop/").strip("/")

        def _note(self) -> None:
            shop.log.append(Request(self.command, self._name(), dict(self.headers)))

        def _precondition_failed(self) -> bool:
            known = shop.objects.get(self._name())
            if not shop.conditions:
                return False
            if self.headers.get("If-None-Match") == "*":
                return known is not None
            wanted = self.headers.get("If-Match")
            return wanted is not None and (known is None or _tag(known) != wanted)

        def _say(self, status: int, headers: dict[str, str], body: bytes = b"") -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

    return Handler


def _tag(body: bytes) -> str:
    return f'"{hashlib.md5(body).hexdigest()}"'
