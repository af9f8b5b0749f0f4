"""The real interpreter, but engines hang while a file says so, and a delegate plays the Edge TPU.

``/run/faults/cpu-hangs`` and ``/run/faults/tpu-hangs`` stop an inference until the file goes;
``/run/faults/tpu-gone`` is a TPU that is not plugged in. The pretended TPU computes on the CPU.
"""

import time
from pathlib import Path

from ai_edge_litert import load_real

_real = load_real("interpreter")
OpResolverType = _real.OpResolverType
FAULTS = Path("/run/faults")


def load_delegate(library: str, options: object = None) -> str:
    if (FAULTS / "tpu-gone").exists():
        raise ValueError("Failed to load delegate")
    return "tpu"


class Interpreter(_real.Interpreter):
    def __init__(self, *arguments, experimental_delegates=None, **options):
        self._fault = FAULTS / ("tpu-hangs" if experimental_delegates else "cpu-hangs")
        super().__init__(*arguments, **options)

    def invoke(self):
        while self._fault.exists():
            time.sleep(0.05)
        super().invoke()
