"""Folders in memory, where the machine has such: thousands of flushes to a disk are seldom what a test is about."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

MEMORY = Path("/dev/shm")


@contextmanager
def memory_folder() -> Iterator[Path]:
    """An empty folder, gone at the end."""
    base = MEMORY if MEMORY.is_dir() else None
    with tempfile.TemporaryDirectory(prefix="test-", dir=base, ignore_cleanup_errors=True) as folder:
        yield Path(folder)


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    """Pytest's own, in memory; a room whose tests flush at every step imports it in its conftest."""
    with memory_folder() as folder:
        yield folder
