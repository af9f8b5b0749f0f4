"""The health gate's rules, without I/O: wait, keep, or look closer at what worked before and does not now."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from packshot.update.builder import Part
from packshot.update.service import DaemonState, Running
from packshot.update.state import Before

GRACE_S = 60.0
"""How much longer than the probation a part may take to come back before it is held against the release."""

WATCHED = frozenset({"broker", "camera", "engine", "lamp", "spool", "trigger"})
"""Parts of the daemon's state that a release can break; temperature, supply and the like are not its fault."""

TRIED = {"camera": "camera", "engine": "accelerator", "spool": "spool"}
"""Part of the daemon's state -> part of ``packshot selftest`` that tries the same."""

ACCELERATOR = "edgetpu"


@dataclass(frozen=True)
class Judgement:
    """``over`` once the release has run long enough; ``suspects`` worked before and do not now."""

    over: bool
    suspects: tuple[str, ...] = ()
    text: str = ""


def remember(running: Running, said: DaemonState | None) -> Before:
    """What works under the release that is about to be replaced."""
    if not running.active or said is None or said.pid != running.pid:
        return Before(serving=running.active)
    return Before(True, tuple(sorted(WATCHED - said.ill)), said.engine)


def judge(before: Before, running: Running, said: DaemonState | None, probation_s: float) -> Judgement:
    """How the new release does. Restarts set ``up_s`` back, and the guard counts them."""
    if not running.active:
        return Judgement(False, text="it is not ready yet")
    late = running.up_s >= probation_s + GRACE_S
    if said is None or said.pid != running.pid:
        return Judgement(late, ("state",) if late and before.well else (), "it says nothing of itself")
    suspects = tuple(suspects_of(before, said))
    if running.up_s < probation_s or (suspects and not late):
        return Judgement(False, suspects, f"ready for {running.up_s:.0f} of {probation_s:.0f} seconds")
    return Judgement(True, suspects, ", ".join(suspects) or "healthy")


def suspects_of(before: Before, said: DaemonState) -> Iterable[str]:
    """Parts that were well under the old release and are not now; an accelerator that is not used any more, too."""
    yield from sorted(set(before.well) & said.ill)
    if ACCELERATOR in before.engine and ACCELERATOR not in said.engine and "engine" not in said.ill:
        yield "engine"


def failed_parts(before: Before, tried: Collection[Part]) -> list[str]:
    """Parts that the new release's selftest found broken, without a camera that gave no frame before either."""
    failed = [part.part for part in tried if not part.ok]
    return [part for part in failed if part != "camera" or "camera" in before.well]


def guilty(new_fails: Collection[str], old: Collection[Part]) -> list[str]:
    """What fails under the new release and works under the old one on the same hardware in the same minute."""
    works = {part.part for part in old if part.ok}
    return [part for part in new_fails if part in works]
