"""How much a thread gets of a busy processor."""

import os
import threading
from contextlib import suppress

BACKGROUND = 15


def to_background() -> None:
    """Give way, from now on, to every other thread that wants the processor; call it in the thread itself.

    Linux keeps a nice value for each thread. Where the system does not, or refuses, nothing changes.
    """
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), BACKGROUND)
