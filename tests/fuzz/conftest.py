"""Where fuzzing is long it begins with the first test of all, and is asked how it went after the last."""

import os

import pytest

from tests.fuzz.beside import Beside

SECONDS = float(os.environ.get("FUZZ_SECONDS", "60" if os.environ.get("CI") else "5"))
LONG = 30.0
FUZZING = pytest.StashKey[Beside]()


def _target(item: pytest.Item) -> str:
    """The target that a test is about, "" for all other tests."""
    is_fuzz = isinstance(item, pytest.Function) and "fuzz_seconds" in item.fixturenames
    return str(item.callspec.params["target"]) if is_fuzz and hasattr(item, "callspec") else ""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if SECONDS >= LONG:
        items.sort(key=lambda item: bool(_target(item)))


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> None:
    names = [name for name in map(_target, session.items) if name]
    if SECONDS >= LONG and names and not session.config.option.collectonly:
        session.config.stash[FUZZING] = Beside(names, SECONDS)


def pytest_sessionfinish(session: pytest.Session) -> None:
    if FUZZING in session.config.stash:
        session.config.stash[FUZZING].close()


@pytest.fixture
def fuzz_seconds() -> float:
    return SECONDS


@pytest.fixture
def beside(request: pytest.FixtureRequest) -> Beside | None:
    """The processes that have been fuzzing meanwhile, where that is how it is done."""
    return request.config.stash.get(FUZZING, None)
