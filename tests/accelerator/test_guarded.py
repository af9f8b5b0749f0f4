"""A fast engine that is missing, fails, hangs, lies, and comes back, while captures go on."""

import threading
import time
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from packshot.accelerator.deadline import DeadlineAccelerator
from packshot.accelerator.guarded import GuardedAccelerator
from packshot.errors import AcceleratorError, ModelError
from tests.fakes.accelerator import FakeAccelerator
from tests.fakes.networks import tiny

CARD = tiny()[0]
GOLDEN = np.random.default_rng(5).integers(-128, 128, (1, 16, 16, 3)).astype(np.int8)


class Slot:
    """Where a fast engine is plugged in, or not."""

    def __init__(self) -> None:
        self.refusal: Exception | None = None
        self.built: list[FakeAccelerator] = []
        self.bias = 0.0
        self.building = threading.Event()
        self.may_build = threading.Event()
        self.may_build.set()

    def __call__(self) -> FakeAccelerator:
        self.building.set()
        self.may_build.wait()
        if self.refusal is not None:
            raise self.refusal
        engine = FakeAccelerator(CARD, "fast")
        engine.bias = self.bias
        self.built.append(engine)
        return engine


@pytest.fixture
def slot() -> Slot:
    return Slot()


@pytest.fixture
def guarded(slot: Slot) -> Iterator[Callable[[], GuardedAccelerator]]:
    """Plugs the slot in, when a test has prepared it."""
    made: list[GuardedAccelerator] = []

    def make() -> GuardedAccelerator:
        cpu = FakeAccelerator(CARD, "cpu")
        made.append(GuardedAccelerator(slot, cpu, GOLDEN, deadline_s=0.2, first_retry_s=0.01))
        return made[-1]

    yield make
    slot.may_build.set()
    for engine in slot.built:
        engine.gate.set()
    for accelerator in made:
        accelerator.close()


def _served_by(accelerator: GuardedAccelerator) -> str:
    expected = FakeAccelerator(CARD).infer(GOLDEN)
    assert np.array_equal(accelerator.infer(GOLDEN), expected)
    return accelerator.engine


def _wait(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_the_fast_engine_serves_once_it_agrees_with_the_cpu(guarded: Callable[[], GuardedAccelerator]) -> None:
    accelerator = guarded()
    _wait(lambda: _served_by(accelerator) == "fast")

    assert accelerator.problem == ""


def test_without_a_fast_engine_the_cpu_serves_from_the_start(
    slot: Slot, guarded: Callable[[], GuardedAccelerator]
) -> None:
    slot.refusal = AcceleratorError("no Edge TPU")
    accelerator = guarded()

    assert _served_by(accelerator) == "cpu"
    _wait(lambda: "no Edge TPU" in accelerator.problem)


def test_an_engine_that_is_plugged_in_later_is_used(slot: Slot, guarded: Callable[[], GuardedAccelerator]) -> None:
    slot.refusal = AcceleratorError("no Edge TPU")
    accelerator = guarded()
    _wait(lambda: bool(accelerator.problem))
    slot.refusal = None

    _wait(lambda: _served_by(accelerator) == "fast")
    assert accelerator.problem == ""


def test_a_capture_during_which_the_engine_fails_is_finished_on_the_cpu(
    slot: Slot, guarded: Callable[[], GuardedAccelerator]
) -> None:
    accelerator = guarded()
    _wait(lambda: _served_by(accelerator) == "fast")
    slot.refusal = AcceleratorError("no Edge TPU")
    slot.built[0].fault = AcceleratorError("inference failed: bus error")

    assert _served_by(accelerator) == "cpu"
    assert "the CPU serves" in accelerator.problem


def test_a_capture_during_which_the_engine_hangs_is_finished_on_the_cpu(
    slot: Slot, guarded: Callable[[], GuardedAccelerator]
) -> None:
    accelerator = guarded()
    _wait(lambda: _served_by(accelerator) == "fast")
    slot.built[0].gate.clear()

    assert _served_by(accelerator) == "cpu"
    _wait(lambda: "hangs" in accelerator.problem)
    assert len(slot.built) == 1, "a second engine must not be opened while the first one holds the device"

    slot.built[0].gate.set()
    _wait(lambda: _served_by(accelerator) == "fast")
    assert slot.built[0].closed


def test_an_engine_that_comes_back_is_proved_again_before_it_serves(
    slot: Slot, guarded: Callable[[], GuardedAccelerator]
) -> None:
    accelerator = guarded()
    _wait(lambda: _served_by(accelerator) == "fast")
    slot.bias = 3.0
    slot.built[0].fault = AcceleratorError("inference failed: bus error")

    assert _served_by(accelerator) == "cpu"
    _wait(lambda: len(slot.built) >= 3)
    assert "differently from the CPU" in accelerator.problem
    assert _served_by(accelerator) == "cpu"

    slot.bias = 0.0
    _wait(lambda: _served_by(accelerator) == "fast")


def test_a_network_that_cannot_run_there_is_not_tried_again(
    slot: Slot, guarded: Callable[[], GuardedAccelerator]
) -> None:
    slot.refusal = ModelError("network tiny was not compiled for the Edge TPU")
    accelerator = guarded()
    _wait(lambda: "not compiled" in accelerator.problem)
    slot.refusal = None
    time.sleep(0.1)

    assert _served_by(accelerator) == "cpu"
    assert slot.built == []


def test_a_wrong_array_is_the_callers_fault_and_costs_no_engine(guarded: Callable[[], GuardedAccelerator]) -> None:
    accelerator = guarded()
    _wait(lambda: _served_by(accelerator) == "fast")
    with pytest.raises(ValueError, match="int8"):
        accelerator.infer(GOLDEN.astype(np.int16))  # type: ignore[arg-type]

    assert _served_by(accelerator) == "fast"


def test_no_thread_stays_after_close(guarded: Callable[[], GuardedAccelerator]) -> None:
    accelerator = guarded()
    _wait(lambda: _served_by(accelerator) == "fast")
    accelerator.close()

    assert not [thread for thread in threading.enumerate() if thread.name.startswith("engine")]


def test_an_engine_that_is_built_only_after_close_is_let_go(
    slot: Slot, guarded: Callable[[], GuardedAccelerator]
) -> None:
    slot.may_build.clear()
    accelerator = guarded()
    assert slot.building.wait(20)
    accelerator.close()
    slot.may_build.set()

    _wait(lambda: bool(slot.built) and slot.built[0].closed)
    _wait(lambda: not [thread for thread in threading.enumerate() if thread.name.startswith("engine")])


def test_after_a_missed_deadline_every_call_fails_at_once() -> None:
    engine = FakeAccelerator(CARD, "fast")
    engine.gate.clear()
    limited = DeadlineAccelerator(engine, 0.05)
    for _ in range(2):
        with pytest.raises(AcceleratorError, match="no answer within"):
            limited.infer(GOLDEN)
    assert limited.hangs()

    engine.gate.set()
    _wait(lambda: not limited.hangs())
    assert engine.closed
