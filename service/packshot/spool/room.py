"""Whether one more capture fits."""

from dataclasses import dataclass

from packshot.spool.limits import SpoolLimits


@dataclass(frozen=True)
class Usage:
    """``captures`` with files, their ``stored_bytes``, bytes of ``uncut`` originals, ``free_bytes`` of the disk."""

    captures: int
    stored_bytes: int
    uncut_bytes: int
    free_bytes: int


def shortage(limits: SpoolLimits, usage: Usage, new_bytes: int) -> str:
    """Why originals of ``new_bytes`` do not fit, or "".

    Room is also kept for the artefacts to come: of the new originals and of those that are not cut yet.
    """
    needed = round(new_bytes * (1 + limits.artefact_factor) + usage.uncut_bytes * limits.artefact_factor)
    if usage.captures >= limits.max_captures:
        return f"it holds {usage.captures} captures and may hold {limits.max_captures}"
    if usage.stored_bytes + needed > limits.max_bytes:
        return f"{_mb(needed)} are needed, {_mb(usage.stored_bytes)} of {_mb(limits.max_bytes)} are taken"
    if usage.free_bytes - needed < limits.min_free_bytes:
        free, must_stay = _mb(usage.free_bytes), _mb(limits.min_free_bytes)
        return f"{_mb(needed)} are needed, {free} are free and may not sink below {must_stay}"
    return ""


def _mb(number: int) -> str:
    return f"{number / 1e6:.1f} MB"
