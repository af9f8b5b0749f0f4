"""``packshot id-photo`` from outside: files left behind, exit codes, one line per error."""

import json
import re
import subprocess
import sys
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from tests.idphoto.heads import Look, any_look, render

REPOSITORY = Path(__file__).parents[2]


def id_photo(*arguments: str | Path, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "packshot", "id-photo", *map(str, arguments)]
    env = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(REPOSITORY / "service")}
    return subprocess.run(command, input=stdin, capture_output=True, timeout=240, env=env, check=False)


@pytest.fixture(scope="session")
def photo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("photos") / "someone.jpg"
    Image.fromarray(render(Look())[0]).save(file, quality=95)
    return file


def test_photo_record_and_sheet_lie_side_by_side(photo: Path, tmp_path: Path) -> None:
    done = id_photo(photo, "-o", tmp_path / "out", "--spec", "icao", "--sheet", "--dpi", "600")
    assert done.returncode == 0, done.stderr
    assert {file.name for file in (tmp_path / "out").iterdir()} == {
        "someone.jpg", "someone.json", "someone.sheet.pdf", "someone.sheet.jpg",
    }  # fmt: skip
    with (
        Image.open(tmp_path / "out" / "someone.jpg") as made,
        Image.open(tmp_path / "out" / "someone.sheet.jpg") as sheet,
    ):
        assert (made.size, made.info["dpi"]) == ((413, 531), (300, 300))
        assert sheet.info["dpi"] == (600, 600)
    record = json.loads((tmp_path / "out" / "someone.json").read_text())
    assert record["spec"]["name"] == "icao"
    table = done.stdout.decode()
    assert re.search(r"ok +head_height +3[1-6]\.\d+ \(31\.5\.\.36 mm\) +\d+% sure", table)


def test_a_bad_photo_is_one_line_the_rest_go_on_and_the_exit_code_says_so(photo: Path, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "a.jpg").write_text("this is a text")
    Image.new("RGB", (600, 600), (210, 210, 210)).save(folder / "b.jpg")
    (folder / "c.jpg").write_bytes(photo.read_bytes())
    done = id_photo(folder, "-o", tmp_path / "out", "--json")
    assert done.returncode == 1
    lines = done.stderr.decode().strip().splitlines()
    assert len(lines) == 2
    assert "a.jpg: this is not a picture file" in lines[0]
    assert "b.jpg: no face found; look straight into the camera" in lines[1]
    rows = [json.loads(line) for line in done.stdout.decode().strip().splitlines()]
    assert ["error" in row for row in rows] == [True, True, False]
    assert rows[2]["file"]["width"] == 413
    assert [file.name for file in sorted((tmp_path / "out").iterdir())] == ["c.jpg", "c.json"]


def test_neither_photo_nor_sheet_takes_the_place_of_another_photo_of_the_call(photo: Path, tmp_path: Path) -> None:
    for name in ("a.jpeg", "a.jpg", "b.jpeg", "b.sheet.jpg"):
        (tmp_path / name).write_bytes(photo.read_bytes())
    done = id_photo(tmp_path, "-o", tmp_path, "--sheet")
    assert done.returncode == 1
    assert all((tmp_path / name).read_bytes() == photo.read_bytes() for name in ("a.jpg", "b.sheet.jpg"))
    said = done.stderr.decode()
    assert f"a.jpeg: {tmp_path / 'a.jpg'} is another picture of this call" in said
    assert f"b.jpeg: {tmp_path / 'b.sheet.jpg'} is another picture of this call" in said


def test_through_pipes(photo: Path) -> None:
    done = id_photo("-", "-o", "-", "--spec", "us", stdin=photo.read_bytes())
    assert done.returncode == 0
    with Image.open(BytesIO(done.stdout)) as made:
        assert made.width == made.height
    assert b"head_height" in done.stderr


def test_strict_makes_a_broken_rule_an_exit_code(tmp_path: Path) -> None:
    file = tmp_path / "dark-wall.jpg"
    Image.fromarray(render(any_look(3, "II", background=(60, 90, 60)))[0]).save(file, quality=95)
    assert id_photo(file, "-o", tmp_path / "out.jpg").returncode == 0
    strict = id_photo(file, "-o", tmp_path / "out.jpg", "--strict")
    assert strict.returncode == 1
    assert b"NO   background" in strict.stdout


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("x.jpg", "-o", "out", "--spec", "mars"), "known: badge, cn, icao, uk, us"),
        (("x.jpg",), "where to write with -o"),
        (("-o", "out"), "name a photo"),
        (("-", "-o", "-", "--sheet"), "a print sheet needs a folder"),
    ],
)
def test_a_wrong_call_says_what_to_do(arguments: tuple[str, ...], says: str) -> None:
    done = id_photo(*arguments)
    assert done.returncode == 2
    assert says in done.stderr.decode()
    assert len(done.stderr.decode().strip().splitlines()) == 1


def test_the_list_says_where_each_is_accepted() -> None:
    done = id_photo("--list")
    assert done.returncode == 0
    assert done.stdout.decode().count("accepted: ") == 5
