"""Coroutines played to their end from a test that is none."""

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

T = TypeVar("T")


def play(scene: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run the scene on a thread of its own: Playwright leaves a loop running on the one that started it."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(lambda: asyncio.run(scene())).result()
