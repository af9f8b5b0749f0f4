"""Waiting for something to become true, with a limit so generous that only a real failure meets it."""

import os
import time
from collections.abc import Callable

PATIENCE = float(os.environ.get("TEST_PATIENCE", "1"))  # more where machines are emulated
WAIT_S = 30.0 * PATIENCE


def eventually(condition: Callable[[], object], what: str = "the condition", timeout_s: float = WAIT_S) -> None:
    """Return once the condition holds; fail if it never does."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, f"{what} never came true"
        time.sleep(0.01)
