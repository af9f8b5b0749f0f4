"""Photos in a folder, and everything else that lies in folders."""

import logging
import os
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from packshot.camera.folder import FolderCamera
from packshot.camera.stills import encode_jpeg
from packshot.domain import ShutterProof
from packshot.errors import CameraError
from tests.fakes.mjpeg import stamped


def _photos(folder: Path, *names: str) -> dict[str, bytes]:
    contents = {name: encode_jpeg(stamped(number)) for number, name in enumerate(names, 1)}
    for name, data in contents.items():
        (folder / name).write_bytes(data)
    return contents


def _names(camera: FolderCamera, count: int) -> list[str]:
    return [Path(camera.capture(time.monotonic(), 1.0).source).name for _ in range(count)]


def test_photos_come_in_order_of_their_names_and_round_again(tmp_path: Path) -> None:
    _photos(tmp_path, "b.jpg", "a.jpg", "c.jpg")

    assert _names(FolderCamera(tmp_path), 7) == ["a.jpg", "b.jpg", "c.jpg", "a.jpg", "b.jpg", "c.jpg", "a.jpg"]


def test_bytes_are_passed_on_untouched(tmp_path: Path) -> None:
    contents = _photos(tmp_path, "one.jpg")

    assert FolderCamera(tmp_path).capture(time.monotonic(), 1.0).data == contents["one.jpg"]


@pytest.mark.parametrize(
    ("name", "written_as", "media_type"),
    [("a.jpg", "JPEG", "image/jpeg"), ("a.png", "PNG", "image/png"), ("a.webp", "WEBP", "image/webp")],
)
def test_the_content_says_what_a_photo_is(tmp_path: Path, name: str, written_as: str, media_type: str) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / name, written_as)
    (tmp_path / name).rename(tmp_path / "photo.JPG")

    assert FolderCamera(tmp_path).capture(time.monotonic(), 1.0).media_type == media_type


def test_what_is_not_a_photo_is_skipped_and_logged_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    _photos(tmp_path, "b.jpg", "d.jpg")
    (tmp_path / "a.jpg").write_text("a shopping list")
    (tmp_path / "c.jpg").write_bytes(b"")
    (tmp_path / ".hidden.jpg").write_bytes(encode_jpeg(stamped(1)))
    (tmp_path / "e").mkdir()

    with caplog.at_level(logging.WARNING):
        assert _names(FolderCamera(tmp_path), 5) == ["b.jpg", "d.jpg", "b.jpg", "d.jpg", "b.jpg"]

    assert [record.message.count("skipped") for record in caplog.records] == [1, 1]


def test_photos_may_come_and_go(tmp_path: Path) -> None:
    camera = FolderCamera(tmp_path)
    _photos(tmp_path, "a.jpg", "c.jpg")
    assert _names(camera, 1) == ["a.jpg"]
    _photos(tmp_path, "b.jpg")
    assert _names(camera, 1) == ["b.jpg"]
    (tmp_path / "c.jpg").unlink()
    assert _names(camera, 2) == ["a.jpg", "b.jpg"]


@pytest.mark.parametrize("make", [True, False], ids=["empty", "missing"])
def test_a_folder_without_photos_says_so(tmp_path: Path, make: bool) -> None:
    folder = tmp_path / "photos"
    if make:
        folder.mkdir()
        (folder / "notes.txt").write_text("no photo")
    camera = FolderCamera(folder)

    with pytest.raises(CameraError, match="photo") as caught:
        camera.capture(time.monotonic(), 1.0)
    assert str(folder) in str(caught.value)
    assert camera.problem == str(caught.value)
    assert camera.preview() is None


def test_a_file_in_place_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "photos").write_text("not a folder")

    with pytest.raises(CameraError, match="cannot be read"):
        FolderCamera(tmp_path / "photos").capture(time.monotonic(), 1.0)


def test_the_shutter_is_bounded_by_the_reading(tmp_path: Path) -> None:
    _photos(tmp_path, "a.jpg")
    shutter = FolderCamera(tmp_path).capture(time.monotonic() - 2.0, 1.0).shutter

    assert shutter.proof is ShutterProof.BOUNDED
    assert shutter.lag_s is not None
    assert shutter.lag_s >= 2.0


def test_preview_shows_what_comes_next_and_takes_nothing_away(tmp_path: Path) -> None:
    Image.fromarray(np.full((900, 1200, 3), (200, 30, 30), np.uint8)).save(tmp_path / "a.jpg")
    Image.fromarray(np.full((900, 1200, 3), (30, 30, 200), np.uint8)).save(tmp_path / "b.jpg")
    camera = FolderCamera(tmp_path)

    first = camera.preview()
    assert first is not None
    assert first.shape == (480, 640, 3)
    assert first[0, 0, 0] > 150
    assert _names(camera, 1) == ["a.jpg"]
    second = camera.preview()
    assert second is not None
    assert second[0, 0, 2] > 150


def test_preview_shows_a_photo_that_replaced_another_of_its_name(tmp_path: Path) -> None:
    current = tmp_path / "current.jpg"
    camera = FolderCamera(tmp_path)
    for age_s, colour in ((20, (200, 30, 30)), (10, (30, 30, 200))):
        Image.new("RGB", (1200, 900), colour).save(current)
        os.utime(current, (1_795_000_000 - age_s,) * 2)
        shown = camera.preview()
        assert shown is not None
        assert np.abs(shown[0, 0].astype(int) - colour).max() < 30
        assert camera.preview() is shown, "an unchanged photo is made small once"


def test_preview_stands_upright(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # rotate by 90 degrees to see it upright
    Image.new("RGB", (1200, 900)).save(tmp_path / "a.jpg", exif=exif)

    preview = FolderCamera(tmp_path).preview()
    assert preview is not None
    assert preview.shape[0] > preview.shape[1]


def test_preview_of_a_broken_photo_is_none(tmp_path: Path) -> None:
    data = encode_jpeg(stamped(1))
    (tmp_path / "a.jpg").write_bytes(data[:30])

    assert FolderCamera(tmp_path).preview() is None


def test_a_photo_with_odd_exif_is_passed_on_and_looking_at_it_harms_nothing(tmp_path: Path) -> None:
    """Turned, and with a resolution that is no fraction: what turns it must not fail for that."""
    exif = Image.Exif()
    exif[0x0112], exif[0x011A] = 6, 72.0
    odd = (
        exif.tobytes()
        .replace(b"\x01\x1a\x00\x05", b"\x01\x1a\x00\x01")
        .replace(b"\x1a\x01\x05\x00", b"\x1a\x01\x01\x00")
    )
    assert odd != exif.tobytes()
    Image.fromarray(stamped(1)).save(tmp_path / "odd.jpg", exif=odd)
    camera = FolderCamera(tmp_path)

    camera.preview()

    assert camera.capture(time.monotonic(), 1.0).data == (tmp_path / "odd.jpg").read_bytes()
