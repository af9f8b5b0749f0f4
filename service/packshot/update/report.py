"""What the commands print: the JSON objects of the README, and lines for people."""

from typing import Any

import msgspec

from packshot import __version__
from packshot.update.box import Box
from packshot.update.install import Result
from packshot.update.look import Offer
from packshot.update.manifest import INTERFACE
from packshot.update.state import BEFORE_THE_SWITCH, Phase, Release, State, at_rest_if_idle, way_back

PROVEN = BEFORE_THE_SWITCH | {Phase.IDLE, Phase.COMMIT}


def status(box: Box) -> dict[str, Any]:
    """Where the box stands. ``installed`` is what ``current`` points to, whatever the state says."""
    state, running = at_rest_if_idle(box.layout, box.states.load()), box.running()
    return {
        "v": 1,
        "phase": str(state.phase),
        "committed": is_committed(state, running),
        "installed": _release(running),
        "previous": _release(way_back(state, running)),
        "target": _release(state.target),
        "tries_left": state.tries_left,
        "progress": msgspec.to_builtins(state.progress),
        "error": state.error,
        "failed": msgspec.to_builtins(state.failed),
        "latest": state.latest,
        "updater": {"version": __version__, "interface": INTERFACE},
    }


def is_committed(state: State, running: Release | None) -> bool:
    """Whether what runs has proved itself; what was laid by ``install.sh`` has nothing to prove."""
    if running is None or state.phase not in PROVEN:
        return False
    return state.committed is None or state.committed.slot == running.slot or running.sequence == 0


def offered(box: Box, offer: Offer) -> dict[str, Any]:
    """The answer of ``check``."""
    release = offer.release if offer.newer else None
    available = {"version": release.version, "sequence": release.sequence, "slot": ""} if release else None
    return {
        "v": 1,
        "installed": _release(box.running()),
        "available": available,
        "allowed": bool(release and offer.allowed),
        "reason": offer.reason,
        "notes": release.notes if release else "",
    }


def outcome(box: Box, result: Result) -> dict[str, Any]:
    """The answer of ``install`` and ``rollback``."""
    now = status(box)
    word = {"result": result.word, "error": result.text if result.word != "up-to-date" else ""}
    return {"v": 1, **word, "installed": now["installed"], "previous": now["previous"]}


def status_lines(said: dict[str, Any]) -> list[str]:
    """``status`` for people."""
    rows: list[tuple[str, str]] = [
        ("running", _running(said)),
        ("phase", said["phase"]),
        ("previous", _words(said["previous"])),
        ("target", _words(said["target"])),
        ("tries left", str(said["tries_left"]) if said["target"] else ""),
        ("latest", said["latest"]),
        ("last error", said["error"]),
        *(("failed", f"{one['version']} at {one['at'][:16]}: {one['reason']}") for one in said["failed"]),
        ("updater", said["updater"]["version"]),
    ]
    return [f"{name:12}{text}" for name, text in rows if text and text != "-"]


def _running(said: dict[str, Any]) -> str:
    if said["installed"] is None:
        return "nothing is installed here"
    return _words(said["installed"]) + ("" if said["committed"] else ", not committed")


def _release(release: Release | None) -> dict[str, Any] | None:
    return dict(msgspec.to_builtins(release)) if release else None


def _words(release: dict[str, Any] | None) -> str:
    return f"{release['version']} (sequence {release['sequence']})" if release else "-"
