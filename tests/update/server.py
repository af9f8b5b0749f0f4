"""A web server for a repository's folder, that can break off, stall, lie, or be a hotel's login page.

with Server(repository.folder) as server:
    server.cut_at[".whl"] = 1000
    house.install_from(server.url)
    server.log
"""

import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Self, TypeVar

T = TypeVar("T")
LOGIN_PAGE = b"<!DOCTYPE html><html><body>Welcome to Hotel Wi-Fi. Please log in.</body></html>"
ENDLESS = b"\0" * 65536


class Server:
    """``log`` holds (path, first byte asked for); faults are chosen by the end of the path."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log: list[tuple[str, int]] = []
        self.sent = 0
        self.cut_at: dict[str, int] = {}  # path's end -> bytes after which the connection breaks, once
        self.endless: set[str] = set()
        self.pages: dict[str, bytes] = {}  # path's end -> what comes instead
        self.status: dict[str, int] = {}
        self.length = ""  # said instead of the true one
        self.drip_s = 0.0
        self.ranges = True
        self.token = ""
        self._httpd = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._httpd.daemon_threads = True

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._httpd.server_port}/packshot"

    def __enter__(self) -> Self:
        threading.Thread(target=self._httpd.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._httpd.shutdown()
        self._httpd.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.answer(self)

            def log_message(self, *_: object) -> None:
                return

        return Handler

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        """One answer, with the fault that was ordered."""
        path = request.path.removeprefix("/packshot/")
        start = int((request.headers.get("Range") or "bytes=0-")[6:].rstrip("-")) if self.ranges else 0
        self.log.append((path, start))
        page = _by_end(self.pages, path)
        status = _by_end(self.status, path)
        if self.token and request.headers.get("Authorization") != f"Bearer {self.token}":
            status = 401
        file = self.folder / path
        if status or (page is None and not file.is_file()):
            request.send_response(status or 404)
            request.send_header("Content-Length", "0")
            request.end_headers()
            return
        data = page if page is not None else file.read_bytes()
        self._send(request, path, data, start if page is None else 0)

    def _send(self, request: BaseHTTPRequestHandler, path: str, data: bytes, start: int) -> None:
        endless = any(path.endswith(end) for end in self.endless)
        request.send_response(206 if start else 200)
        if start:
            request.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        if not endless:
            request.send_header("Content-Length", self.length or str(len(data) - start))
        request.end_headers()
        try:
            self._body(request, path, data[start:], endless)
        except (BrokenPipeError, ConnectionResetError):
            return

    def _body(self, request: BaseHTTPRequestHandler, path: str, data: bytes, endless: bool) -> None:
        end = next((end for end in self.cut_at if path.endswith(end)), None)
        if end is not None:
            data = data[: self.cut_at.pop(end)]
        step = 256 if self.drip_s else len(data) or 1
        for start in range(0, len(data), step):
            request.wfile.write(data[start : start + step])
            self.sent += len(data[start : start + step])
            time.sleep(self.drip_s)
        while endless:
            request.wfile.write(ENDLESS)
        if end is not None:
            request.wfile.flush()
            request.connection.shutdown(socket.SHUT_RDWR)


def _by_end(table: dict[str, T], path: str) -> T | None:
    return next((value for end, value in table.items() if path.endswith(end)), None)
