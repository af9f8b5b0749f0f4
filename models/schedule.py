"""What changes over a run: learning rate and picture size, both functions of progress in [0, 1]."""

import math
from dataclasses import dataclass

from packshot.errors import UsageError

WARM_UP = 0.05
FLOOR = 0.01  # last learning rate over the peak


@dataclass(frozen=True)
class Phase:
    """Train at ``size`` pixels until this much of the run is over."""

    size: int
    until: float


def phases(text: str, multiple: int) -> tuple[Phase, ...]:
    """``192:.45,256:.30,320:.25`` (side and share of the run); raises UsageError if it does not fit the network."""
    try:
        pairs = [(int(side), float(share)) for side, share in (part.split(":") for part in text.split(","))]
    except ValueError as error:
        raise UsageError(f"--sizes {text!r} is not of the form 192:.45,256:.30,320:.25") from error
    if any(side % multiple for side, _ in pairs) or abs(sum(share for _, share in pairs) - 1) > 1e-3:
        raise UsageError(f"--sizes {text!r}: sides must divide by {multiple} and shares add up to 1")
    ends = [sum(share for _, share in pairs[: n + 1]) for n in range(len(pairs))]
    return tuple(Phase(side, end) for (side, _), end in zip(pairs, ends, strict=True))


def size_at(plan: tuple[Phase, ...], progress: float) -> int:
    """Side of the pictures at this point of the run."""
    return next((phase.size for phase in plan if progress < phase.until), plan[-1].size)


def rate_at(peak: float, progress: float) -> float:
    """One-cycle: linear warm-up, then a cosine down to 1 % of the peak."""
    if progress < WARM_UP:
        return peak * max(progress / WARM_UP, FLOOR)
    falling = 0.5 * (1 + math.cos(math.pi * min(1.0, (progress - WARM_UP) / (1 - WARM_UP))))
    return peak * (FLOOR + (1 - FLOOR) * falling)
