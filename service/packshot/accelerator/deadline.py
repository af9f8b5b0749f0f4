"""An engine in a thread of its own, so that one that hangs costs the caller a deadline and no more."""

import queue
import threading

import numpy as np
from numpy.typing import NDArray

from packshot.accelerator.checks import check_fed
from packshot.accelerator.port import Accelerator
from packshot.errors import AcceleratorError
from packshot.matting.card import ModelCard

Job = tuple[NDArray[np.int8], "queue.Queue[NDArray[np.int8] | Exception]"]


class DeadlineAccelerator:
    """Passes ``infer`` on to ``engine`` and gives up after ``deadline_s``; from then on every call fails at once."""

    def __init__(self, engine: Accelerator, deadline_s: float) -> None:
        """Takes ``engine`` over: it is closed by this one, and never while it still computes."""
        self._engine = engine
        self._deadline_s = deadline_s
        self._jobs: queue.Queue[Job | None] = queue.Queue()
        self._given_up = ""
        self._thread = threading.Thread(target=self._work, name=f"engine {engine.engine}", daemon=True)
        self._thread.start()

    @property
    def engine(self) -> str:
        """The wrapped engine's name."""
        return self._engine.engine

    @property
    def card(self) -> ModelCard:
        """The wrapped engine's card."""
        return self._engine.card

    def infer(self, tensor: NDArray[np.int8]) -> NDArray[np.int8]:
        """See ``Accelerator.infer``; AcceleratorError also when no answer came in time, now or before."""
        if self._given_up:
            raise AcceleratorError(self._given_up)
        check_fed(tensor, self.card.input)
        answer: queue.Queue[NDArray[np.int8] | Exception] = queue.Queue(1)
        self._jobs.put((tensor, answer))
        try:
            result = answer.get(timeout=self._deadline_s)
        except queue.Empty:
            self._given_up = f"{self.engine} gave no answer within {self._deadline_s:.1f} s"
            self._jobs.put(None)
            raise AcceleratorError(self._given_up) from None
        if isinstance(result, Exception):
            raise result
        return result

    def hangs(self) -> bool:
        """Whether a call that was given up still runs."""
        return bool(self._given_up) and self._thread.is_alive()

    def close(self) -> None:
        """Close the engine, as soon as it comes back if it hangs."""
        if not self._given_up:
            self._given_up = f"{self.engine} is closed"
            self._jobs.put(None)
            self._thread.join(self._deadline_s)

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            tensor, answer = job
            try:
                answer.put(self._engine.infer(tensor))
            except Exception as error:  # noqa: BLE001  whatever it is belongs to the caller
                answer.put(error)
        self._engine.close()
