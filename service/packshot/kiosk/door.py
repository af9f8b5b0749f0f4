"""The door: every request passes here before anything else looks at it.

Checks the Host header (DNS rebinding), the caller's rate, session or token, and for requests that change something the
Origin and the session's CSRF token (double submit, OWASP); adds the security headers to every answer.
"""

import ipaddress
import json
from base64 import b64encode
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from packshot.kiosk.limits import Buckets
from packshot.kiosk.sessions import Role, Session, Sessions

CSRF_HEADER = "x-packshot-csrf"
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


def content_policy(*inline: str) -> str:
    """Content-Security-Policy (W3C, level 3): the box itself and nothing else, and ``inline`` scripts word for word."""
    words = [f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'" for text in inline]
    return "; ".join(
        [
            "default-src 'none'",
            " ".join(["script-src 'self'", *words]),
            "style-src 'self'",
            "img-src 'self' blob:",
            "connect-src 'self'",
            "manifest-src 'self'",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
            "require-trusted-types-for 'script'",
            "trusted-types 'none'",
        ]
    )


POLICY = content_policy()
HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
}


@dataclass(frozen=True)
class DoorSettings:
    """``names`` are the host names the pages may be called by, besides IP addresses and localhost."""

    port: int
    tls: bool = False
    names: Collection[str] = ()

    @property
    def cookie(self) -> str:
        """The cookie's name; browsers keep one jar for all ports of a host, so the port is part of it."""
        return f"packshot-{self.port}"

    def set_cookie(self, session: Session) -> str:
        """The Set-Cookie header for a session."""
        secure = "; Secure" if self.tls else ""
        return f"{self.cookie}={session.cookie}; Path=/; HttpOnly; SameSite=Strict{secure}"


@dataclass
class Caller:
    """Who asks: his address, his session if there is one, what he may do."""

    address: str
    local: bool
    role: Role = Role.NOBODY
    session: Session | None = field(default=None, repr=False)


class Refusal(Exception):
    """A request that goes no further."""

    def __init__(
        self, status: int, code: str, text: str, retry_after_s: float = 0.0, values: Mapping[str, str] | None = None
    ) -> None:
        """``values`` are figures for those who say it in another language."""
        super().__init__(text)
        self.status, self.code, self.text, self.retry_after_s = status, code, text, retry_after_s
        self.values = dict(values or {})


class Door:
    """ASGI middleware; puts a ``Caller`` into ``scope["state"]``."""

    def __init__(self, app: ASGIApp, sessions: Sessions, settings: DoorSettings) -> None:
        self._app = app
        self._sessions = sessions
        self._settings = settings
        self._asked = Buckets(per_s=40, burst=120)
        self._changed = Buckets(per_s=5, burst=20)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the request in or answer it here."""
        if scope["type"] != "http":
            return

        async def dressed(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._dress(MutableHeaders(scope=message), scope)
            await send(message)

        try:
            scope.setdefault("state", {})["caller"] = self._admit(scope)
        except Refusal as refusal:
            await refuse(refusal, dressed)
        else:
            await self._app(scope, receive, dressed)

    def _admit(self, scope: Scope) -> Caller:
        headers = Headers(scope=scope)
        self._check_host(headers.get("host", ""))
        address = scope["client"][0] if scope.get("client") else ""
        caller = Caller(address, _is_local(address, headers))
        changing = scope["method"] not in SAFE_METHODS
        wait_s = (self._changed if changing else self._asked).take(address)
        if wait_s:
            raise Refusal(429, "too-many-requests", "too many requests; wait a moment", wait_s)
        bearer = headers.get("authorization", "").partition("Bearer ")[2]
        if bearer:
            self._check_token(caller, bearer)
            return caller
        caller.session = self._sessions.find(self._cookie(headers))
        if caller.session:
            caller.role = self._sessions.role(caller.session)
        if changing:
            self._check_change(caller, headers)
        return caller

    def _check_token(self, caller: Caller, bearer: str) -> None:
        """A token is too long to be guessed at the rate of the buckets, so wrong ones are not counted."""
        if not self._sessions.is_token(bearer):
            raise Refusal(401, "wrong-token", "this token is not the one in kiosk.token_file")
        caller.role = Role.ADMIN

    def _check_host(self, host: str) -> None:
        try:
            name = urlsplit(f"//{host}").hostname or ""
        except ValueError:  # one bracket without the other
            name = ""
        if name not in {"localhost", *self._settings.names} and not _is_address(name):
            text = "the pages are not served under this name; add it to kiosk.names"
            raise Refusal(421, "unknown-host", text)

    def _check_change(self, caller: Caller, headers: Headers) -> None:
        origin, site = headers.get("origin"), headers.get("sec-fetch-site", "same-origin")
        scheme = "https" if self._settings.tls else "http"
        if origin not in (None, f"{scheme}://{headers.get('host', '')}") or site not in ("same-origin", "none"):
            raise Refusal(403, "foreign-origin", "requests from other sites are not answered")
        csrf = caller.session.csrf if caller.session else ""
        if not csrf or headers.get(CSRF_HEADER, "") != csrf:
            raise Refusal(403, "stale-session", "the session is not known here any more; load the page again")
        if caller.session:
            self._sessions.used(caller.session)

    def _cookie(self, headers: Headers) -> str:
        """Other pages of this host share the jar, and some put there what ``http.cookies`` takes for the end of it."""
        return cookie_parser(headers.get("cookie", "")).get(self._settings.cookie, "")

    def _dress(self, headers: MutableHeaders, scope: Scope) -> None:
        for name, value in HEADERS.items():
            headers[name] = value
        headers.setdefault("content-security-policy", POLICY)  # a page brings its own
        if self._settings.tls:
            headers["strict-transport-security"] = "max-age=31536000"
        if scope["path"].startswith("/api/"):
            headers.setdefault("cache-control", "no-store")
        else:
            headers.setdefault("cache-control", "no-cache")


async def refuse(refusal: Refusal, send: Any) -> None:
    """Answer with the refusal as JSON."""
    body = json.dumps({"code": refusal.code, "error": refusal.text, "values": refusal.values}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    if refusal.retry_after_s:
        headers.append((b"retry-after", str(int(refusal.retry_after_s) + 1).encode()))
    await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _is_local(address: str, headers: Headers) -> bool:
    """Whether the caller sits at the box itself, and not behind a proxy that runs on it."""
    forwarded = any(name in headers for name in ("forwarded", "x-forwarded-for", "x-real-ip", "via"))
    return not forwarded and _is_address(address) and ipaddress.ip_address(address).is_loopback


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
