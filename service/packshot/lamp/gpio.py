"""Lamps and a sign light on GPIO lines: one line per backdrop's lamp, one that tells people how the box is."""

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any, Protocol

from packshot.errors import ConfigError
from packshot.lamp.port import Sign

SETTLE_S = 0.15  # LED drivers need 20 to 100 ms until they burn evenly
BLINK_S = MappingProxyType({Sign.READY: (), Sign.BUSY: (0.5, 0.5), Sign.ERROR: (0.12, 0.12, 0.12, 0.64)})
"""Seconds on, off, on, ... in turn; an empty pattern burns steadily."""
log = logging.getLogger(__name__)


class Outputs(Protocol):
    """Output lines that were requested from the kernel, all off at first."""

    def set(self, line: int, on: bool) -> None:
        """Switch; OSError when the lines have gone."""

    def release(self) -> None:
        """Give the lines back."""


class GpioLamp:
    """``channels`` maps a backdrop's name to its lamp's line; "" is the lamp of backdrops without their own."""

    def __init__(
        self,
        chip: str,
        channels: Mapping[str, int],
        *,
        sign_line: int | None = None,
        settle_s: float = SETTLE_S,
        open_outputs: Callable[[], Outputs] | None = None,
    ) -> None:
        """Touches no device. Raises ConfigError when one line is named twice or there is none."""
        lines = [*channels.values(), *([] if sign_line is None else [sign_line])]
        if not lines or len(set(lines)) != len(lines):
            raise ConfigError(f"lamp lines {lines} on {chip}: each lamp and the sign need a line of their own")
        self._name = f"lamps on {chip}"
        self._channels = dict(channels)
        self._sign_line = sign_line
        self._settle_s = settle_s
        self._open_outputs = open_outputs or (lambda: GpioOutputs(chip, lines))
        self._outputs: Outputs | None = None
        self._problem = ""
        self._lock = threading.Lock()
        self._sign_changed = threading.Event()
        self._blinker: threading.Thread | None = None
        self._sign: Sign | None = None

    @property
    def problem(self) -> str:
        """Why the lamps cannot be switched."""
        return self._problem

    @contextmanager
    def lit(self, backdrop: str) -> Iterator[None]:
        """See ``Lamp.lit``. A lamp that fails is a problem, not an end: the room's light has to do."""
        line = self._channels.get(backdrop, self._channels.get(""))
        if line is None:
            yield
            return
        if self._switch(line, True):
            time.sleep(self._settle_s)
        try:
            yield
        finally:
            self._switch(line, False)

    def show(self, sign: Sign) -> None:
        """See ``Lamp.show``."""
        if self._sign_line is None or sign is self._sign:
            return
        self._sign = sign
        self._sign_changed.set()
        if self._blinker is None:
            self._blinker = threading.Thread(target=self._blink, args=(self._sign_line,), name="lamp sign", daemon=True)
            self._blinker.start()

    def close(self) -> None:
        """See ``Lamp.close``."""
        self._sign = None
        self._sign_changed.set()
        if self._blinker is not None:
            self._blinker.join()
            self._blinker = None
        for line in self._channels.values() if self._outputs is not None else ():
            self._switch(line, False)
        with self._lock:
            outputs, self._outputs = self._outputs, None
        if outputs is not None:
            outputs.release()

    def _blink(self, line: int) -> None:
        while True:
            self._sign_changed.clear()  # before the look: what changes after it is not missed
            sign = self._sign
            if sign is None:
                break
            for step, seconds in enumerate(BLINK_S[sign] or (None,)):
                self._switch(line, step % 2 == 0)
                if self._sign_changed.wait(seconds):
                    break
        self._switch(line, False)

    def _switch(self, line: int, on: bool) -> bool:
        """Whether the lamp was switched; a failure is noted, and the lines are requested anew the next time."""
        with self._lock:
            try:
                if self._outputs is None:
                    self._outputs = self._open_outputs()
                self._outputs.set(line, on)
            except (OSError, ImportError) as error:
                self._outputs = None
                self._note(f"{self._name} cannot be switched ({error}); check chip, lines and the group gpio")
                return False
            self._problem = ""
            return True

    def _note(self, problem: str) -> None:
        if problem != self._problem:
            log.warning("%s", problem)
        self._problem = problem


class GpioOutputs:
    """Output lines by libgpiod 2."""

    def __init__(self, chip: str, lines: list[int]) -> None:
        """Raises OSError when chip or lines are missing or taken, ImportError without the gpiod package."""
        import gpiod
        from gpiod.line import Direction, Value

        self._values = (Value.INACTIVE, Value.ACTIVE)
        settings = gpiod.LineSettings(direction=Direction.OUTPUT, output_value=Value.INACTIVE)
        self._request: Any = gpiod.request_lines(chip, consumer="packshot", config={tuple(lines): settings})

    def set(self, line: int, on: bool) -> None:
        """See ``Outputs.set``."""
        self._request.set_value(line, self._values[on])

    def release(self) -> None:
        """See ``Outputs.release``."""
        self._request.release()
