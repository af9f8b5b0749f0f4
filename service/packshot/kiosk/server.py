"""The kiosk's server: uvicorn on one thread of the daemon, which it can neither stop nor slow."""

import asyncio
import logging
import socket
import ssl
import threading
from pathlib import Path

import uvicorn

from packshot.errors import ConfigError
from packshot.kiosk.app import App
from packshot.platform.logs import event
from packshot.sections import KioskSection

log = logging.getLogger(__name__)

RETRY_S = 5.0
MAX_CONNECTIONS = 128
# What a browser that does not read may hold up in the kernel: a few preview frames, not seconds of them.
SEND_BUFFER_BYTES = 192 * 1024


class Server:
    """Serves until closed. A port that is taken is a problem, and tried again; never an end of the daemon."""

    def __init__(self, app: App, section: KioskSection) -> None:
        """Raises ConfigError for a certificate that cannot be used."""
        self._app = app
        self._section = section
        self._config = _uvicorn(app, section)
        self._server: uvicorn.Server | None = None
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="kiosk", daemon=True)
        self.problem = ""

    def start(self) -> None:
        """Begin to serve in the background."""
        self._thread.start()

    def close(self, timeout_s: float = 5.0) -> None:
        """End all answers, stop, join the thread."""
        self._closing.set()
        self._app.end_streams()
        if self._server:
            self._server.should_exit = True
        if self._thread.is_alive():
            self._thread.join(timeout_s)
        self._app.close()

    def _run(self) -> None:
        while not self._closing.is_set():
            try:
                listener = self._listen()
            except OSError as error:
                self._fail(f"{self._section.host}:{self._section.port} cannot be served ({error.strerror})")
                self._closing.wait(RETRY_S)
                continue
            self.problem = ""
            event(log, "kiosk serves", url=url_of(self._section))
            with listener:
                asyncio.run(self._serve(listener))

    async def _serve(self, listener: socket.socket) -> None:
        self._server = uvicorn.Server(self._config)
        if self._closing.is_set():
            return
        news = asyncio.create_task(self._app.run())
        await self._server.serve([listener])
        news.cancel()

    def _listen(self) -> socket.socket:
        family, kind, _, _, address = socket.getaddrinfo(
            self._section.host, self._section.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
            listener.bind(address)
            listener.listen(64)
        except OSError:
            listener.close()
            raise
        return listener

    def _fail(self, problem: str) -> None:
        if problem != self.problem:
            event(log, "kiosk does not serve", logging.WARNING, error=problem)
        self.problem = problem


def url_of(section: KioskSection) -> str:
    """Where a browser finds the pages."""
    host = f"[{section.host}]" if ":" in section.host else section.host
    return f"{'https' if section.cert_file else 'http'}://{host}:{section.port}/"


def _uvicorn(app: App, section: KioskSection) -> uvicorn.Config:
    config = uvicorn.Config(
        app.asgi,
        loop="asyncio",
        http="h11",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        date_header=True,
        limit_concurrency=MAX_CONNECTIONS,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=1,
        ssl_certfile=section.cert_file or None,
        ssl_keyfile=section.key_file or None,
    )
    try:
        config.load()
    except (OSError, ssl.SSLError) as error:
        names = f"{Path(section.cert_file)}, {section.key_file or 'no key file'}"
        raise ConfigError(f"kiosk.cert_file and kiosk.key_file ({names}) cannot be used: {error}") from error
    return config
