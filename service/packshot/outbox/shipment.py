"""One capture on its way to an uploader: offered, claimed, parts sent and confirmed. State only, no I/O."""

from collections import deque
from dataclasses import dataclass, field
from enum import Enum

from packshot.domain import Capture
from packshot.messages import Claim, Offer, OfferedArtefact
from packshot.parts import from_ranges, part_count

Part = tuple[str, int]
"""Artefact name and part number."""


class Phase(Enum):
    """Where a shipment is."""

    WAITING = "waiting"  # to be offered when ``due``
    OFFERED = "offered"  # somebody may claim until ``due``
    CLAIMED = "claimed"  # ``claimant`` holds it until ``due``


@dataclass
class Shipment:
    """``due`` is a monotonic time in seconds: when the present phase ends by itself."""

    capture: Capture
    offer: Offer
    phase: Phase = Phase.WAITING
    due: float = 0.0
    claimant: str = ""
    offers: int = 0  # repeats since the last claim
    unheard: int = 0  # repeats in a row that nobody listened to
    checked: bool = False  # whether the files had their sha256 when this claim began
    quiet_since: float = 0.0  # the claimant's last word
    hold_until: float = 0.0  # the broker or the claimant cannot take more before
    todo: deque[Part] = field(default_factory=deque)
    under_way: set[Part] = field(default_factory=set)  # published, no PUBACK yet
    sent_at: dict[Part, float] = field(default_factory=dict)  # the broker has it, the claimant has not said so
    missed: dict[Part, int] = field(default_factory=dict)  # how often the broker took a part that never arrived

    @property
    def capture_id(self) -> str:
        """Whose shipment this is."""
        return self.capture.capture_id

    def artefact(self, name: str) -> OfferedArtefact:
        """The offered artefact of that name."""
        return next(artefact for artefact in self.offer.artefacts if artefact.name == name)

    def ahead(self) -> int:
        """Parts sent or under way that the claimant has not confirmed."""
        return len(self.under_way) + len(self.sent_at)

    def hold_back(self, now: float, ahead: int, pace_s: float) -> bool:
        """Whether to wait, for the claimant's word or for somebody to listen, before more parts follow."""
        return now < self.hold_until or (self.ahead() >= ahead and now - self.quiet_since < pace_s)

    def pack(self, capture: Capture, offer: Offer) -> None:
        """The offer as it can be made now, perhaps in other parts."""
        if offer.artefacts != self.offer.artefacts:
            self.missed.clear()
        self.capture, self.offer = capture, offer

    def offered(self, due: float) -> None:
        """The offer is out."""
        self.phase, self.due, self.claimant = Phase.OFFERED, due, ""
        self.offers += 1
        self._forget_parts()

    def claimed(self, claim: Claim, now: float, lease_s: float) -> None:
        """An uploader has it: send what it lacks."""
        self.phase, self.claimant, self.checked = Phase.CLAIMED, claim.uploader_id, False
        self.offers = self.unheard = 0
        self._forget_parts()
        have = self._held(claim)
        self.todo.extend(part for part in self._all_parts() if part not in have)
        self.renewed(now, lease_s)
        self.quiet_since = now

    def confirmed(self, claim: Claim, now: float, lease_s: float, resend_after_s: float) -> None:
        """The claimant reports what it has; when it is stalled, what is missing is sent again."""
        have = self._held(claim)
        self._acquit(have & {*self.todo, *self.under_way, *self.sent_at})
        self.sent_at = {part: at for part, at in self.sent_at.items() if part not in have}
        self.todo = deque(part for part in self.todo if part not in have)  # arrived, although the link broke after it
        self.quiet_since = now
        self.renewed(now, lease_s)
        if claim.stalled:
            for part in [part for part, at in self.sent_at.items() if now - at >= resend_after_s]:
                del self.sent_at[part]
                self.missed[part] = self.missed.get(part, 0) + 1
            busy = have | self.under_way | self.sent_at.keys()
            self.todo = deque(part for part in self._all_parts() if part not in busy)

    def renewed(self, now: float, lease_s: float) -> None:
        """There is progress."""
        self.due = now + lease_s

    def abandoned(self, due: float) -> None:
        """Offer again at ``due``."""
        self.phase, self.due, self.claimant = Phase.WAITING, due, ""
        self._forget_parts()

    def vanishing(self, times: int) -> Part | None:
        """A part that the broker took so often without passing it on; some drop what is too large in silence."""
        return next((part for part, missed in self.missed.items() if missed >= times), None)

    def next_part(self) -> Part:
        """The next part to publish; only while ``todo`` is not empty."""
        part = self.todo.popleft()
        self.under_way.add(part)
        return part

    def part_taken(self, part: Part, now: float) -> None:
        """PUBACK."""
        if part in self.under_way:
            self.under_way.discard(part)
            self.sent_at[part] = now

    def part_lost(self, part: Part) -> None:
        """No PUBACK, or nobody listened: send it again, first."""
        if part in self.under_way:
            self.under_way.discard(part)
            self.todo.appendleft(part)

    def _all_parts(self) -> list[Part]:
        return [(artefact.name, part) for artefact in self.offer.artefacts for part in range(artefact.parts)]

    def _held(self, claim: Claim) -> set[Part]:
        return {
            (artefact.name, part)
            for artefact in self.offer.artefacts
            for part in from_ranges(claim.have.get(artefact.name, ()), artefact.parts)
        }

    def _acquit(self, arrived: set[Part]) -> None:
        """The broker passes on parts of that size: what is still missing, and no larger, was lost in another way."""
        passed = max((self._part_bytes(part) for part in arrived), default=0)
        self.missed = {part: times for part, times in self.missed.items() if self._part_bytes(part) > passed}

    def _part_bytes(self, part: Part) -> int:
        artefact = self.artefact(part[0])
        return part_count(artefact.bytes, artefact.parts)

    def _forget_parts(self) -> None:
        """What was sent; not what never arrived, for the next claimant may meet the same."""
        self.todo.clear()
        self.under_way.clear()
        self.sent_at.clear()
