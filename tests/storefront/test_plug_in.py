"""A storefront that somebody else has written, installed beside packshot."""

from pathlib import Path

import pytest

from packshot import wiring
from packshot.errors import ConfigError
from tests.support.targets import package

SOURCE = """
from packshot.storefront.targets.folder import FolderTarget


class Shelf(FolderTarget):
    def __init__(self, shelf: str, row: int = 1) -> None:
        super().__init__(f"{shelf}/{row}")
"""


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What pip leaves behind: a module, and a folder that says which entry points it has."""
    site = tmp_path / "site"
    (site / "shelves-1.0.dist-info").mkdir(parents=True)
    (site / "shelves-1.0.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: shelves\nVersion: 1.0\n")
    (site / "shelves-1.0.dist-info" / "entry_points.txt").write_text("[packshot.targets]\nshelf = shelves:Shelf\n")
    (site / "shelves.py").write_text(SOURCE)
    monkeypatch.syspath_prepend(str(site))
    return tmp_path


def test_it_is_found_by_its_name_and_called_with_its_options(installed: Path) -> None:
    target = wiring.open_target("shelf", {"shelf": str(installed / "shelf"), "row": 3})
    delivery = package(installed, {"picture.webp": b"x"})
    stored = target.put(delivery.key, delivery.pictures)
    assert target.find(delivery.key) == stored
    assert (installed / "shelf" / "3" / "A-1" / "A-1_0.webp").read_bytes() == b"x"


@pytest.mark.parametrize("name, options", [("shelf", {"shelves": "x"}), ("no-such-shop", {})])
def test_wrong_names_and_options_are_said_in_one_line(installed: Path, name: str, options: dict[str, str]) -> None:
    with pytest.raises(ConfigError) as raised:
        wiring.open_target(name, options)
    assert "\n" not in str(raised.value)
