"""Any order of calls, reopenings and lost indexes, beside a model that is a dictionary."""

from contextlib import ExitStack
from dataclasses import dataclass

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, precondition, rule

from packshot.domain import ENDED, IN_DELIVERY, Decision, Stage
from packshot.errors import SpoolFull
from packshot.messages import Receipt
from packshot.spool.limits import DAY_S, Retention, SpoolLimits
from packshot.spool.sqlite_spool import SqliteSpool
from tests.fakes.clock import HandClock
from tests.support.memory import memory_folder
from tests.support.spool import a_cut, a_frame, a_request, receipt_for

LIMITS = SpoolLimits(max_captures=6, min_free_bytes=0)
RULES = Retention(keep_originals_s=DAY_S, keep_receipted_s=2 * DAY_S, keep_ended_s=3 * DAY_S)
STAGE_AFTER = {Decision.PUBLISH: Stage.CUT, Decision.HOLD: Stage.HELD, Decision.EMPTY: Stage.EMPTY}


@dataclass
class Known:
    """What the model remembers of one capture."""

    capture_id: str
    photo: bytes
    stage: Stage = Stage.ACCEPTED
    cutout: bytes = b""


class SpoolMachine(RuleBasedStateMachine):
    """Every capture that was acknowledged is in the spool, in the stage and with the bytes that the model remembers."""

    captures = Bundle("captures")

    def __init__(self) -> None:
        super().__init__()
        self._memory = ExitStack()
        self.root = self._memory.enter_context(memory_folder()) / "spool"
        self.clock = HandClock()
        self.known: dict[str, Known] = {}
        self.takes: dict[str, int] = {}
        self.counter = 0

    @initialize()
    def open(self) -> None:
        self.spool = SqliteSpool(self.root, limits=LIMITS, retention=RULES, clock=self.clock)

    @rule(target=captures, sku=st.sampled_from(["", "A", "B"]), frames=st.integers(1, 2))
    def shoot(self, sku: str, frames: int) -> str:
        self.counter += 1
        photo = b"photo %d" % self.counter
        try:
            capture = self.spool.accept(a_request(f"r{self.counter}", sku), [a_frame(photo)] * frames)
        except SpoolFull:
            # Only what was delivered makes way, so a refusal means that everything left is still needed.
            assert len(list((self.root / "captures").iterdir())) == LIMITS.max_captures
            return ""
        self.takes[sku] = self.takes.get(sku, 0) + 1 if sku else 1
        assert capture.revision == self.takes[sku]
        assert all(capture.capture_id > other for other in self.known)
        self.known[capture.capture_id] = Known(capture.capture_id, photo)
        return capture.capture_id

    @rule(capture_id=captures, decision=st.sampled_from(Decision))
    def cut(self, capture_id: str, decision: Decision) -> None:
        if not (known := self.known.get(capture_id)):
            return
        self.counter += 1
        cutout = b"cutout %d" % self.counter
        self.spool.store_cut(capture_id, a_cut(cutout, decision))
        if known.stage in (Stage.ACCEPTED, Stage.HELD):
            known.stage = STAGE_AFTER[decision]
            known.cutout = b"" if decision is Decision.EMPTY else cutout + b"cutout.png"

    @rule(capture_id=captures, stage=st.sampled_from([Stage.OFFERED, Stage.CLAIMED]))
    def deliver(self, capture_id: str, stage: Stage) -> None:
        if known := self.known.get(capture_id):
            self.spool.advance(capture_id, stage, only_from=IN_DELIVERY)
            known.stage = stage if known.stage in IN_DELIVERY else known.stage

    @rule(capture_id=captures, stage=st.sampled_from([Stage.HELD, Stage.FAILED, Stage.CANCELLED, Stage.REFUSED]))
    def stop(self, capture_id: str, stage: Stage) -> None:
        if known := self.known.get(capture_id):
            self.spool.advance(capture_id, stage, "because", only_from={*IN_DELIVERY, Stage.ACCEPTED})
            known.stage = stage if known.stage in {*IN_DELIVERY, Stage.ACCEPTED} else known.stage

    @rule(capture_id=captures, refused=st.booleans())
    def receive(self, capture_id: str, refused: bool) -> None:
        known = self.known.get(capture_id)
        if known and known.stage in IN_DELIVERY:
            capture = self.spool.get(capture_id)
            assert capture is not None
            receipt = Receipt({}, "folder", refused="never") if refused else receipt_for(capture)
            known.stage = Stage.REFUSED if refused else Stage.RECEIPTED
            assert self.spool.record_receipt(capture_id, receipt).stage is known.stage

    @rule(capture_id=consumes(captures))
    def purge(self, capture_id: str) -> None:
        known = self.known.get(capture_id)
        if known and known.stage in ENDED | {Stage.HELD} and self.spool.get(capture_id):
            self.spool.purge(capture_id)
            del self.known[capture_id]

    @rule(days=st.sampled_from([0.5, 1.5, 4.0]))
    def wait_and_collect(self, days: float) -> None:
        self.clock.pass_days(days)
        self.spool.collect()
        for known in list(self.known.values()):
            if known.stage in ENDED - {Stage.FAILED} and self.spool.get(known.capture_id) is None:
                del self.known[known.capture_id]

    @rule()
    def reopen(self) -> None:
        self.spool.close()
        self.open()
        assert self.spool.recovered == ()

    @precondition(lambda self: not any(known.stage in ENDED for known in self.known.values()))
    @rule()
    def lose_the_index(self) -> None:
        self.spool.close()
        for path in self.root.glob("index.sqlite*"):
            path.unlink()
        self.open()
        assert all(finding.mended for finding in self.spool.check())
        for known in self.known.values():
            known.stage = Stage.CUT if known.stage in IN_DELIVERY else known.stage

    @invariant()
    def what_was_acknowledged_is_there(self) -> None:
        for known in self.known.values():
            capture = self.spool.get(known.capture_id)
            if known.stage not in ENDED - {Stage.FAILED}:
                assert capture is not None
                assert self.spool.read(known.capture_id, "original.jpg") == known.photo
                assert not known.cutout or self.spool.read(known.capture_id, "cutout.png") == known.cutout
            if capture is not None:
                assert capture.stage is known.stage
        assert {capture.capture_id for capture in self.spool.captures()} <= self.known.keys()

    def teardown(self) -> None:
        if "spool" in self.__dict__:
            assert self.spool.check(fix=True) == []
            self.spool.close()
        self._memory.close()


TestSpoolMachine = SpoolMachine.TestCase
TestSpoolMachine.settings = settings(
    max_examples=60, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
)
