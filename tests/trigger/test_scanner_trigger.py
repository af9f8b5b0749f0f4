"""Barcodes as a scanner types them, through a pipe that carries the kernel's own events."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from packshot.errors import BadMessage
from packshot.trigger.port import TriggerAction
from packshot.trigger.scanned import ScannedSku
from packshot.trigger.scanner import EVENT, KEYS, ScannerTrigger, Typed
from tests.fakes.trigger import FakeTrigger, Fired

CODES = {plain: (code, False) for code, (plain, _) in KEYS.items()} | {
    shifted: (code, True) for code, (plain, shifted) in KEYS.items() if plain != shifted
}
SHIFT, ENTER, SYN = 42, 28, (0, 0, 0)


def typed(text: str) -> list[tuple[int, int, int]]:
    """The events of typing ``text`` and Enter."""
    events: list[tuple[int, int, int]] = []
    for char in text:
        code, shifted = CODES[char]
        around = [(1, SHIFT, 1)] if shifted else []
        events += [*around, (1, code, 1), SYN, (1, code, 0), SYN]
        events += [(1, SHIFT, 0)] if shifted else []
    return [*events, (1, ENTER, 1), SYN, (1, ENTER, 0), SYN]


def _bytes(events: list[tuple[int, int, int]]) -> bytes:
    return b"".join(EVENT.pack(0, 0, *event) for event in events)


class Scanner:
    """A FIFO in place of /dev/input/by-id/..., and the trigger that reads it."""

    def __init__(self, path: Path) -> None:
        os.mkfifo(path)
        self.writing = os.open(path, os.O_RDWR)
        self.fired = Fired()
        self.trigger = ScannerTrigger(str(path), grab=lambda _: None)

    def scan(self, text: str) -> None:
        os.write(self.writing, _bytes(typed(text)))


@pytest.fixture
def scanner(tmp_path: Path) -> Iterator[Scanner]:
    scanner = Scanner(tmp_path / "scanner")
    yield scanner
    scanner.trigger.close()
    os.close(scanner.writing)


def _wait_for_problem(trigger: ScannerTrigger) -> str:
    deadline = time.monotonic() + 10
    while not trigger.problem and time.monotonic() < deadline:
        time.sleep(0.01)
    return trigger.problem


@pytest.mark.parametrize("code", ["4006381333931", "AB-12_x.9", "Mug 01", "a" * 64])
def test_a_scan_is_a_capture_with_that_sku(scanner: Scanner, code: str) -> None:
    scanner.trigger.start(scanner.fired)
    scanner.scan(code)

    assert scanner.fired.next() == (TriggerAction.CAPTURE, code)


def test_scans_one_after_the_other(scanner: Scanner) -> None:
    scanner.trigger.start(scanner.fired)
    for code in ("1", "22", "333"):
        scanner.scan(code)

    assert [scanner.fired.next()[1] for _ in range(3)] == ["1", "22", "333"]


@pytest.mark.parametrize("code", ["a/b", "x" * 65, "../etc"])
def test_a_code_that_is_no_sku_is_a_problem_until_the_next_scan(scanner: Scanner, code: str) -> None:
    scanner.trigger.start(scanner.fired)
    scanner.scan(code)
    assert "SKU" in _wait_for_problem(scanner.trigger)

    scanner.scan("good")
    assert scanner.fired.next() == (TriggerAction.CAPTURE, "good")
    assert scanner.trigger.problem == ""


def test_a_code_of_which_the_kernel_dropped_keys_is_no_sku(scanner: Scanner) -> None:
    events = typed("4006381333931")
    scanner.trigger.start(scanner.fired)
    os.write(scanner.writing, _bytes([*events[:8], (0, 3, 0), *events[28:]]))
    assert "scan it again" in _wait_for_problem(scanner.trigger)

    scanner.scan("4006381333931")
    assert scanner.fired.next() == (TriggerAction.CAPTURE, "4006381333931")
    assert scanner.trigger.problem == ""


def test_a_shift_let_go_among_dropped_keys_is_not_held() -> None:
    keys = Typed()
    for event in ((1, SHIFT, 1), (1, CODES["A"][0], 1), (0, 3, 0)):
        assert keys.event(*event) is None
    with pytest.raises(BadMessage, match="lost"):
        keys.event(1, ENTER, 1)

    assert [line for event in typed("b-1") if (line := keys.event(*event))] == ["b-1"]


def test_a_missing_scanner_is_a_state(tmp_path: Path) -> None:
    trigger = ScannerTrigger(str(tmp_path / "gone"))
    trigger.start(Fired())

    assert "plug it in" in _wait_for_problem(trigger)
    trigger.close()


def test_something_that_is_no_input_device_is_a_state(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"no events")
    trigger = ScannerTrigger(str(tmp_path / "file"))
    trigger.start(Fired())

    assert "cannot be read" in _wait_for_problem(trigger)
    trigger.close()


def test_key_repeat_and_other_events_type_nothing() -> None:
    keys = Typed()
    events = [(1, 2, 1), (1, 2, 2), (1, 2, 2), (1, 2, 0), (4, 4, 458756), (1, 113, 1), (1, 113, 0), (1, ENTER, 1)]

    assert [line for event in events if (line := keys.event(*event))] == ["1"]


def test_enter_alone_is_no_scan() -> None:
    assert Typed().event(1, ENTER, 1) is None


def test_every_character_of_the_map_comes_out_as_itself() -> None:
    text = "".join(sorted(CODES))
    keys = Typed()

    assert [line for event in typed(text) if (line := keys.event(*event))] == [text]


def test_presses_carry_the_sku_that_was_scanned_last() -> None:
    button, scanner, fired = FakeTrigger(), FakeTrigger(), Fired()
    both = ScannedSku(button, scanner)
    both.start(fired)

    button.press()
    scanner.press("A-1")
    button.press()
    button.press()
    scanner.press("B-2")
    button.press()
    button.press(action=TriggerAction.PLATE)
    both.close()

    assert [fired.next() for _ in range(fired.count())] == [
        (TriggerAction.CAPTURE, ""),
        (TriggerAction.CAPTURE, "A-1"),
        (TriggerAction.CAPTURE, "A-1"),
        (TriggerAction.CAPTURE, "B-2"),
        (TriggerAction.PLATE, ""),
    ]


def test_a_code_that_is_no_sku_leaves_no_press_with_the_sku_before(scanner: Scanner) -> None:
    button = FakeTrigger()
    both = ScannedSku(button, scanner.trigger)
    both.start(scanner.fired)

    def pressed() -> str:
        button.press()
        return scanner.fired.next()[1]

    def wait_for(sku: str) -> None:
        deadline = time.monotonic() + 10
        while pressed() != sku:
            assert time.monotonic() < deadline, f"presses carry no {sku!r}"

    scanner.scan("A-1")
    wait_for("A-1")
    scanner.scan("https://shop.example/B-2")
    wait_for("")
    assert "SKU" in both.problem

    scanner.scan("C-3")
    wait_for("C-3")


def test_the_problems_of_both_are_told() -> None:
    both = ScannedSku(FakeTrigger("no button"), FakeTrigger("no scanner"))

    assert both.problem == "no button; no scanner"
