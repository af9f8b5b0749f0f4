"""The network and the edges on an emulated Raspberry Pi 4 give what they give here."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.arm64 import emulated

SCRIPT = Path(__file__).parent / "inside/cut_samples.py"
PHOTOS = ("1-bottle", "2-carton", "3-handbag")
SKIP = emulated.what_is_missing() if os.environ.get("TEST_ARM64") else "minutes long: run tools/test-arm64"

pytestmark = [pytest.mark.skipif(bool(SKIP), reason=f"emulated arm64: {SKIP}"), pytest.mark.timeout(1800)]
Steps = Mapping[str, NDArray[np.generic]]


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every step on this machine."""
    steps = tmp_path_factory.mktemp("x86-64") / "steps.npz"
    subprocess.run([sys.executable, str(SCRIPT), str(steps)], check=True)
    return steps


@pytest.fixture(scope="module")
def both(here: Path) -> tuple[Steps, Steps]:
    """Every step on this machine, and the same on the emulated one."""
    try:
        root, site = emulated.arm64_root(), emulated.arm64_site()
    except subprocess.CalledProcessError as error:
        pytest.skip(f"emulated arm64: no packages for it, is there a network? {str(error.stderr)[-300:]}")
    there = here.with_name("arm64.npz")
    emulated.run(root, site, SCRIPT, str(there), str(here))
    return np.load(here), np.load(there)


def difference(both: tuple[Steps, Steps], name: str) -> NDArray[np.int16]:
    here, there = (steps[name].astype(np.int16) for steps in both)
    assert here.any(), name
    return np.asarray(np.abs(here - there), np.int16)


def test_the_fast_kernels_are_there(both: tuple[Steps, Steps]) -> None:
    assert str(both[1]["engine"]) == "litert-xnnpack"


@pytest.mark.parametrize("photo", PHOTOS)
def test_a_photo_is_decoded_to_the_same_pixels(both: tuple[Steps, Steps], photo: str) -> None:
    assert not difference(both, f"{photo}.pixels").any()


@pytest.mark.parametrize("photo", PHOTOS)
def test_the_coarse_mask_is_the_same_bit_for_bit(both: tuple[Steps, Steps], photo: str) -> None:
    assert not difference(both, f"{photo}.logits").any()


@pytest.mark.parametrize("photo", PHOTOS)
def test_alpha_is_the_same_to_one_step(both: tuple[Steps, Steps], photo: str) -> None:
    assert difference(both, f"{photo}.alpha").max() <= 1


@pytest.mark.parametrize("photo", PHOTOS)
def test_the_network_sees_the_same_picture(both: tuple[Steps, Steps], photo: str) -> None:
    assert not difference(both, f"{photo}.input").any()


@pytest.mark.parametrize("size", ["480x640", "760x1014", "768x1024", "1520x2028", "640x640", "397x401"])
def test_pictures_are_shrunk_to_the_same_pixels(both: tuple[Steps, Steps], size: str) -> None:
    assert not difference(both, f"{size}.shrunk").any()


@pytest.mark.parametrize("size", ["380x507", "378x504", "375x500"])
def test_a_glance_is_the_same_bit_for_bit(both: tuple[Steps, Steps], size: str) -> None:
    assert not difference(both, f"{size}.glance").any()


@pytest.mark.parametrize("photo", PHOTOS)
def test_the_whole_way_from_the_photo_is_the_same_to_one_step(both: tuple[Steps, Steps], photo: str) -> None:
    assert difference(both, f"{photo}.whole").max() <= 1
