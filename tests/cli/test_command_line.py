"""The command line from outside: help, exit codes, one line per error."""

import json
import re
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from packshot import __version__
from packshot.cli import COMMANDS
from packshot.platform.resources import package_path

REPOSITORY = Path(__file__).parents[2]


def packshot(*arguments: str, stdin: bytes = b"", **environment: str) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "packshot", *arguments]
    env = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(REPOSITORY / "service"), **environment}
    return subprocess.run(command, input=stdin, capture_output=True, timeout=120, env=env, check=False)


def error_line(done: subprocess.CompletedProcess[bytes]) -> str:
    lines = done.stderr.decode().strip().splitlines()
    assert len(lines) == 1, lines
    return lines[0]


@pytest.fixture
def photo() -> Path:
    return next(iter(sorted(package_path("samples").glob("*.jpg"))))


def test_the_overview_names_every_command() -> None:
    done = packshot("--help")
    assert done.returncode == 0
    assert all(f"  {name} " in done.stdout.decode() for name in COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_and_a_row_in_the_readme(name: str) -> None:
    done = packshot(name, "--help")
    assert done.returncode == 0
    assert f"usage: packshot {name}" in done.stdout.decode()
    assert re.search(rf"^\| `packshot {name}\b", (REPOSITORY / "README.md").read_text(), re.MULTILINE)


def test_help_and_import_need_neither_camera_nor_runtime_nor_mqtt() -> None:
    heavy = ["cv2", "numpy", "ai_edge_litert", "tflite_runtime", "paho", "PIL", "msgspec", "argparse", "typing"]
    code = f"import sys, packshot.cli; packshot.cli.main(['--help']); print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-S", "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": str(REPOSITORY / "service")},
    )
    assert done.stdout.splitlines()[-1] == "[]"


def test_version() -> None:
    assert packshot("--version").stdout.decode().strip() == f"packshot {__version__}"


@pytest.mark.parametrize(
    ("arguments", "code", "word"),
    [
        (["nonsense"], 2, "nonsense"),
        (["cut", "x.jpg", "-o", "out", "--preset", "nope"], 2, "preset"),
        (["cut", "none.jpg", "-o", "out"], 1, "none.jpg"),
        (["cut", "x.jpg", "-o", "out", "--model", "none.tflite"], 2, "none"),
        (["cut", "x.jpg", "-o", "out", "--engine", "quantum"], 2, "quantum"),
        (["config", "check", "--config", "none.toml"], 2, "none.toml"),
        (["run", "--config", "none.toml"], 2, "none.toml"),
        (["bench", "--runs", "0"], 2, "--runs"),
    ],
)
def test_a_mistake_is_one_line_and_its_exit_code(arguments: list[str], code: int, word: str) -> None:
    done = packshot(*arguments)
    assert done.returncode == code
    assert word in error_line(done)


def test_no_broker_is_exit_code_four(tmp_path: Path) -> None:
    done = packshot("capture", PACKSHOT_MQTT_PORT="1", PACKSHOT_MQTT_HOST="127.0.0.1")
    assert done.returncode == 4
    assert "127.0.0.1:1" in error_line(done)


def test_verbose_shows_the_cause() -> None:
    assert b"Traceback" in packshot("config", "check", "--config", "none.toml", "--verbose").stderr


def test_cut_writes_straight_rgba_of_the_photos_size(photo: Path, tmp_path: Path) -> None:
    done = packshot("cut", str(photo), "-o", str(tmp_path / "out"), "--json")
    assert done.returncode == 0, done.stderr
    facts = json.loads(done.stdout)
    shape = cv2.imread(str(photo)).shape
    rgba = cv2.imread(facts["output"], cv2.IMREAD_UNCHANGED)
    assert facts["output"] == str(tmp_path / "out" / f"{photo.stem}.png")
    assert rgba.shape == (*shape[:2], 4)
    assert not rgba[rgba[..., 3] == 0].any()
    assert {"decode", "network", "edges", "colour"} <= facts["ms"].keys()
    assert facts["verdict"] == "publish"


