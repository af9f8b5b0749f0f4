"""The fast engine while it works, the CPU while it does not, and back again once it has proved itself."""

import logging
import threading
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from packshot.accelerator.deadline import DeadlineAccelerator
from packshot.accelerator.port import Accelerator
from packshot.errors import AcceleratorError, ModelError
from packshot.matting.card import ModelCard
from packshot.matting.tensor import coarse_mask

DEADLINE_S = 2.0  # a Coral needs about 20 ms; the first call after it was plugged in up to a second
FIRST_RETRY_S = 5.0
LONGEST_RETRY_S = 300.0
PARITY_TOLERANCE = 0.02  # mean difference of two coarse masks; engines that round differently stay below 0.005
log = logging.getLogger(__name__)


class GuardedAccelerator:
    """Runs on the engine that ``make_fast`` builds, and on ``cpu`` whenever that one is missing, fails or hangs.

    The fast engine is built in the background, also at the start, so that the box serves at once. Before it is used,
    and again after every recovery, its mask of the golden photo must agree with the CPU's. A capture during which it
    fails is finished on the CPU. Retries go on with growing pauses; only a network that cannot run there ends them.
    """

    def __init__(
        self,
        make_fast: Callable[[], Accelerator],
        cpu: Accelerator,
        golden: NDArray[np.int8],
        *,
        deadline_s: float = DEADLINE_S,
        first_retry_s: float = FIRST_RETRY_S,
    ) -> None:
        """``golden`` is the golden photo as network input. ``make_fast`` raises AcceleratorError or ModelError."""
        self._make_fast = make_fast
        self._cpu = cpu
        self._golden = golden
        self._expected = coarse_mask(cpu.infer(golden), cpu.card)
        self._deadline_s = deadline_s
        self._first_retry_s = first_retry_s
        self._problem = ""
        self._lock = threading.Lock()
        self._fast: DeadlineAccelerator | None = None
        self._lost: DeadlineAccelerator | None = None
        self._last_engine = cpu.engine
        self._wake = threading.Event()
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._recover, name="engine recovery", daemon=True)
        self._wake.set()
        self._thread.start()

    @property
    def engine(self) -> str:
        """Which engine made the last result; before the first one, the CPU's name."""
        return self._last_engine

    @property
    def card(self) -> ModelCard:
        """The card of the network, the same on both engines."""
        return self._cpu.card

    @property
    def problem(self) -> str:
        """Empty while the fast engine serves or is on its first start, else one line that says why it does not."""
        return self._problem

    def infer(self, tensor: NDArray[np.int8]) -> NDArray[np.int8]:
        """See ``Accelerator.infer``; raises AcceleratorError only when the CPU fails as well."""
        with self._lock:
            fast = self._fast
        if fast is not None and not self._closed.is_set():
            try:
                result = fast.infer(tensor)
            except AcceleratorError as error:
                self._lose(fast, str(error))
            else:
                self._last_engine = fast.engine
                return result
        result = self._cpu.infer(tensor)
        self._last_engine = self._cpu.engine
        return result

    def close(self) -> None:
        """Close both engines and end the recovery."""
        self._closed.set()
        self._wake.set()
        self._thread.join(self._deadline_s)
        with self._lock:
            fast, self._fast = self._fast, None
        if fast is not None:
            fast.close()
        self._cpu.close()

    def _lose(self, fast: DeadlineAccelerator, reason: str) -> None:
        with self._lock:
            self._fast, self._lost = None, fast
        self._problem = f"{reason}; the CPU serves until it is back"
        log.warning("%s", self._problem)
        fast.close()
        self._wake.set()

    def _recover(self) -> None:
        """Whenever there is no fast engine, try to get one; the pauses double until one was accepted."""
        pause_s = self._first_retry_s
        while not self._closed.is_set():
            self._wake.wait()
            self._wake.clear()
            while not self._closed.is_set() and self._fast is None:
                try:
                    self._accept(self._build())
                    pause_s = self._first_retry_s
                except ModelError as error:
                    self._problem = str(error)
                    log.warning("%s", error)
                    return
                except AcceleratorError as error:
                    self._problem = f"{error}; the CPU serves until it is back"
                    self._closed.wait(pause_s)
                    pause_s = min(2 * pause_s, LONGEST_RETRY_S)

    def _build(self) -> DeadlineAccelerator:
        """A fast engine whose mask of the golden photo agrees with the CPU's."""
        if self._lost is not None and self._lost.hangs():
            raise AcceleratorError(f"{self._lost.engine} still hangs in its driver")
        fast = DeadlineAccelerator(self._make_fast(), self._deadline_s)
        try:
            mask = coarse_mask(fast.infer(self._golden), fast.card)
            difference = float(np.abs(mask - self._expected).mean())
            if difference > PARITY_TOLERANCE:
                raise AcceleratorError(
                    f"{fast.engine} cuts the golden photo differently from the CPU (mean difference {difference:.3f}, "
                    f"at most {PARITY_TOLERANCE} is right)"
                )
        except AcceleratorError:
            self._lost = fast
            fast.close()
            raise
        return fast

    def _accept(self, fast: DeadlineAccelerator) -> None:
        with self._lock:
            late = self._closed.is_set()
            self._fast = None if late else fast
        if late:  # close() has given up waiting for it
            fast.close()
            return
        self._problem = ""
        log.info("%s agrees with the CPU on the golden photo and serves", fast.engine)
