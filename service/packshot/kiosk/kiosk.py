"""The kiosk as the daemon sees it: checked, opened, told of captures, closed."""

import socket
from collections.abc import Callable

from packshot.errors import StopDaemon
from packshot.kiosk.app import App
from packshot.kiosk.check import secrets_of
from packshot.kiosk.door import DoorSettings
from packshot.kiosk.parts import Parts
from packshot.kiosk.server import Server
from packshot.kiosk.sessions import Sessions
from packshot.sections import KioskSection


class Kiosk:
    """Pages and interface of one daemon."""

    def __init__(self, section: KioskSection, parts: Parts, on_fatal: Callable[[StopDaemon], None]) -> None:
        """Raises ConfigError for what ``secrets_of`` refuses and for a certificate that cannot be used."""
        pin, token = secrets_of(section)
        names = {socket.gethostname().lower(), *(name.lower() for name in section.names)}
        names |= {f"{name}.local" for name in names if "." not in name}
        settings = DoorSettings(section.port, bool(section.cert_file), frozenset(names))
        self._app = App(parts, section, Sessions(pin, token), settings, on_fatal)
        self._server = Server(self._app, section)
        self.on_cut, self.hear, self.start = self._app.on_cut, self._app.hear, self._server.start
        self.close = self._server.close

    @property
    def problem(self) -> str:
        """Empty, or one line that says why nobody can open the pages."""
        return self._server.problem
