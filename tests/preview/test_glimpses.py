"""The topic ``preview``: a small picture now and then, and nobody looks on in between."""

import time
from collections.abc import Callable, Iterator
from io import BytesIO

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from packshot.accelerator.port import Accelerator
from packshot.encode.picture import FileEncoder
from packshot.errors import AcceleratorError
from packshot.glimpse import PATIENCE_S, Glimpses
from packshot.preview import LivePreview
from tests.fakes.bus import MemoryBus

RGB8 = NDArray[np.uint8]


class Table:
    """A camera's owner in memory: shows one picture to whoever begins to watch, if it has one."""

    def __init__(self) -> None:
        self.watched = False
        self.picture: RGB8 | None = np.full((900, 1200, 3), (200, 30, 60), np.uint8)

    def watch(self, show: Callable[[RGB8], None] | None) -> None:
        self.watched = show is not None
        if show and self.picture is not None:
            show(self.picture)


class Clock:
    """Seconds that pass when the test says so."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def no_engine() -> Accelerator:
    raise AcceleratorError("a plain picture needs no network")


@pytest.fixture
def table() -> Table:
    return Table()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def preview(table: Table) -> Iterator[LivePreview]:
    preview = LivePreview(table, no_engine, FileEncoder())
    yield preview
    preview.close()


def until_done(glimpses: Glimpses, table: Table) -> None:
    """Tick as the daemon does, until nobody looks on."""
    glimpses.tick()
    for _ in range(2000):
        if not table.watched:
            return
        time.sleep(0.005)
        glimpses.tick()
    raise AssertionError("still looking on")


def test_a_small_jpeg_is_kept_on_the_broker_each_time_one_is_due(
    preview: LivePreview, table: Table, clock: Clock
) -> None:
    bus = MemoryBus(max_message_bytes=100_000)
    glimpses = Glimpses(bus, "packshot/box", preview, 30, clock)

    glimpses.tick()
    assert not bus.sent
    for now in (30.0, 45.0, 60.0):
        clock.now = now
        until_done(glimpses, table)

    assert [message.topic for message in bus.sent] == ["packshot/box/preview"] * 2
    picture = Image.open(BytesIO(bus.sent[0].payload))
    assert (picture.format, picture.size) == ("JPEG", (640, 480))
    assert np.abs(np.asarray(picture).mean(axis=(0, 1)) - (200, 30, 60)).max() < 4


def test_a_camera_that_shows_nothing_is_left_alone_after_a_while(
    preview: LivePreview, table: Table, clock: Clock
) -> None:
    bus, table.picture = MemoryBus(max_message_bytes=100_000), None
    glimpses = Glimpses(bus, "packshot/box", preview, 30, clock)

    clock.now = 30.0
    glimpses.tick()
    assert table.watched
    clock.now += PATIENCE_S
    glimpses.tick()

    assert not table.watched
    assert not bus.sent


@pytest.mark.parametrize(("every_s", "connected"), [(0.0, True), (30.0, False)])
def test_nobody_looks_where_it_is_switched_off_or_nobody_listens(
    preview: LivePreview, table: Table, clock: Clock, every_s: float, connected: bool
) -> None:
    bus = MemoryBus(max_message_bytes=100_000)
    bus.connected = connected
    glimpses = Glimpses(bus, "packshot/box", preview, every_s, clock)

    clock.now = 100.0
    glimpses.tick()

    assert not table.watched
