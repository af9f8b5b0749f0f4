"""A signed repository with one release more than the box has, and the box."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.update.house import House
from tests.update.signing import SignedRepository


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    """In memory where there is one: these tests flush thousands of files, and the disk is others' too."""
    base = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=base if base.is_dir() else None) as folder:
        yield Path(folder)


@pytest.fixture
def repository(tmp_path: Path) -> SignedRepository:
    repository = SignedRepository(tmp_path / "repository")
    repository.release("0.2.0", 2)
    repository.publish()
    return repository


@pytest.fixture
def house(tmp_path: Path, repository: SignedRepository) -> House:
    """0.1.0 as ``install.sh`` laid it, running, and with the repository's trust anchor."""
    house = House(tmp_path / "box")
    house.lay("0.1.0")
    house.trust(repository.anchor)
    return house
