"""A storefront that somebody else has written, installed beside packshot."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from packshot import wiring
from packshot.config import to_toml
from packshot.errors import EXIT_USAGE, ConfigError
from tests.support.targets import package

SOURCE = """
from packshot.storefront.targets.folder import FolderTarget


class Shelf(FolderTarget):
    def __init__(self, shelf: str, row: int = 1) -> None:
        if row < 1:
            raise ValueError("rows are counted\\nfrom 1")
        super().__init__(f"{shelf}/{row}")
"""


def install(site: Path, name: str, source: str, entry_point: str) -> None:
    """What pip leaves behind: a module, and a folder that says which entry points it has."""
    info = site / f"{name}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "RECORD").write_text(f"{name}.py,,\n{info.name}/METADATA,,\n{info.name}/entry_points.txt,,\n")
    (info / "entry_points.txt").write_text(f"[packshot.targets]\n{entry_point}\n")
    (site / f"{name}.py").write_text(source)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "site"
    install(folder, "shelves", SOURCE, "shelf = shelves:Shelf")
    monkeypatch.syspath_prepend(str(folder))
    return folder


def test_it_is_found_by_its_name_and_called_with_its_options(site: Path, tmp_path: Path) -> None:
    target = wiring.open_target("shelf", {"shelf": str(tmp_path / "shelf"), "row": 3})
    delivery = package(tmp_path, {"picture.webp": b"x"})
    stored = target.put(delivery.key, delivery.pictures)
    assert target.find(delivery.key) == stored
    assert (tmp_path / "shelf" / "3" / "A-1" / "A-1_0.webp").read_bytes() == b"x"


@pytest.mark.parametrize(
    "name, options, says",
    [
        ("shelf", {"shelves": "x"}, "uploader.target 'shelf' does not take these options: "),
        (
            "shelf",
            {"shelf": "x", "row": 0},
            "shelves:Shelf of shelves 1.0 cannot be set up (ValueError: rows are counted",
        ),
        ("no-such-shop", {}, "uploader.target 'no-such-shop' is unknown; known: folder, http, s3, shelf"),
    ],
)
def test_wrong_names_and_options_are_said_in_one_line(
    site: Path, name: str, options: dict[str, object], says: str
) -> None:
    with pytest.raises(ConfigError) as raised:
        wiring.open_target(name, options)
    assert says in str(raised.value)
    assert "\n" not in str(raised.value)


def test_two_plug_ins_of_one_name_are_not_chosen_between(site: Path) -> None:
    install(site, "other", SOURCE, "folder = other:Shelf")
    with pytest.raises(ConfigError, match=r"'folder' is the name of a plug-in of other 1\.0 and packshot .*uninstall"):
        wiring.open_target("folder", {"path": "x"})


@pytest.mark.parametrize(
    "source, reason",
    [
        ("def Shop(:", "SyntaxError: "),
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("", "AttributeError: module 'kaput' has no attribute 'Shop'"),
        ("Shop = 3", "is nothing to call"),
    ],
    ids=["no Python", "breaks", "names nothing", "no class"],
)
def test_a_broken_one_is_named_with_its_distribution_and_the_reason(
    site: Path, monkeypatch: pytest.MonkeyPatch, source: str, reason: str
) -> None:
    install(site, "kaput", source, "kaput = kaput:Shop")
    monkeypatch.delitem(sys.modules, "kaput", raising=False)
    with pytest.raises(ConfigError) as raised:
        wiring.open_target("kaput", {})
    assert str(raised.value).startswith("uploader.target 'kaput': kaput:Shop of kaput 1.0 ")
    assert reason in str(raised.value)


def test_the_uploader_leaves_one_that_lacks_a_library_with_one_line_and_exit_code_2(tmp_path: Path) -> None:
    install(tmp_path / "site", "kaput", "import no_such_library", "kaput = kaput:Shop")
    config = tmp_path / "uploader.toml"
    config.write_text(to_toml({"uploader": {"target": "kaput", "work_path": str(tmp_path / "work")}}))
    done = subprocess.run(
        [sys.executable, "-m", "packshot", "uploader", "--config", str(config)],
        env={**os.environ, "PYTHONPATH": f"{tmp_path / 'site'}:{Path(__file__).parents[2] / 'service'}"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == EXIT_USAGE
    assert done.stderr == (
        "packshot: uploader.target 'kaput': kaput:Shop of kaput 1.0 cannot be imported (ModuleNotFoundError: "
        "No module named 'no_such_library'); install what it lacks, or another version\n"
    )