def test_a_cutout_that_finds_no_room_on_stdout_is_an_error(photo: Path, tmp_path: Path) -> None:
    """A file that may not grow takes a part of the bytes first, as a full disk does."""
    command = f'ulimit -f 64; exec "{sys.executable}" -m packshot cut "{photo}" -o - > "{tmp_path / "cut.png"}"'
    env = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(REPOSITORY / "service"), "PYTHONUNBUFFERED": "1"}

    done = subprocess.run(["bash", "-c", command], capture_output=True, timeout=120, env=env, check=False)

    assert done.returncode == 1
    assert "File too large" in error_line(done)


def test_cut_from_stdin_to_stdout(photo: Path) -> None:
    done = packshot("cut", "-", "-o", "-", stdin=photo.read_bytes())
    assert done.returncode == 0
    assert done.stdout.startswith(b"\x89PNG")


def test_the_layers_of_a_photo_from_stdin_have_it_too(photo: Path, tmp_path: Path) -> None:
    done = packshot("cut", "-", "-o", str(tmp_path), "--layers", stdin=photo.read_bytes())
    assert done.returncode == 0, done.stderr
    _, pages = cv2.imreadmulti(str(tmp_path / "stdin.layers.tiff"), flags=cv2.IMREAD_UNCHANGED)
    assert (pages[2] == cv2.imread(str(photo))).all()


def test_a_bad_photo_among_good_ones_is_reported_and_the_rest_go_on(photo: Path, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "a.jpg").write_text("not a photo")
    (folder / "b.jpg").write_bytes(photo.read_bytes())
    done = packshot("cut", str(folder), "-o", str(tmp_path / "out"))
    assert done.returncode == 1
    assert "a.jpg" in error_line(done)
    assert [file.name for file in (tmp_path / "out").iterdir()] == ["b.png"]


@pytest.mark.parametrize(
    "beside",
    [
        ["{photo}", "--plate", "{bad}"],
        ["{photo}", "--background", "{bad}"],
        ["--backdrops", "{photo}", "{bad}", "--plates", "{photo}", "{photo}"],
        ["--backdrops", "{photo}", "{photo}", "--plates", "{photo}", "{bad}"],
    ],
    ids=["plate", "background", "second backdrop", "second plate"],
)
def test_a_bad_picture_beside_the_photo_is_named(photo: Path, tmp_path: Path, beside: list[str]) -> None:
    bad = tmp_path / "empty-table.jpg"
    bad.write_text("no picture")
    done = packshot("cut", *(word.format(photo=photo, bad=bad) for word in beside), "-o", str(tmp_path / "out.png"))
    assert done.returncode == 1
    assert "empty-table.jpg: this is not a picture file" in error_line(done)
    assert not (tmp_path / "out.png").exists()


def test_a_photo_is_never_overwritten_by_its_own_cutout(photo: Path, tmp_path: Path) -> None:
    picture = tmp_path / "a.png"
    cv2.imwrite(str(picture), cv2.imread(str(photo)))
    before = picture.read_bytes()
    done = packshot("cut", str(picture), "-o", str(tmp_path))
    assert done.returncode == 1
    assert picture.read_bytes() == before


@pytest.fixture
def pair(photo: Path, tmp_path: Path) -> Path:
    """A folder with a photo and another one, where the cutout of the first would go."""
    (tmp_path / "shoe.jpg").write_bytes(photo.read_bytes())
    cv2.imwrite(str(tmp_path / "shoe.png"), cv2.imread(str(photo)))
    return tmp_path


@pytest.mark.parametrize("also", [["{pair}/shoe.png"], ["--plate", "{pair}/shoe.png"]], ids=["photo", "plate"])
def test_a_cutout_never_takes_the_place_of_another_picture_of_the_call(pair: Path, also: list[str]) -> None:
    before = (pair / "shoe.png").read_bytes()
    done = packshot("cut", str(pair / "shoe.jpg"), *(word.format(pair=pair) for word in also), "-o", str(pair))
    assert done.returncode == 1
    assert f"shoe.jpg: {pair / 'shoe.png'} is another picture of this call" in done.stderr.decode().splitlines()[0]
    assert (pair / "shoe.png").read_bytes() == before


