"""Where an update stands, durable at every step: the state file and the history beside it."""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from enum import StrEnum

import msgspec
from msgspec import Struct

from packshot.platform import durable
from packshot.platform.clock import Clock, rfc3339
from packshot.update.layout import Layout

FILE_MODE = 0o644
FOLDER_MODE = 0o755
MOST_FAILURES = 20


class Phase(StrEnum):
    """The step in hand. Before SWITCH nothing that runs has been touched."""

    IDLE = "idle"
    FETCH = "fetch"
    VERIFY = "verify"
    STAGE = "stage"
    SELFTEST = "selftest"
    ARM = "arm"
    SWITCH = "switch"
    PROBATION = "probation"
    COMMIT = "commit"
    ROLLBACK = "rollback"


BEFORE_THE_SWITCH = frozenset({Phase.FETCH, Phase.VERIFY, Phase.STAGE, Phase.SELFTEST})
SWITCHED = frozenset({Phase.SWITCH, Phase.PROBATION})
"""Phases in which the new release may run and is not trusted yet."""
ARMED = SWITCHED | {Phase.ARM, Phase.ROLLBACK}
"""Phases in which ``armed_boot`` is the target's, and ``committed_boot`` that of the release to go back to."""


class Release(Struct, frozen=True):
    """A release in its slot; ``sequence`` 0 is one that ``deploy/install.sh`` laid."""

    version: str
    sequence: int
    slot: str


class Failure(Struct, frozen=True):
    """A release that was taken back, and why; no timer installs it again."""

    version: str
    sequence: int
    reason: str
    at: str


class Before(Struct, frozen=True):
    """What worked under the old release: parts of the daemon without a problem, and the engine's name."""

    serving: bool = False
    well: tuple[str, ...] = ()
    engine: str = ""


class Progress(Struct, frozen=True):
    """Bytes fetched, of how many."""

    bytes: int = 0
    of: int = 0


class State(Struct, frozen=True, kw_only=True):
    """All the updater knows. ``committed`` is the last release that proved itself, ``previous`` the one before."""

    v: int = 1
    phase: Phase = Phase.IDLE
    committed: Release | None = None
    previous: Release | None = None
    target: Release | None = None
    tries_left: int = 0
    before: Before = Before()
    examined: bool = False  # golden photo, camera and spool were tried by the new release itself
    armed_boot: str = ""  # boot id of the newest release's ARM, until that has survived a boot; "" = proven
    committed_boot: str = ""  # the same of ``committed``, kept while a newer one is tried
    error: str = ""  # why the last attempt failed
    failed: tuple[Failure, ...] = ()
    latest: str = ""  # newest version that this box may have, as of the last look
    notes: str = ""
    progress: Progress = Progress()
    clock_floor_ms: int = 0  # the clock was right then; it cannot be earlier now

    def has_failed(self, sequence: int) -> bool:
        """Whether this release was taken back here before."""
        return any(failure.sequence == sequence for failure in self.failed)


def way_back(state: State, running: Release | None) -> Release | None:
    """Where a rollback leads: to the committed release if another one runs, else to the one before it."""
    return state.previous if running == state.committed else state.committed


class StateFile:
    """The state on disk. ``change`` reads and writes under a short lock: guard and updater may meet."""

    def __init__(self, layout: Layout, clock: Clock) -> None:
        self._layout = layout
        self._clock = clock

    def prepare(self) -> None:
        """Make the updater's folder and its lock, which anybody may ask about; OSError where we may not."""
        durable.make_folder(self._layout.memory, FOLDER_MODE)
        self._layout.lock.touch(FILE_MODE)

    def load(self) -> State:
        """The state as last written; a box that was never updated has an empty one.

        A state that cannot be read is an empty one, too: ``current`` says what runs, and that is what counts.
        """
        try:
            return msgspec.json.decode(self._layout.state.read_bytes(), type=State)
        except (FileNotFoundError, msgspec.DecodeError):
            return State()

    def change(self, edit: Callable[[State], State]) -> State:
        """Replace the state by ``edit`` of it; durable when this returns."""
        with self._short_lock():
            new = edit(self.load())
            durable.write_file(self._layout.state, msgspec.json.encode(new), FILE_MODE)
        return new

    def set(self, **values: object) -> State:
        """Change some fields."""
        return self.change(lambda state: msgspec.structs.replace(state, **values))

    def note(self, event: str, version: str = "", detail: str = "") -> None:
        """Add a line to the history. A full disk must stop no update and no way back, so then it is not written."""
        line = {"at": rfc3339(self._clock.now_ms()), "event": event, "version": version, "detail": detail}
        with suppress(OSError):
            durable.append_line(self._layout.history, msgspec.json.encode(line))

    def history(self) -> list[dict[str, str]]:
        """All events, oldest first; lines torn by a power cut are left out."""
        with suppress(FileNotFoundError):
            lines = self._layout.history.read_bytes().splitlines()
            return [event for event in map(_event, lines) if event]
        return []

    @contextmanager
    def _short_lock(self) -> Iterator[None]:
        descriptor = os.open(self._layout.state_lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, FILE_MODE)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


def is_at_work(layout: Layout) -> bool:
    """Whether an updater holds the lock; anybody may ask."""
    try:
        descriptor = os.open(layout.lock, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def at_rest_if_idle(layout: Layout, state: State) -> State:
    """A step before the switch that nobody is at any more was interrupted: the box is at rest, and says why."""
    if state.phase not in BEFORE_THE_SWITCH or is_at_work(layout):
        return state
    error = state.error or f"interrupted at {state.phase}; the next install goes on"
    return msgspec.structs.replace(state, phase=Phase.IDLE, error=error)


def with_failure(state: State, failure: Failure) -> State:
    """The state that remembers one failure more; an older one of the same release is forgotten."""
    others = tuple(one for one in state.failed if one.sequence != failure.sequence)
    return msgspec.structs.replace(state, failed=(*others, failure)[-MOST_FAILURES:])


def _event(line: bytes) -> dict[str, str] | None:
    with suppress(msgspec.DecodeError):
        return msgspec.json.decode(line, type=dict[str, str])
    return None
