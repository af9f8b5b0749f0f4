"""Every fuzz target holds for a while; FUZZ_SECONDS says how long (a minute each where CI is set)."""

import os

import pytest

from tools.fuzzing.__main__ import fuzz
from tools.fuzzing.targets import TARGETS

SECONDS = float(os.environ.get("FUZZ_SECONDS", "60" if os.environ.get("CI") else "5"))


@pytest.mark.slow
@pytest.mark.parametrize("name", TARGETS)
@pytest.mark.filterwarnings("ignore")
def test_hostile_input_raises_only_what_its_reader_promises(name: str) -> None:
    assert fuzz(TARGETS[name], SECONDS) > 0
