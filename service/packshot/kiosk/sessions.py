"""Who may do what: the sessions of browsers, the PIN of people, the token of scripts."""

import hmac
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import IntEnum

MAX_SESSIONS = 500
ADMIN_IDLE_S = 300.0


class Role(IntEnum):
    """What a caller may do; each includes the one before."""

    NOBODY = 0  # enter the PIN
    BOOTH = 1  # take photos, release and refuse, read everything else
    ADMIN = 2  # change the box


@dataclass
class Session:
    """One browser. The secrets are random; ``csrf`` must come with every request that changes something."""

    role: Role
    cookie: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)
    csrf: str = field(default_factory=lambda: secrets.token_urlsafe(24), repr=False)
    admin_until: float = 0.0


class Sessions:
    """All browsers since the start, in memory; the least recently seen ones are forgotten first. Thread-safe.

    A browser on the box itself works the booth without a PIN, from elsewhere nothing goes without it. The right to
    change the box lapses some minutes after it was last used: touch screens are left unattended.
    """

    def __init__(self, pin: str, token: str, now: Callable[[], float] = time.monotonic) -> None:
        """Empty ``pin`` or ``token``: there is none, and nobody can enter it."""
        self._pin = pin.encode()
        self._token = token.encode()
        self._now = now
        self._known: OrderedDict[str, Session] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def has_pin(self) -> bool:
        """Whether a PIN can be entered."""
        return bool(self._pin)

    def find(self, cookie: str) -> Session | None:
        """The session of a cookie, if it is known."""
        with self._lock:
            session = self._known.get(cookie)
            if session:
                self._known.move_to_end(cookie)
            return session

    def open(self, local: bool) -> Session:
        """A new session; ``local`` for a browser on the box itself."""
        session = Session(Role.BOOTH if local else Role.NOBODY)
        with self._lock:
            self._known[session.cookie] = session
            while len(self._known) > MAX_SESSIONS:
                self._known.popitem(last=False)
        return session

    def enter(self, session: Session, pin: str) -> bool:
        """Whether the PIN is right; then the session may change the box for a while, and work the booth for good."""
        if not self._pin or not hmac.compare_digest(pin.encode(), self._pin):
            return False
        session.role = Role.BOOTH
        session.admin_until = self._now() + ADMIN_IDLE_S
        return True

    def leave(self, session: Session) -> None:
        """Give the right to change the box back."""
        session.admin_until = 0.0

    def role(self, session: Session) -> Role:
        """What the session may do now."""
        return Role.ADMIN if self._now() < session.admin_until else session.role

    def used(self, session: Session) -> None:
        """Something was changed: the right to do so lasts on."""
        if self.role(session) is Role.ADMIN:
            session.admin_until = self._now() + ADMIN_IDLE_S

    def is_token(self, bearer: str) -> bool:
        """Whether this is the token of scripts."""
        return bool(self._token) and hmac.compare_digest(bearer.encode(), self._token)
