"""What the spool may hold, and for how long it keeps what is done."""

from dataclasses import dataclass

HOUR_S = 3600.0
DAY_S = 24 * HOUR_S
MIB = 1 << 20
GIB = 1 << 30
REQUEST_MEMORY_S = DAY_S
"""How long a request id is remembered; fixed by the wire's contract."""


@dataclass(frozen=True)
class SpoolLimits:
    """Room. A shutter that would break one of these is refused, after delivered captures have made way.

    ``artefact_factor``: room kept free for the artefacts of an original that is not cut yet, as a multiple of its size.
    ``usual_original_bytes``: the size assumed for the next original before it has been taken.
    """

    max_bytes: int = 16 * GIB
    max_captures: int = 20_000
    min_free_bytes: int = 256 * MIB
    artefact_factor: float = 4.0
    usual_original_bytes: int = 4 * MIB


@dataclass(frozen=True)
class Retention:
    """How long files are kept once they are no longer needed; nothing is deleted before the receipt.

    ``keep_originals_s`` and ``keep_receipted_s`` count from the receipt, for the original and for everything.
    ``keep_ended_s`` counts from the end, for captures that were refused, cancelled or empty (files and entry) and for
    the entry of delivered ones. Failed and held captures stay until a person decides.
    ``privacy`` deletes all files at once with the receipt, and with the end of refused, cancelled and empty captures.
    """

    keep_originals_s: float = 7 * DAY_S
    keep_receipted_s: float = 7 * DAY_S
    keep_ended_s: float = 30 * DAY_S
    privacy: bool = False
