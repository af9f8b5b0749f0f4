"""One running box for all tests of the interface; those that change its configuration start their own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from packshot.platform.resources import package_path, sample_photos
from tests.support.chromium import Chromium
from tests.support.kiosk import KioskBox, Visitor
from tests.support.mosquitto import Broker


@pytest.fixture(scope="session")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Products and people as scenes that move."""
    from packshot.demo.stage import build_scenes

    folder = tmp_path_factory.mktemp("stage")
    build_scenes(folder / "products", sample_photos()[:3])
    build_scenes(folder / "people", sorted(package_path("samples", "people").glob("*.jpg"))[:2])
    return folder


@pytest.fixture(scope="session")
def kiosk_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    with Broker(tmp_path_factory.mktemp("broker")) as broker:
        yield broker


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory, kiosk_broker: Broker, stage: Path) -> Iterator[KioskBox]:
    """Serves; no uploader runs, so captures stay where they are."""
    with KioskBox(
        tmp_path_factory.mktemp("box"),
        kiosk_broker.port,
        stage / "products",
        camera={"kind": "scenes"},
        id_camera={"kind": "scenes", "source": str(stage / "people")},
    ) as appliance:
        appliance.open()
        yield appliance


@pytest.fixture
def visitor(box: KioskBox) -> Visitor:
    """A browser with a session."""
    return box.visitor()


@pytest.fixture(scope="session")
def one_chromium() -> Iterator[Chromium]:
    with Chromium() as browser:
        yield browser


@pytest.fixture
def chromium(one_chromium: Chromium) -> Iterator[Chromium]:
    """A browser whose pages must not complain: no script error, no broken policy."""
    one_chromium.complaints.clear()
    yield one_chromium
    one_chromium.close_pages()
    assert one_chromium.complaints == []
