"""A push button on a GPIO line: a short press is a capture, a long one the empty scene."""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from types import TracebackType
from typing import Any, Protocol, Self

from packshot.errors import ConfigError
from packshot.trigger.port import Fire, TriggerAction

DEBOUNCE_S = 0.02
LONG_PRESS_S = 1.5
RETRY_S = 5.0
LOOK_UP_S = 0.25  # how long a wait for an edge may keep ``close`` waiting


@dataclass(frozen=True)
class Edge:
    """The button went down or up at ``at`` (the kernel's monotonic clock, seconds)."""

    pressed: bool
    at: float


class Line(Protocol):
    """An input line that was requested from the kernel, already debounced; usable in a ``with``."""

    def wait(self, timeout_s: float) -> Sequence[Edge]:
        """The edges since the last call, in order, empty after ``timeout_s``; OSError when the line has gone."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None: ...


class Presses:
    """What edges mean. A short press counts when the button is let go, a long one as soon as it is long enough."""

    def __init__(self, long_press_s: float) -> None:
        """``long_press_s``: from here on a press is long."""
        self._long_press_s = long_press_s
        self._down_at: float | None = None

    def edge(self, edge: Edge) -> TriggerAction | None:
        """The action that an edge completes."""
        down_at, self._down_at = self._down_at, edge.at if edge.pressed else None
        if edge.pressed or down_at is None:
            return None
        return TriggerAction.PLATE if edge.at - down_at >= self._long_press_s else TriggerAction.CAPTURE

    def held(self, now: float) -> TriggerAction | None:
        """The action of a button that is still down at ``now``; asked for again and again, it says so once."""
        if self._down_at is None or now - self._down_at < self._long_press_s:
            return None
        self._down_at = None
        return TriggerAction.PLATE


class ButtonTrigger:
    """Listens to one line; a line that cannot be had is a problem, and tried again every few seconds."""

    def __init__(
        self,
        chip: str,
        line: int,
        *,
        active_low: bool = True,
        long_press_s: float = LONG_PRESS_S,
        open_line: Callable[[], Line] | None = None,
    ) -> None:
        """``chip`` is a path such as /dev/gpiochip0, ``line`` the number on it; ``active_low``: pressed is ground."""
        if line < 0 or not long_press_s > 0:
            raise ConfigError(f"button line {line} with long press {long_press_s} s: neither may be negative")
        self._name = f"button on {chip} line {line}"
        self._open_line = open_line or (lambda: GpioLine(chip, line, active_low))
        self._long_press_s = long_press_s
        self._problem = ""
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def problem(self) -> str:
        """Why the line cannot be read."""
        return self._problem

    def start(self, fire: Fire) -> None:
        """Begin to listen."""
        self._thread = threading.Thread(target=self._work, args=(fire,), name="trigger button", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop listening."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def _work(self, fire: Fire) -> None:
        while not self._stop.is_set():
            try:
                with self._open_line() as line:
                    self._problem = ""
                    self._listen(line, fire)
            except (OSError, ImportError) as error:
                self._problem = f"{self._name} cannot be read ({error}); check chip, line and the group gpio"
                self._stop.wait(RETRY_S)

    def _listen(self, line: Line, fire: Fire) -> None:
        presses = Presses(self._long_press_s)
        while not self._stop.is_set():
            actions = [presses.edge(edge) for edge in line.wait(LOOK_UP_S)]
            for action in (*actions, presses.held(time.monotonic())):
                if action is not None:
                    fire(action, "")


class GpioLine:
    """A line by libgpiod 2, with the kernel's debounce and pull-up; the same on Raspberry Pi, Jetson and PC."""

    def __init__(self, chip: str, line: int, active_low: bool) -> None:
        """Raises OSError when chip or line are missing or taken, ImportError without the gpiod package."""
        import gpiod
        from gpiod.line import Bias, Direction
        from gpiod.line import Edge as Edges

        settings = gpiod.LineSettings(
            direction=Direction.INPUT,
            edge_detection=Edges.BOTH,
            bias=Bias.PULL_UP if active_low else Bias.PULL_DOWN,
            active_low=active_low,
            debounce_period=timedelta(seconds=DEBOUNCE_S),
        )
        self._rising = gpiod.EdgeEvent.Type.RISING_EDGE
        self._request: Any = gpiod.request_lines(chip, consumer="packshot", config={line: settings})

    def wait(self, timeout_s: float) -> Sequence[Edge]:
        """See ``Line.wait``."""
        if not self._request.wait_edge_events(timedelta(seconds=timeout_s)):
            return ()
        events = self._request.read_edge_events()
        return [Edge(event.event_type is self._rising, event.timestamp_ns / 1e9) for event in events]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._request.release()
