"""What the box says of itself on ``status``, ``state`` and ``info``; what is wrong is listed, never hidden."""

import logging
import os
import platform
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from packshot import __version__
from packshot.accelerator.port import Accelerator
from packshot.bus.port import Bus
from packshot.errors import BrokerError, PackshotError
from packshot.messages import CaptureCommand, CaptureVerb, PlainVerb
from packshot.platform.board import Board
from packshot.platform.logs import event
from packshot.spool.port import Spool

log = logging.getLogger(__name__)

PROBLEM_TEMPERATURE_C = 80.0
PROBLEM_MEMORY_BYTES = 64 << 20
ROOM_EVERY_S = 5.0

Problems = Callable[[], Mapping[str, str]]
"""Part ("camera", "engine", ...) -> empty or one line that says what is wrong with it."""


class Health:
    """Publishes ``state`` when something changed and every ``every_s`` seconds; ``info`` on every connect."""

    def __init__(
        self,
        bus: Bus,
        root: str,
        spool: Spool,
        info: Mapping[str, Any],
        problems: Problems,
        engine: Callable[[], str],
        busy: Callable[[], bool],
        utc: Callable[[], str],
        board: Board,
        every_s: float = 30.0,
        keep: Callable[[Mapping[str, Any]], None] = lambda _state: None,
    ) -> None:
        self._keep = keep
        self._bus = bus
        self._root = root
        self._spool = spool
        self._info = info
        self._problems = problems
        self._engine = engine
        self._busy = busy
        self._utc = utc
        self._board = board
        self._every_s = every_s
        self._due = 0.0
        self._room_due = 0.0
        self._no_room = ""
        self._last_shape: tuple[Any, ...] = ()
        self._lock = threading.Lock()

    def on_connected(self) -> None:
        """Say again what the broker may have lost (``status`` is the bus's own)."""
        self._publish("info", msgspec.json.encode(self._info))
        self.tick(force=True)

    def tick(self, force: bool = False) -> None:
        """Publish ``state`` if it is due or its shape changed; called about once a second."""
        with self._lock:
            state = self.state()
            shape = (state["degraded"], state["busy"], state["spool"]["waiting"], state["engine"])
            now = time.monotonic()
            if self._last_shape and shape[0] != self._last_shape[0]:
                event(log, "health changed", logging.WARNING, degraded="; ".join(shape[0]) or "nothing")
            if force or shape != self._last_shape or now >= self._due:
                self._last_shape = shape
                self._due = now + self._every_s
                self._keep({**state, "version": __version__, "pid": os.getpid()})
                self._publish("state", msgspec.json.encode(state))

    def state(self) -> dict[str, Any]:
        """The payload of ``state``."""
        problems = {part: problem for part, problem in self._problems().items() if problem}
        spool = self._spool_state(problems)
        board = self._board_state(problems)
        return {
            "v": 1,
            "ts": self._utc(),
            "monotonic_ms": time.monotonic_ns() // 1_000_000,
            "camera": "problem" if "camera" in problems else "ok",
            "engine": self._engine(),
            "spool": spool,
            **board,
            "busy": self._busy(),
            "degraded": [f"{part}: {problem}" for part, problem in sorted(problems.items())],
        }

    def _board_state(self, problems: dict[str, str]) -> dict[str, Any]:
        temperature, available = self._board.temperature_c(), self._board.memory_available_bytes()
        limits = self._board.throttled()
        if temperature is not None and temperature >= PROBLEM_TEMPERATURE_C:
            problems["temperature"] = f"{temperature:.0f} degrees Celsius; give the box air"
        if available is not None and available < PROBLEM_MEMORY_BYTES:
            problems["memory"] = f"{available >> 20} MiB are left; end what else runs here, or restart the box"
        if limits:
            problems["power"] = f"the board reports {', '.join(limits)}; check supply and cooling"
        return {
            "memory_bytes": self._board.resident_bytes(),
            "memory_available_bytes": available,
            "temperature_c": temperature,
            "throttled": limits,
            "under_voltage": "under-voltage" in limits,
        }

    def _spool_state(self, problems: dict[str, str]) -> dict[str, Any]:
        try:
            depth = self._spool.depth()
        except PackshotError as error:
            problems["spool"] = str(error)
            return {"waiting": 0}
        if time.monotonic() >= self._room_due:
            self._room_due = time.monotonic() + ROOM_EVERY_S
            self._no_room = self._look_for_room()
        if self._no_room:
            problems["disk"] = self._no_room
        return {
            "waiting": depth.waiting,
            "stages": {stage.value: count for stage, count in depth.per_stage.items() if count},
            "oldest_s": round(depth.oldest_s, 1),
            "used_bytes": depth.used_bytes,
            "free_bytes": depth.free_bytes,
        }

    def _look_for_room(self) -> str:
        """Why the next shutter would be refused, or ""."""
        try:
            self._spool.check_room()
        except PackshotError as error:
            return str(error)
        return ""

    def _publish(self, name: str, payload: bytes) -> None:
        if not self._bus.connected:
            return
        try:
            self._bus.publish(f"{self._root}/{name}", payload, retain=True)
        except BrokerError as error:
            event(log, "health not published", logging.DEBUG, error=error)


def board_facts(accelerator: Accelerator, board: Board | None = None) -> dict[str, Any]:
    """What runs here: version, board, Python, model with its sha256, engine."""
    card = accelerator.card
    return {
        "version": __version__,
        "board": (board or Board()).model(),
        "python": platform.python_version(),
        "model": {"name": card.name, "version": card.version, "sha256": card.sha256},
        "engine": accelerator.engine,
    }


def device_info(accelerator: Accelerator, board: Board, capabilities: Mapping[str, Any]) -> dict[str, Any]:
    """The payload of ``info``: the board's facts, its capabilities and the commands' JSON schema."""
    _, schemas = msgspec.json.schema_components([CaptureCommand, CaptureVerb, PlainVerb])
    return {"v": 1, **board_facts(accelerator, board), "capabilities": dict(capabilities), "commands": schemas}
