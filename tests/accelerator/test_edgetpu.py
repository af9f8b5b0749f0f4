"""What must never be called an Edge TPU."""

from pathlib import Path

import pytest

from packshot.accelerator.edgetpu import CUSTOM_OP, EdgeTPU
from packshot.errors import AcceleratorError, ModelError
from tests.fakes.networks import tiny, with_sha256_of


def test_a_network_that_was_not_compiled_is_refused() -> None:
    card, path = tiny()

    with pytest.raises(ModelError, match=r"run edgetpu_compiler on tiny\.tflite"):
        EdgeTPU(path, card)


def test_a_missing_library_is_a_state_that_may_pass(tmp_path: Path) -> None:
    card, path = tiny()
    compiled = tmp_path / path.name
    compiled.write_bytes(path.read_bytes() + CUSTOM_OP.encode())

    with pytest.raises(AcceleratorError, match="install libedgetpu1-std"):
        EdgeTPU(compiled, with_sha256_of(card, compiled.read_bytes()), library="libedgetpu-of-nobody.so.1")
