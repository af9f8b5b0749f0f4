"""Every fuzz target holds for a while; FUZZ_SECONDS says how long (a minute each where CI is set)."""

import pytest

from tests.fuzz.beside import Beside
from tools.fuzzing.__main__ import fuzz
from tools.fuzzing.targets import TARGETS


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.filterwarnings("ignore")
def test_hostile_input_raises_only_what_its_reader_promises(
    target: str, fuzz_seconds: float, beside: Beside | None
) -> None:
    if beside is None:
        assert fuzz(TARGETS[target], fuzz_seconds) > 0
    else:
        code, said = beside.outcome(target)
        assert code == 0, said
        assert "nothing found" in said
        print(said)
