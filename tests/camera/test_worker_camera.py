"""A camera that hangs or crashes in a process of its own."""

import multiprocessing
import time
from collections.abc import Iterator
from functools import partial
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest

from packshot.camera.folder import FolderCamera
from packshot.camera.port import CameraInfo
from packshot.camera.stills import encode_jpeg
from packshot.camera.worker import WorkerCamera
from packshot.errors import CameraError
from packshot.sections import CameraSection
from packshot.wiring.devices import open_camera
from tests.fakes.camera import FaultyCamera, HangingStream
from tests.fakes.mjpeg import stamped


@pytest.fixture
def camera(tmp_path: Path) -> Iterator[WorkerCamera]:
    camera = WorkerCamera(partial(FaultyCamera, tmp_path), CameraInfo("fake", "memory"))
    yield camera
    camera.close()
    assert _workers() == []


def _workers() -> list[BaseProcess]:
    return [child for child in multiprocessing.active_children() if child.name == "camera"]


def test_a_camera_that_hangs_is_killed_and_the_next_one_works(camera: WorkerCamera, tmp_path: Path) -> None:
    camera.capture(time.monotonic(), 5.0)
    (first,) = _workers()
    (tmp_path / "hang").touch()
    with pytest.raises(CameraError, match="no answer within"):
        camera.capture(time.monotonic(), 0.1)
    assert not first.is_alive()
    assert "restarted" in camera.problem

    (tmp_path / "hang").unlink()
    assert camera.capture(time.monotonic(), 5.0).data
    assert camera.problem == ""


def test_a_camera_that_hangs_in_its_preview_is_killed_too(camera: WorkerCamera, tmp_path: Path) -> None:
    camera.capture(time.monotonic(), 5.0)
    (tmp_path / "hang").touch()

    assert camera.preview() is None
    assert _workers() == []
    assert "no answer" in camera.problem


def test_a_crash_is_one_failed_capture(camera: WorkerCamera, tmp_path: Path) -> None:
    camera.capture(time.monotonic(), 5.0)
    (tmp_path / "crash").touch()
    with pytest.raises(CameraError, match="died"):
        camera.capture(time.monotonic(), 5.0)

    (tmp_path / "crash").unlink()
    assert camera.capture(time.monotonic(), 5.0).data


def test_a_worker_that_died_between_two_captures_costs_none(camera: WorkerCamera) -> None:
    camera.capture(time.monotonic(), 5.0)
    (worker,) = _workers()
    worker.kill()
    worker.join()

    assert camera.capture(time.monotonic(), 5.0).data


def test_failures_in_a_row_are_spaced_further_and_further(camera: WorkerCamera, tmp_path: Path) -> None:
    camera.capture(time.monotonic(), 5.0)
    (tmp_path / "crash").touch()
    pauses = []
    for _ in range(3):
        with pytest.raises(CameraError):
            camera.capture(time.monotonic(), 30.0)
        pauses.append(camera._retry_at - time.monotonic())

    assert pauses[0] < pauses[1] < pauses[2]


def test_an_ordinary_error_does_not_cost_the_worker(camera: WorkerCamera, tmp_path: Path) -> None:
    camera.capture(time.monotonic(), 5.0)
    before = _workers()
    (tmp_path / "pull").touch()
    with pytest.raises(CameraError, match="unplugged"):
        camera.capture(time.monotonic(), 5.0)

    assert _workers() == before


def test_a_real_camera_gives_the_same_bytes_through_a_worker(tmp_path: Path) -> None:
    photo = encode_jpeg(stamped(7))
    (tmp_path / "a.jpg").write_bytes(photo)
    camera = WorkerCamera(partial(FolderCamera, tmp_path), CameraInfo("folder", str(tmp_path)))

    assert camera.capture(time.monotonic(), 5.0).data == photo
    assert camera.info.kind == "folder"
    camera.close()


def test_a_stream_whose_driver_never_answers_again_is_killed_and_the_next_one_works(tmp_path: Path) -> None:
    camera = WorkerCamera(partial(HangingStream, tmp_path, silence_s=1.0), CameraInfo("opencv", "0"))
    assert camera.capture(time.monotonic(), 5.0).data
    (first,) = _workers()
    (tmp_path / "hang").touch()
    with pytest.raises(CameraError, match="no fresh frame"):
        camera.capture(time.monotonic(), 0.5)
    (tmp_path / "hang").unlink()  # which the driver of the first process does not notice

    deadline = time.monotonic() + 10
    while first.is_alive() and time.monotonic() < deadline:
        camera.preview()  # as the desk does
        time.sleep(0.1)
    assert camera.capture(time.monotonic(), 5.0).data
    assert camera.problem == ""
    camera.close()


@pytest.mark.parametrize(
    ("kind", "source"),
    [
        ("opencv", "rtsp://user:secret@127.0.0.1:9/stream"),
        ("gstreamer", "rtspsrc location=rtsp://user:secret@127.0.0.1:9/stream ! decodebin"),
    ],
)
def test_a_worker_that_has_not_answered_yet_is_named_without_its_password(kind: str, source: str) -> None:
    camera = open_camera(CameraSection(kind=kind, source=source))

    assert "127.0.0.1" in camera.info.source
    assert "secret" not in camera.info.source