def test_layers_never_take_the_place_of_another_photo_of_the_call(photo: Path, tmp_path: Path) -> None:
    cut, other = tmp_path / "shoe.jpg", tmp_path / "shoe.layers.tiff"
    cut.write_bytes(photo.read_bytes())
    cv2.imwrite(str(other), cv2.imread(str(photo)))
    before = other.read_bytes()
    done = packshot("cut", str(tmp_path), "--layers", "-o", str(tmp_path))
    assert done.returncode == 1
    assert f"{other} is another picture of this call" in done.stderr.decode()
    assert other.read_bytes() == before


def test_two_photos_of_one_name_do_not_overwrite_each_other(photo: Path, tmp_path: Path) -> None:
    for name in ("a.jpg", "a.jpeg"):
        (tmp_path / name).write_bytes(photo.read_bytes())
    done = packshot("cut", str(tmp_path / "a.jpg"), str(tmp_path / "a.jpeg"), "-o", str(tmp_path / "out"))
    assert done.returncode == 1
    assert "a.jpg" in error_line(done)


def test_amazon_main_is_white_all_round_after_decoding(photo: Path, tmp_path: Path) -> None:
    assert packshot("cut", str(photo), "-o", str(tmp_path), "--preset", "amazon-main").returncode == 0
    picture = cv2.imread(str(tmp_path / f"{photo.stem}.jpg"))
    border = np.concatenate([picture[:8].reshape(-1, 3), picture[-8:].reshape(-1, 3)])
    assert (border == 255).all()
    subject = cv2.boundingRect(np.uint8((picture != 255).any(axis=2)))
    assert 0.85 <= max(subject[2:]) / picture.shape[0] <= 0.95


@pytest.mark.parametrize("instead", [["--background", "#f4f0e8"], ["--format", "webp"]])
def test_what_a_call_asks_for_goes_before_a_presets_exact_background(
    photo: Path, tmp_path: Path, instead: list[str]
) -> None:
    done = packshot("cut", str(photo), "-o", str(tmp_path), "--preset", "ebay", *instead)
    assert done.returncode == 0, done.stderr
    (made,) = tmp_path.iterdir()
    wanted = (232, 240, 244) if "--background" in instead else (255, 255, 255)
    assert np.abs(cv2.imread(str(made))[0, 0].astype(int) - wanted).max() <= 3


def test_lint_passes_what_cut_made_and_names_what_is_wrong(photo: Path, tmp_path: Path) -> None:
    packshot("cut", str(photo), "-o", str(tmp_path), "--preset", "amazon-main")
    good = packshot("lint", str(tmp_path / f"{photo.stem}.jpg"), "--preset", "amazon-main")
    assert good.returncode == 0, good.stderr
    bad = packshot("lint", str(photo), "--preset", "amazon-main", "--json")
    assert bad.returncode == 1
    assert any("background" in rule for rule in json.loads(bad.stdout)["broken"])


def test_selftest_names_each_part_and_the_missing_camera(tmp_path: Path) -> None:
    done = packshot("selftest", PACKSHOT_SPOOL_PATH=str(tmp_path / "spool"))
    lines = done.stdout.decode().splitlines()
    assert [line.split()[:2] for line in lines] == [["accelerator", "ok"], ["camera", "FAIL"], ["spool", "ok"]]
    assert done.returncode == 3


def test_info_names_model_sha256_and_engine() -> None:
    info = json.loads(packshot("info", "--json").stdout)
    assert len(info["model"]["sha256"]) == 64
    assert info["engine"].startswith(("litert", "tflite-runtime"))
    assert info["runtimes"]


def test_bench_reports_every_stage(photo: Path, tmp_path: Path) -> None:
    report = tmp_path / "bench.json"
    done = packshot("bench", str(photo), "--runs", "1", "--report", str(report))
    assert done.returncode == 0, done.stderr
    measured = json.loads(report.read_text())
    assert {"decode", "network", "edges", "colour", "to png", "to web"} <= measured["photos"][0]["ms"].keys()
    assert measured["peak_memory_bytes"] > 2**20
    assert "peak memory" in done.stdout.decode()
