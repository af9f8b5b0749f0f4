"""A studio with the released network, and the finder by itself; built once."""

from collections.abc import Iterator

import pytest

from packshot.config import Config
from packshot.idphoto.faces import FaceFinder
from packshot.idphoto.spec import Spec
from packshot.portrait import Studio
from packshot.wiring import build_cutting
from packshot.wiring.portraits import all_specs, build_studio, cascade_folder


@pytest.fixture(scope="session")
def finder() -> FaceFinder:
    return FaceFinder(cascade_folder())


@pytest.fixture(scope="session")
def specs() -> dict[str, Spec]:
    return all_specs(Config())


@pytest.fixture(scope="session")
def studio() -> Iterator[Studio]:
    cutting = build_cutting(Config())
    yield build_studio(Config(), cutting.cutter.cut, cutting.accelerator.card)
    cutting.close()
