"""Which lamp burns while a frame is exposed, and what the sign light says."""

import threading
import time
from collections.abc import Callable

import pytest

from packshot.errors import ConfigError
from packshot.lamp.absent import AbsentLamp
from packshot.lamp.gpio import BLINK_S, GpioLamp
from packshot.lamp.port import Lamp, Sign
from tests.fakes.gpio import FakeOutputs


@pytest.fixture
def outputs() -> FakeOutputs:
    return FakeOutputs()


@pytest.fixture
def lamp(outputs: FakeOutputs) -> GpioLamp:
    channels = {"": 5, "a": 6, "b": 7}
    return GpioLamp("/dev/gpiochip0", channels, sign_line=9, settle_s=0.0, open_outputs=lambda: outputs)


def _wait(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


@pytest.mark.parametrize(("backdrop", "line"), [("", 5), ("a", 6), ("b", 7), ("unknown", 5)])
def test_the_backdrops_lamp_burns_inside_the_with_and_no_other(
    lamp: GpioLamp, outputs: FakeOutputs, backdrop: str, line: int
) -> None:
    with lamp.lit(backdrop):
        assert outputs.on == {line}
    assert outputs.on == set()
    lamp.close()


def test_the_lamp_goes_out_when_the_exposure_fails(lamp: GpioLamp, outputs: FakeOutputs) -> None:
    with pytest.raises(RuntimeError), lamp.lit("a"):
        raise RuntimeError
    assert outputs.on == set()
    lamp.close()


def test_without_a_usual_lamp_an_unknown_backdrop_has_none(outputs: FakeOutputs) -> None:
    lamp = GpioLamp("/dev/gpiochip0", {"a": 6}, settle_s=0.0, open_outputs=lambda: outputs)
    with lamp.lit(""):
        assert outputs.on == set()
    lamp.close()


def test_error_blinks_and_ready_burns(lamp: GpioLamp, outputs: FakeOutputs) -> None:
    lamp.show(Sign.ERROR)
    _wait(lambda: outputs.switched[:3] == [(9, True), (9, False), (9, True)])
    lamp.show(Sign.READY)
    _wait(lambda: outputs.switched[-1] == (9, True))
    before = len(outputs.switched)
    time.sleep(2 * max(BLINK_S[Sign.ERROR]))
    assert len(outputs.switched) <= before + 1
    assert outputs.on == {9}
    lamp.close()

    assert outputs.on == set()


def test_the_sign_goes_on_while_a_lamp_burns(lamp: GpioLamp, outputs: FakeOutputs) -> None:
    lamp.show(Sign.READY)
    _wait(lambda: 9 in outputs.on)
    with lamp.lit("a"):
        assert outputs.on == {6, 9}
    assert outputs.on == {9}
    lamp.close()


def test_lamps_that_fail_stop_no_capture_and_work_again_later(lamp: GpioLamp, outputs: FakeOutputs) -> None:
    outputs.fault = OSError(19, "No such device")
    with lamp.lit("a"):
        assert "cannot be switched" in lamp.problem

    outputs.fault = None
    with lamp.lit("a"):
        assert outputs.on == {6}
    assert lamp.problem == ""
    lamp.close()


def test_closing_gives_the_lines_back_once(lamp: GpioLamp, outputs: FakeOutputs) -> None:
    with lamp.lit("a"):
        pass
    lamp.close()
    lamp.close()

    assert outputs.released == 1


def test_a_missing_chip_or_package_is_a_state() -> None:
    lamp = GpioLamp("/dev/gpiochip-of-nobody", {"": 5}, settle_s=0.0)
    with lamp.lit(""):
        assert "cannot be switched" in lamp.problem
    lamp.close()


@pytest.mark.parametrize(("channels", "sign_line"), [({}, None), ({"a": 5, "b": 5}, None), ({"": 5}, 5)])
def test_lines_that_are_used_twice_or_not_at_all(channels: dict[str, int], sign_line: int | None) -> None:
    with pytest.raises(ConfigError, match="line of their own"):
        GpioLamp("/dev/gpiochip0", channels, sign_line=sign_line)


def test_no_lamp_is_a_lamp_too() -> None:
    lamp: Lamp = AbsentLamp()
    with lamp.lit("a"):
        pass
    lamp.show(Sign.ERROR)
    lamp.close()

    assert lamp.problem == ""


def test_closing_at_the_very_moment_of_a_look_at_the_sign_ends() -> None:
    lamp = GpioLamp("/dev/gpiochip0", {}, sign_line=9, settle_s=0.0, open_outputs=FakeOutputs)
    looked, go_on = threading.Event(), threading.Event()

    class Slow(threading.Event):
        """A thread may be held up between any two lines."""

        def clear(self) -> None:
            looked.set()
            go_on.wait(5)
            super().clear()

    lamp._sign_changed = Slow()
    lamp.show(Sign.READY)
    assert looked.wait(5)
    closer = threading.Thread(target=lamp.close, daemon=True)
    closer.start()
    while lamp._sign is not None:
        time.sleep(0.01)
    go_on.set()
    closer.join(5)
    assert not closer.is_alive()
