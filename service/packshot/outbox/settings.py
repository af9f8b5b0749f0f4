"""How patient and how fast the outbox is."""

from dataclasses import dataclass


@dataclass(frozen=True)
class OutboxSettings:
    """Times in seconds, sizes in bytes."""

    lease_s: float = 30.0  # a claim without progress for so long is void
    in_flight: int = 4  # captures in delivery at once
    window: int = 8  # messages without PUBACK, over all captures
    ahead: int = 32  # parts of one capture sent beyond what its claimant says it has ...
    pace_s: float = 2.0  # ... unless it says nothing for so long
    resend_after_s: float = 2.0  # a part may be under way for so long before it counts as missing
    max_disconnects: int = 5  # losses of the link, one after the other, that convict a message
    min_part_bytes: int = 8 * 1024  # parts that lose us the link are halved down to this
    unheard_s: float = 1.0  # first pause when nobody listens to our offers; doubles up to the lease
    ignored_offers: int = 3  # an offer that others overtake is set aside after so many repeats
