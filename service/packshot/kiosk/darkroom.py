"""Finished photos of people: in memory only, each for the browser that took it, deleted after a hard limit."""

import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from packshot.kiosk.door import Caller, Refusal

MOST = 12


@dataclass(frozen=True)
class IdFile:
    """One file of an ID photo."""

    media_type: str
    data: bytes = field(repr=False)


Develop = Callable[[str], dict[str, IdFile]]
"""``develop(name)``: the files that are made together with the one asked for; empty for a name that is none."""


@dataclass(frozen=True)
class Print:
    """One ID photo; ``owner`` is the browser that took it, ``files`` what was made of it so far."""

    name: str
    owner: str = field(repr=False)
    files: dict[str, IdFile] = field(repr=False)
    expires_at: float
    develop: Develop = field(repr=False)


class Darkroom:
    """Nothing here is ever written to a disk or a log. Thread-safe."""

    def __init__(self, keep_s: float, now: Callable[[], float] = time.monotonic) -> None:
        self._keep_s = keep_s
        self._now = now
        self._prints: dict[str, Print] = {}
        self._lock = threading.Lock()

    def hang(self, caller: Caller, files: dict[str, IdFile], develop: Develop = lambda _: {}) -> Print:
        """Keep a new photo; other files are developed when they are asked for. The oldest photos go first."""
        name = secrets.token_urlsafe(16)
        made = Print(name, owner_of(caller), dict(files), self._now() + self._keep_s, develop)
        with self._lock:
            self._prints[made.name] = made
            while len(self._prints) > MOST:
                del self._prints[next(iter(self._prints))]
        return made

    def get(self, caller: Caller, name: str) -> Print:
        """The photo; raises Refusal if it is gone, or another browser's."""
        self.sweep()
        with self._lock:
            made = self._prints.get(name)
        if made is None or made.owner != owner_of(caller):
            raise Refusal(404, "gone", "this photo is no longer here")
        return made

    def file(self, caller: Caller, name: str, file: str) -> IdFile:
        """One file of a photo, developed now if need be; raises Refusal as ``get`` does, or if it has no such file."""
        made = self.get(caller, name)
        if file not in made.files:
            made.files.update(made.develop(file))
        if file not in made.files:
            raise Refusal(404, "unknown", "this photo has no such file")
        return made.files[file]

    def delete(self, caller: Caller, name: str) -> None:
        """Delete one photo of this browser; raises Refusal as ``get`` does."""
        made = self.get(caller, name)
        with self._lock:
            self._prints.pop(made.name, None)

    def seconds_left(self, made: Print) -> float:
        """Until it is deleted."""
        return max(0.0, made.expires_at - self._now())

    def sweep(self) -> None:
        """Delete what is past its time; called again and again."""
        now = self._now()
        with self._lock:
            for name in [name for name, made in self._prints.items() if made.expires_at <= now]:
                del self._prints[name]

    def clear(self) -> None:
        """Delete everything."""
        with self._lock:
            self._prints.clear()


def owner_of(caller: Caller) -> str:
    """Who a photo belongs to."""
    return caller.session.cookie if caller.session else f"token from {caller.address}"
